"""One patient's orders, judged by the stages of the hook as of when they were written.

In: everything that the export holds of the patient. Out: one row an order. The stages are those of `answer.py`; what
differs is where the data come from, and that each order is judged by what was known when it was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import lru_cache, partial

from msgspec.structs import replace

from cds_service.call_summary import summarize_order
from cds_service.cards.render import choose_cards
from cds_service.certainty import Certainty
from cds_service.clinical_data.bundles import Page, PageEntry, collect
from cds_service.clinical_data.retrieved import ClinicalData, RetrievedData, Unavailable, missing
from cds_service.facts.dates import read_when
from cds_service.facts.extract import extract
from cds_service.facts.known_at import Record, known_at, read_record
from cds_service.facts.observations import read_observations
from cds_service.facts.patient_facts import PatientFacts, When
from cds_service.facts.reading import Reading
from cds_service.findings.chart import Chart
from cds_service.findings.evaluate import evaluate
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.findings.recognition import NotRecognized, recognize
from cds_service.hooks.catalog import SERVICES
from cds_service.kinds import KINDS
from cds_service.knowledge.tables import Knowledge
from cds_service.population.coverage import Coverage
from cds_service.population.look_back import first_judged
from cds_service.population.orders import PlacedOrder, Terms, placed_orders
from cds_service.population.plan import Choices
from cds_service.population.readings import are_judged_alike
from cds_service.population.records import Bodies, why_not_judged
from cds_service.population.rows import Row, ToldCard, told_cards
from cds_service.population.spill import ENCOUNTERS, ORDERS, PATIENT
from cds_service.population.versions import has_versions, versions_at
from cds_service.reasons import Reason

_SIGN = SERVICES["ir-order-sign"]
_RESULTS = KINDS["observations"]
_INCOMPLETE = "incomplete-error-entry"
"""The reason of the wording for data of which the sender says itself that a part is missing."""
_WHAT = ("system", "unit")
"""The values of a reason that say what nobody reads; the value of a result is none of them."""
_UNREAD = frozenset({"unread-vocabulary", "unit-not-read", "uncoded-condition", "uncoded-allergy"})

_MOST_DISGUISED = 4096
"""Pseudonyms that are remembered: a patient's orders follow each other, and requesters come again."""


@dataclass(slots=True)
class Judged:
    """What judging one bucket gave: rows, orders set aside by reason, and what nothing could read.

    `unread` counts orders by what was in the way: (reason, detail).
    """

    rows: list[Row] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)
    unread: Counter[tuple[str, str]] = field(default_factory=Counter)


