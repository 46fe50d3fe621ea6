"""Observations -> results by analyte, in the analyte's canonical unit; what can't be used is kept with its reason.

A result without a date, dated in the future, in a unit that is not read, or outside what can be true is refused. A
refused result may be newer than a usable one, so it is never dropped. A result of which it is only possible that it
reports the lab is kept apart, as doubtful.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
from msgspec.structs import replace

from cds_service.facts.patient_facts import Coding, Concept, Interval, Measurement, ObservationFact, PatientFacts, When
from cds_service.findings.finding import Evidence
from cds_service.findings.lab_values import Converted, convert, is_of_another_dimension
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.reported_lab import ReportedLab
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason

_CLOCK_TOLERANCE = timedelta(days=1)
_ANY_TIME = datetime.max.replace(tzinfo=UTC)
NOT_DONE = "data-absent"


class Doubt(msgspec.Struct, frozen=True):
    """Why a result may be another test; all results of one `source` (a code with its words) are of the lab, or none."""

    reason: Reason
    source: Hashable


class LabResult(msgspec.Struct, frozen=True):
    """A usable result: `interval` in the lab's unit (or a coded `answer`), and what to show of it.

    `open` says why a computed one is only a range.
    """

    interval: Interval
    when: When
    evidence: Evidence
    answer: Concept | None = None
    doubt: Doubt | None = None
    open: Reason | None = None


class Blocked(msgspec.Struct, frozen=True):
    """A result that can't be used; `when` None: it may be of any time."""

    reason: Reason
    when: When | None
    evidence: Evidence | None
    doubt: Doubt | None = None


class Newest(msgspec.Struct, frozen=True):
    """The results that may be the newest, one or several, with what limits ask of them; `NONE_NEWEST` if there is none.

    `start` is the latest beginning of their times; `first` and `last` are the days between which all of them lie.
    """

    results: tuple[LabResult, ...]
    start: datetime | None = None
    first: date = date.min
    last: date = date.min
    evidence: tuple[Evidence, ...] = ()


NONE_NEWEST = Newest(())


class LabBook(msgspec.Struct):
    """All results of one call by lab id; `unplaced` are unreadable ones that may report any analyte.

    `doubtful` holds those that may report the lab or another test, usable or not, by their source.
    """

    results: dict[str, list[LabResult]] = msgspec.field(default_factory=dict)
    blocked: dict[str, list[Blocked]] = msgspec.field(default_factory=dict)
    doubtful: dict[str, dict[Hashable, list[LabResult | Blocked]]] = msgspec.field(default_factory=dict)
    unplaced: list[Blocked] = msgspec.field(default_factory=list)
    latest: dict[str, Newest] = msgspec.field(default_factory=dict)
    to_compute: dict[str, Callable[[LabBook], None]] = msgspec.field(default_factory=dict)
    """What adds the computed results of a lab: done when the lab is first asked for, as most calls ask for few."""

    def of(self, lab: str) -> list[LabResult]:
        """Usable results of a lab, any order."""
        self._compute(lab)
        return self.results.get(lab, [])

    def newest_of(self, lab: str) -> Newest:
        """The newest of the usable results, once every result of the call is in the book."""
        known = self.latest.get(lab)
        if known is None:
            known = self.latest[lab] = newest_of(self.of(lab))
        return known

    def blocked_of(self, lab: str) -> list[Blocked]:
        """Refused results that report the lab."""
        self._compute(lab)
        return self.blocked.get(lab, [])

    def doubtful_of(self, lab: str) -> Iterable[list[LabResult | Blocked]]:
        """Results that may be of the lab, one list a source."""
        self._compute(lab)
        return self.doubtful.get(lab, {}).values()

    def holds_nothing_of(self, lab: str) -> bool:
        """Whether there is no result that reports the lab, or may report it, usable or not."""
        self._compute(lab)
        return not (self.unplaced or lab in self.results or lab in self.blocked or lab in self.doubtful)

    def _compute(self, lab: str) -> None:
        if lab in self.to_compute:
            self.to_compute.pop(lab)(self)

    def add(self, lab: str, entry: LabResult | Blocked) -> None:
        """Keep a result or a refused one where it belongs."""
        self.latest.pop(lab, None)
        if entry.doubt is not None:
            self.doubtful.setdefault(lab, {}).setdefault(entry.doubt.source, []).append(entry)
        elif isinstance(entry, Blocked):
            self.blocked.setdefault(lab, []).append(entry)
        else:
            self.results.setdefault(lab, []).append(entry)


_Entry = tuple[ObservationFact, ReportedLab]


def book_of(facts: PatientFacts, knowledge: Knowledge) -> LabBook:
    """Sort every observation into the labs that it reports, and read the values that can matter.

    Values are read newest first, until one is usable and the rest is older than any limit looks back from it.
    """
    book = LabBook()
    history = knowledge.worked_out.once(_history, lambda: _history(knowledge))
    known: dict[Concept, tuple[ReportedLab, ...]] = {}
    groups: dict[tuple[str, Concept | None], list[_Entry]] = {}
    for fact in facts.observations:
        if fact.concept.says_nothing:
            reason = Reason(fact.problem or "unreadable-value")
            book.unplaced.append(Blocked(reason, fact.when, _evidence(fact, Measurement(), None)))
            continue
        reported = known.get(fact.concept)
        if reported is None:
            reported = known[fact.concept] = knowledge.lab_index.of(fact.concept)
        for lab in reported:
            groups.setdefault((lab.lab, fact.concept if lab.doubt else None), []).append((fact, lab))
    for (lab_id, _), entries in groups.items():
        _read_newest(knowledge.labs[lab_id], entries, facts.now, history[lab_id], book, knowledge)
    return book


def _history(knowledge: Knowledge) -> dict[str, timedelta]:
    """How far back from the newest usable result the others of a lab can matter: for a rise, and for what it was."""
    rise = max((limit.ratio_within_days or 0 for limit in knowledge.thresholds.values()), default=0)
    days = {key: max(rise, lab.earlier_to_days or 0) for key, lab in knowledge.labs.items()}
    for key, lab in knowledge.labs.items():
        for name in lab.derivation.inputs if lab.derivation and lab.earlier_to_days else ():
            days[name] = max(days[name], days[key])
    return {key: timedelta(days=most + 1) for key, most in days.items()}


def _read_newest(
    lab: Lab, entries: list[_Entry], now: datetime, history: timedelta, book: LabBook, knowledge: Knowledge
) -> None:
    """Read the results of one lab that come under one code, or under any code that is sure."""
    entries.sort(key=lambda entry: entry[0].when.latest if entry[0].when else _ANY_TIME, reverse=True)
    start: datetime | None = None
    for fact, reported in entries:
        if start is not None and fact.when is not None and fact.when.latest < start - history:
            return
        outcome = _outcome(fact, lab, reported, now, knowledge)
        if outcome is None:
            continue
        book.add(lab.id, outcome)
        if isinstance(outcome, LabResult):
            start = max(start, outcome.when.earliest) if start else outcome.when.earliest


def _outcome(
    fact: ObservationFact, lab: Lab, reported: ReportedLab, now: datetime, knowledge: Knowledge
) -> LabResult | Blocked | None:
    """A result, a refused one, or None for a panel without a value of its own and for what is another test."""
    if reported.refused and reported.doubt:
        return Blocked(Reason(reported.doubt), fact.when, _evidence(fact, Measurement(), reported.coding, lab))
    measured = fact.measure()
    if measured is None:
        return None
    found = _usable(fact, measured, lab, reported, now, knowledge)
    if reported.doubt is None:
        return found
    if (reported.must_fit and not _fits(measured, lab, knowledge)) or _is_another_test(measured, lab, knowledge):
        return None
    doubt = Doubt(Reason(reported.doubt), fact.concept)
    if isinstance(found, Blocked):
        return replace(found, evidence=found.evidence and _in_its_own_words(found.evidence, fact.concept), doubt=doubt)
    return replace(found, evidence=_in_its_own_words(found.evidence, fact.concept), doubt=doubt)


def _fits(measured: Measurement, lab: Lab, knowledge: Knowledge) -> bool:
    """Whether a value is a number that the lab may have, in a unit of the lab, or an answer where it has answers."""
    if lab.coded:
        return measured.answer is not None or (measured.from_text and bool(measured.shown))
    if measured.problem or measured.answer or not (measured.unit_codes or lab.unit_optional):
        return False
    return isinstance(convert(measured, lab, knowledge), Converted)