class Judge:
    """Judges patients by one version of the tables."""

    def __init__(
        self, knowledge: Knowledge, choices: Choices, coverage: Coverage, disguise: Callable[[str], str]
    ) -> None:
        """Prepare once for many patients; `disguise` makes a pseudonym of the id of a patient or requester."""
        self._disguise = lru_cache(_MOST_DISGUISED)(disguise)
        self._knowledge = knowledge
        self._choices, self._coverage = choices, coverage
        self._zone = choices.timezone
        self._terms = Terms(self._zone, self._first_judged(), coverage.deleted)
        self._export_time = self._time_of_export()
        self._no_time = datetime.min.replace(tzinfo=self._zone)
        self._no_chart = Chart({}, (), knowledge, complete=False)
        self._told_of_unknown: dict[NotRecognized, tuple[ToldCard, ...]] = {}

    def place(self, owner: str, bodies: Sequence[bytes], judged: Judged) -> list[PlacedOrder]:
        """The orders of one patient that the record is needed for; the others are done with it.

        Args:
            owner: bare id of the patient.
            bodies: every ServiceRequest of the patient, in any order.
            judged: takes what is set aside, and the rows of orders that are none of the table's.
        """
        found = self._collected(ORDERS, KINDS[ORDERS].resource_types, owner, {ORDERS: bodies})
        known = []
        for placed in placed_orders(found, len(bodies), self._terms, judged.set_aside):
            # Whether an order is one of the table's does not depend on the record; which one of them it is may.
            found_as = recognize(placed.order, self._no_chart, self._knowledge)
            if isinstance(found_as, NotRecognized):
                judged.rows.append(self._row(placed, owner, cards=self._cards_of_unknown(placed, found_as)))
            else:
                known.append(placed)
        return known

    def _cards_of_unknown(self, placed: PlacedOrder, found: NotRecognized) -> tuple[ToldCard, ...]:
        """What the hook says of an order that it does not know: of the order only its words are told."""
        if found not in self._told_of_unknown:
            unknown = OrderFinding(placed.order, looks_interventional=found.looks_interventional)
            told = told_cards(choose_cards(Findings((unknown,), ()), self._knowledge, _SIGN))
            self._told_of_unknown[found] = told
        return self._told_of_unknown[found]

    def judge(self, owner: str, orders: Sequence[PlacedOrder], bodies: Bodies | None, judged: Judged) -> None:
        """Judge orders of one patient, as given by `place`.

        Args:
            owner: bare id of the patient.
            orders: at least one.
            bodies: what the export holds of the patient; None where that is too large.
            judged: takes the outcome.
        """
        reason = why_not_judged(bodies, [placed.order.body for placed in orders])
        if bodies is None or reason is not None:
            judged.set_aside[str(reason)] += len(orders)
            return
        record_at = self._records(owner, bodies) if self._choices.as_of == "order" else None
        for placed in orders:
            if record_at is not None:
                self._judge_order(placed, owner, self._views(placed, record_at), judged)
            else:
                whole = self._whole(owner, bodies, self._export_time or placed.when.latest)
                self._judge_order(placed, owner, [whole], judged)

    def reads_result(self, owner: str, body: bytes) -> bool:
        """Whether an Observation of a patient says anything that a question reads, or can't be read."""
        key = _RESULTS.key
        found = self._collected(key, _RESULTS.resource_types, owner, {key: [body]})
        reading = Reading(self._no_time, self._knowledge.lab_index.reads)
        return bool(read_observations(found, reading) or reading.gaps or found.unavailable)

    def option(self, owner: str, bodies: Bodies, procedure: str) -> OrderFinding | None:
        """What speaks for and against a procedure for one patient, by the whole record.

        None where the record holds no indication of it.
        """
        now = self._export_time
        if now is None:
            return None  # nothing in the whole export has a date
        findings = evaluate(self._whole(owner, bodies, now), self._knowledge, options=True)
        fitting = (found for found in findings.orders if found.procedure and found.procedure.id == procedure)
        return next(fitting, None)

    def _judge_order(self, placed: PlacedOrder, owner: str, views: Iterable[PatientFacts], judged: Judged) -> None:
        views = [replace(facts, orders=(placed.order,), encounter_id=placed.encounter) for facts in views]
        findings = [evaluate(facts, self._knowledge) for facts in views]
        if any(found.nothing_retrieved for found in findings):
            judged.set_aside["nothing of the record could be retrieved"] += 1
            return
        told = [told_cards(choose_cards(found, self._knowledge, _SIGN)) for found in findings]
        judged.unread.update(set(_unread(findings[0])))
        others = tuple(cards for cards in dict.fromkeys(told[1:]) if cards != told[0])
        judged.rows.append(self._row(placed, owner, findings[0], told[0], others))

    def _views(self, placed: PlacedOrder, record_at: Callable[[datetime], Record]) -> Sequence[PatientFacts]:
        """What was known; then what may have been, where that may be judged in another way."""
        views: list[PatientFacts] = []
        for facts in self._readings(placed, record_at):
            if not any(are_judged_alike(facts, other, self._knowledge) for other in views):
                views.append(facts)
        return views

    def _readings(self, placed: PlacedOrder, record_at: Callable[[datetime], Record]) -> Iterator[PatientFacts]:
        first_counts = self._choices.undated != "without"
        for moment in dict.fromkeys((placed.when.latest, placed.when.earliest)):
            at = partial(known_at, record_at(moment), moment, named=placed.order.reason_references)
            known = at(count_doubtful=first_counts)
            yield known.facts
            if known.in_doubt and self._choices.undated == "both":
                yield at(count_doubtful=False).facts

    def _row(
        self,
        placed: PlacedOrder,
        owner: str,
        findings: Findings | None = None,
        cards: tuple[ToldCard, ...] = (),
        others: tuple[tuple[ToldCard, ...], ...] = (),
    ) -> Row:
        order = findings.orders[0] if findings is not None else None
        found = summarize_order(order) if order is not None else None
        concept = placed.order.concept
        return Row(
            order=placed.order.reference,
            patient=self._disguise(owner),
            time=placed.when.text if placed.when.earliest != placed.when.latest else placed.when.latest.isoformat(),
            requester=self._disguise(placed.requester) if placed.requester else None,
            unit=placed.unit,
            procedure=found.procedure if found else None,
            recognised_by=order.recognised_by if order else None,
            indication=found.indication if found else None,
            present=dict(found.present) if found else {},
            unknown={row: _reasons(findings, row) for row in found.unknown} if found and findings else {},
            applies=[row.contraindication.id for row in order.contraindications] if order else [],
            cards=cards,
            others=others,
            codes=[f"{coding.system}|{coding.code}" for coding in concept.codings] if order is None else [],
            text=concept.label if self._choices.with_text else None,
        )

    def _records(self, owner: str, bodies: Bodies) -> Callable[[datetime], Record]:
        """Gives a patient's record as it was at a moment; read once, unless it holds several versions of a resource."""
        if any(map(has_versions, bodies.values())):
            return lambda at: self._record(owner, {key: versions_at(found, at) for key, found in bodies.items()})
        record = self._record(owner, bodies)
        return lambda at: record

    def _record(self, owner: str, bodies: Bodies) -> Record:
        return read_record(
            self._data(owner, bodies),
            self._collected(ENCOUNTERS, ("Encounter",), owner, bodies).records,
            zone=self._zone,
            result_lag=timedelta(hours=self._choices.result_lag_hours),
            reads=self._knowledge.lab_index.reads,
        )

    def _whole(self, owner: str, bodies: Bodies, now: datetime) -> PatientFacts:
        """The whole record as of the export, its orders left out."""
        at = now.astimezone(self._zone)
        return extract(self._data(owner, bodies), now=at, reads=self._knowledge.lab_index.reads)

    def _data(self, owner: str, bodies: Bodies) -> ClinicalData:
        kinds = (kind.key for kind in KINDS.values() if kind.key != ORDERS)
        return ClinicalData(RetrievedData(), {key: self._retrieved(key, owner, bodies) for key in kinds})

    def _retrieved(self, key: str, owner: str, bodies: Bodies) -> RetrievedData:
        """As if a hook call had sent it: through the same reader, so that the same is refused."""
        if key in self._coverage.absent or (key == PATIENT and not bodies.get(PATIENT)):
            return missing(key, "not-sent")
        part_missing = key in self._coverage.incomplete and key != PATIENT
        gaps = [Unavailable(key, Reason(_INCOMPLETE))] if part_missing else []
        found = self._collected(key, KINDS[key].resource_types, owner, bodies, gaps)
        if not self._coverage.deleted:
            return found
        return replace(found, records=tuple(r for r in found.records if r.reference not in self._coverage.deleted))

    def _collected(
        self, key: str, types: Sequence[str], owner: str, bodies: Bodies, gaps: Sequence[Unavailable] = ()
    ) -> RetrievedData:
        entries = tuple(PageEntry(body, f"{key}[{place}]") for place, body in enumerate(sorted(bodies.get(key, ()))))
        return collect(key, [Page("Bundle", entries)], types, owner, gaps)

    def _first_judged(self) -> datetime | None:
        """Orders written earlier can't be judged: the tables look back to before the data."""
        given = self._choices.data_start
        first = given or self._coverage.first_day
        if first is None or self._choices.as_of == "export":
            return None
        starts = {} if given else self._coverage.starts
        return datetime.combine(first_judged(self._knowledge, first, starts), time(), self._zone)

    def _time_of_export(self) -> datetime | None:
        """The manifest's time, else the end of the last day with data."""
        when: When | None = read_when(self._coverage.now or self._coverage.last_day, self._zone)
        return when.latest if when else None


def _reasons(findings: Findings, row_id: str) -> list[str]:
    """Keys of the wording: why a row has no answer."""
    rows = [row for order in findings.orders for row in order.contraindications if row.contraindication.id == row_id]
    found = [criterion for row in rows for criterion in row.criteria if criterion.certainty is Certainty.UNKNOWN]
    return sorted({criterion.reason.key for criterion in found if criterion.reason is not None})


def _unread(findings: Findings) -> Iterator[tuple[str, str]]:
    """What stood in the way: vocabularies, units and words that nobody reads."""
    answers = [found.reason for order in findings.orders for found in order.indications]
    answers += [c.reason for order in findings.orders for row in order.contraindications for c in row.criteria]
    answers += [gap.reason for gap in findings.unavailable]
    for reason in answers:
        if reason is not None and reason.key in _UNREAD:
            yield reason.key, ", ".join(str(reason.values[name]) for name in _WHAT if name in reason.values)