def _is_another_test(measured: Measurement, lab: Lab, knowledge: Knowledge) -> bool:
    """Whether a result that may be of the lab is none by its value: not done, in words, or of another dimension."""
    if measured.problem == NOT_DONE:
        return True
    if lab.coded:
        return False
    in_words = measured.answer.label if measured.answer else measured.shown if measured.from_text else None
    if in_words is not None and knowledge.lab_index.is_qualitative(in_words):
        return True
    return is_of_another_dimension(measured, lab, knowledge)


def _usable(
    fact: ObservationFact,
    measured: Measurement,
    lab: Lab,
    reported: ReportedLab,
    now: datetime,
    knowledge: Knowledge,
) -> LabResult | Blocked:
    evidence = _evidence(fact, measured, reported.coding, lab)
    if lab.coded and measured.from_text and measured.shown:
        measured = Measurement(answer=Concept(texts=(measured.shown,)), shown=measured.shown)
    problem = Reason(measured.problem) if measured.problem else _date_problem(fact, now)
    if problem is not None or fact.when is None:
        dated = None if problem and problem.key == "future-date" else fact.when
        return Blocked(problem or Reason("no-date"), dated, evidence)
    if lab.coded:
        if measured.answer is None or measured.answer.says_nothing:
            return Blocked(Reason("unreadable-value"), fact.when, evidence)
        return LabResult(Interval(), _not_ahead(fact.when, now), evidence, measured.answer)
    if measured.answer is not None:
        return Blocked(Reason("unreadable-value"), fact.when, evidence)
    converted = convert(measured, lab, knowledge)
    if isinstance(converted, Reason):
        return Blocked(converted, fact.when, evidence)
    shown = measured.shown if converted.reported.exact is None else converted.reported.exact
    notes = (*evidence.notes, Reason(converted.note)) if converted.note else evidence.notes
    evidence = replace(evidence, value=shown, notes=notes)
    return LabResult(converted.interval, _not_ahead(fact.when, now), evidence)


def _date_problem(fact: ObservationFact, now: datetime) -> Reason | None:
    if fact.when is None:
        return Reason("not-a-date", {"date": fact.no_date}) if fact.no_date else Reason("no-date")
    return Reason("future-date") if fact.when.earliest > now + _CLOCK_TOLERANCE else None


def _not_ahead(when: When, now: datetime) -> When:
    """A time that lies ahead, by a clock that goes wrong, may be any of the last day: it hides no other."""
    if when.earliest <= now:
        return when
    return When(now - _CLOCK_TOLERANCE, when.latest, when.text)


def _in_its_own_words(evidence: Evidence, concept: Concept) -> Evidence:
    """What is shown of a result that may be another test: the name that the record gives it."""
    return replace(evidence, text=concept.label or evidence.text)


def _evidence(fact: ObservationFact, measured: Measurement, coding: Coding | None, lab: Lab | None = None) -> Evidence:
    exact = measured.interval.exact
    return Evidence(
        reference=fact.reference,
        text=lab.label if lab else fact.concept.label,
        coding=coding,
        value=measured.shown if exact is None or measured.or_else else exact,
        unit=measured.unit_codes[-1] if measured.unit_codes else None,
        date=fact.when.text if fact.when else None,
        notes=(Reason("preliminary"),) if fact.preliminary else (),
    )


def may_be_newer(blocked: Iterable[Blocked], latest: Sequence[LabResult]) -> list[Blocked]:
    """Refused results that may be newer than the usable ones; a test that was not done takes nothing from these."""
    start = max((result.when.earliest for result in latest), default=None)
    return [
        block
        for block in blocked
        if block.reason.key != NOT_DONE and (start is None or block.when is None or block.when.latest >= start)
    ]


def newest_of(results: Sequence[LabResult]) -> Newest:
    """Those that may be the newest: one, or several where their times overlap (dates without a time)."""
    if not results:
        return NONE_NEWEST
    start = max([result.when.earliest for result in results])
    latest = tuple([result for result in results if result.when.latest >= start])
    first = min([result.when.earliest.date() for result in latest])
    last = max([result.when.latest.date() for result in latest])
    return Newest(latest, start, first, last, tuple([result.evidence for result in latest]))


def newest(results: Iterable[LabResult]) -> list[LabResult]:
    """The same, without what limits ask of them."""
    return list(newest_of(list(results)).results)
