"""The cases that must notice a change: the clinical cases and the ordinary orders, with what each of them reads.

Judging is a function of the call, the tables and the time. So a case answers a change as before where everything that
it reads of the tables is as before: it is run only where that is not so. A question that is answered absent, or not at
all, with the change and without it, is on no card: only a case that names it can notice.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, zip_longest
from operator import attrgetter
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cds_service.cards.wording import ENGLISH
from cds_service.cases import failures, request_of
from cds_service.certainty import Certainty
from cds_service.cli.everyday import play
from cds_service.cli.everyday_orders import case_row, read_everyday_orders
from cds_service.clinical_data.gather import gather
from cds_service.errors import CdsError
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import OrderFact
from cds_service.findings import evaluate as evaluating
from cds_service.findings.chart import Chart
from cds_service.findings.computed import Record
from cds_service.findings.context import OrderContext, PatientContext, prepare
from cds_service.findings.contraindications import judge_contraindications
from cds_service.findings.derived_labs import add_derived
from cds_service.findings.finding import ContraindicationFinding, Shown
from cds_service.findings.indications import chart_for, judge_indications
from cds_service.findings.lab_results import LabBook, book_of
from cds_service.findings.medication_list import medications_of
from cds_service.findings.questions.judge import judge
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.questions.antithrombotic import AntithromboticQuestion
from cds_service.knowledge.tables import Contraindication, Criterion, Knowledge, Procedure
from tests.cards.test_advice_list import advice_lines
from tests.cards.test_advice_list import listed as listed_advice
from tests.cards.test_sentences import changed as changed_sentences
from tests.cards.test_sentences import sentences
from tests.findings.test_agent_list import agent_lines
from tests.findings.test_agent_list import listed as listed_agents
from tests.findings.test_gate_list import gate_lines
from tests.findings.test_gate_list import listed as listed_gates
from tests.findings.test_hold_list import holds_of
from tests.findings.test_hold_list import listed as agents
from tests.findings.test_procedure_questions import PATIENTS, asked, case_of, questions
from tests.findings.test_scores import (
    EXAMPLES,
    FORMULAS,
    formulas,
    other_classes,
    other_ranges,
)
from tests.findings.test_scores import deviating as deviating_scores
from tests.mutants.changes import CODE, HOLD, SCORE, SENTENCE, WINDOW, Mutant
from tests.summary.test_every_case import PLACES, places
from tests.support.second_lists import deviating
from tests.support.shipped import shipped_cases
from tests.terminology.test_meanings import LISTED, lost

_FIRST = 60
"""So many cases that name a row are run before it is found out which ones a change can touch."""
_BY_LIST = frozenset({CODE, HOLD, SENTENCE, SCORE})
_LIMIT = re.compile(r"\bid=([\w-]+)")
SCORES = ("meld", "meld-3", "meld-na", "egfr", "creatinine-clearance", "child-pugh")
TESTS = Path(__file__).parents[1]
Verdict = Callable[[Knowledge], Hashable]
Asked = tuple[str, str, tuple[Any, ...]]


class _Answers:
    """An index of the tables that notes each question to it: of which index, method, arguments."""

    def __init__(self, name: str, index: Any, asked: set[Asked]) -> None:
        self._name, self._index, self._asked = name, index, asked

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def ask(*arguments: Any) -> Any:
            plain = tuple(map(_hashable, arguments))
            self._asked.add((self._name, method, plain))
            return getattr(self._index, method)(*plain)

        return ask


def _hashable(argument: Any) -> Any:
    if isinstance(argument, set):
        return frozenset(argument)
    return tuple(argument) if isinstance(argument, Iterator | list | Mapping) else argument


class _Keys(Mapping[str, Any]):
    """A table by id that notes which ids are asked for; to go through all of them asks for each."""

    def __init__(self, name: str, table: Mapping[str, Any], asked: set[Asked]) -> None:
        self._name, self._table, self._asked = name, table, asked

    def __getitem__(self, key: str) -> Any:
        self._asked.add((self._name, "get", (key,)))
        return self._table[key]

    def __iter__(self) -> Iterator[str]:
        self._asked.update((self._name, "get", (key,)) for key in self._table)
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


_INDEXES = ("codes", "lab_index")
_KEYED = ("procedures", "conditions", "order_codes")


@dataclass(slots=True, eq=False)
class Check:
    """One case. `verdict` gives `usual` where the case notices nothing; `asked` is what it reads of the tables.

    `names` are the rows and the procedure that the case names; `reads_text`: it looks at what a card says. `situation`
    is None for a call that is an error.
    """

    name: str
    names: frozenset[str]
    row: Mapping[str, Any]
    verdict: Verdict
    usual: Hashable = None
    asked: frozenset[Asked] = field(default_factory=frozenset)
    reads_text: bool = False
    situation: Situation | None = None

    def notices(self, knowledge: Knowledge) -> bool:
        """True where the answer is another than usual, or there is none."""
        try:
            return self.verdict(knowledge) != self.usual
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
            return True


class Panel:
    """Every case; each is run on the shipped tables before it is needed, all of them by `run_all`."""

    def __init__(self, knowledge: Knowledge, now: datetime) -> None:
        """Read the cases; a call costs a hundred times as much as its line."""
        self._knowledge, self._now = knowledge, now
        self.checks = [*_codes(), *_holds(knowledge), *_lists(), *_procedures(now), *_clinical(now), *_everyday(now)]
        self._ran: set[str] = set()
        self._readers: dict[Asked, list[Check]] = {}
        self._answers: dict[Asked, Any] = {}
        self._others: list[Asked] = []
        self._lookups: dict[str, list[Asked]] = {}

    def run_all(self) -> None:
        """Run each case, and note what it reads."""
        if self._answers:
            return
        for check in self.checks:
            self._run(check)
            for one in check.asked:
                self._readers.setdefault(one, []).append(check)
        self._answers = {one: _answer(self._knowledge, one) for one in self._readers}
        # A line of a ValueSet is in the answer to a lookup only with hits of its own ValueSet.
        self._others = [one for one in self._answers if one[:2] != ("codes", "lookup")]
        for one, answer in self._answers.items():
            for name in {hit.value_set for hit in answer} if one[:2] == ("codes", "lookup") else ():
                self._lookups.setdefault(name, [*self._others]).append(one)

    def _run(self, check: Check) -> None:
        if check.name in self._ran:
            return
        self._ran.add(check.name)
        read: set[Asked] = set()
        check.usual = check.verdict(_noting(self._knowledge, read))
        check.asked = frozenset(read)
        check.situation = _situation(check.row, self._knowledge, self._now) if check.row else None

    def noticed_by(self, mutant: Mutant, changed: Knowledge) -> str | None:
        """The name of a case that notices a change; None where none does. Those that name the row are asked first.

        Patients before the lists that copy the tables, but for what has thousands of changes.
        """
        named = [check for check in self.checks if not check.names.isdisjoint(mutant.keys)]
        by_list = mutant.kind in _BY_LIST
        near = sorted(named, key=lambda check: (by_list or bool(check.row), *_how_near(check, mutant)), reverse=True)
        for check in near[:_FIRST]:
            self._run(check)
            if check.notices(changed):
                return check.name
        self.run_all()
        touched = self.touched(mutant, changed)
        return next((check.name for check in touched if check.notices(changed)), None)

    def touched(self, mutant: Mutant, changed: Knowledge) -> Iterator[Check]:
        """The cases that a change can touch; those that name the row come first."""
        self.run_all()
        checks = sorted(self.checks, key=lambda check: not check.names.intersection(mutant.keys))
        if mutant.table in ("threshold", "contraindication", "criterion"):
            change = _RowsChanged.between(self._knowledge, changed, mutant)
            return (check for check in checks if _lists_it(check, mutant) or change.tells_otherwise(check))
        if mutant.table == "medications" and mutant.keys[0] == "agent":
            agent = mutant.keys[1]
            return (check for check in checks if _lists_it(check, mutant) or _takes_it(check, agent, changed))
        if mutant.table in ("medications", "holds"):
            return (check for check in checks if _lists_it(check, mutant) or _holds_any(check, "medications"))
        if mutant.table == "indication" and mutant.kind == WINDOW:
            old, new = (tables.procedures[mutant.keys[0]] for tables in (self._knowledge, changed))
            return (check for check in checks if _has_another_reason(check, old, new))
        if mutant.table == "performed":
            return (check for check in checks if _holds_any(check, "procedures"))
        if mutant.table == "lab":
            lab = mutant.keys[0]
            return (check for check in checks if _lists_it(check, mutant) or _has_another_result(check, lab, changed))
        if mutant.table == "procedure" and mutant.row is None:
            return iter(checks)
        lists = (check for check in checks if _lists_it(check, mutant))
        return chain(lists, self._asking(mutant, changed))

    def _asking(self, mutant: Mutant, changed: Knowledge) -> list[Check]:
        """The cases that ask an index or a table something that it answers otherwise."""
        asked = self._answers if mutant.rule is None else self._lookups.get(mutant.rule.value_set, self._others)
        other = [one for one in asked if _answer(changed, one) != self._answers[one]]
        touched = {check.name: check for one in other for check in self._readers[one]}
        return list(touched.values())


def _how_near(check: Check, mutant: Mutant) -> tuple[int, bool]:
    """How many ids of a row a case names, and whether one of them is in its own."""
    return len(check.names.intersection(mutant.keys)), any(key in check.name for key in mutant.keys)


def _lists_it(check: Check, mutant: Mutant) -> bool:
    """Whether it is a list that names the row, and no call."""
    return not check.row and not check.names.isdisjoint(mutant.keys)


def _holds_any(check: Check, kind: str) -> bool:
    """Whether the record of the case holds entries of a kind."""
    return check.situation is not None and bool(getattr(check.situation.patient.facts, kind))


def _takes_it(check: Check, agent: str, changed: Knowledge) -> bool:
    """Whether an agent is on the list of the record, with the change or without it."""
    if not _holds_any(check, "medications"):
        return False
    assert check.situation is not None
    before = check.situation.patient
    entries = (*before.medications.entries, *medications_of(before.facts, changed).entries)
    return any(agent in entry.agents for entry in entries)


def _has_another_reason(check: Check, old: Procedure, new: Procedure) -> bool:
    """Whether a reason of a procedure is answered otherwise; when something began decides nothing else of an order."""
    if check.situation is None:
        return False
    patient = check.situation.patient
    return any(
        judge_indications([old], order, chart, patient) != judge_indications([new], order, chart, patient)
        for order, chart in check.situation.charts
    )


def _has_another_result(check: Check, lab: str, changed: Knowledge) -> bool:
    """Whether a result that was computed for the case is another, or graded otherwise.

    What nothing asked for was not computed, and is not with the change.
    """
    if check.situation is None or lab in check.situation.patient.labs.to_compute:
        return False
    before = check.situation.patient
    if changed.labs[lab].grades != before.knowledge.labs[lab].grades:
        return True
    try:
        book = book_of(before.facts, changed)
        add_derived(book, Record(before.facts, changed, before.chart, before.medications))
        return _results(book, lab) != _results(before.labs, lab)
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
        return True


def _results(book: LabBook, lab: str) -> Any:
    return book.of(lab), book.blocked_of(lab), list(book.doubtful_of(lab))


@dataclass(frozen=True, slots=True)
class Situation:
    """The record of a case, and what each row answers for each of its orders with the shipped tables."""

    patient: PatientContext
    found: Mapping[OrderContext, Mapping[str, ContraindicationFinding]]
    charts: tuple[tuple[OrderFact | None, Chart], ...]
    """The chart for each order, with its own reasons; of a call without an order that of the record."""


@dataclass(frozen=True, slots=True)
class _RowsChanged:
    """The rows of the second table that a change makes other, and what of them it does."""

    knowledge: Knowledge
    rows: Mapping[str, Contraindication | None]
    """None for one that is left out."""
    regated: frozenset[str]
    """Rows that may be asked of other patients, or without a question."""
    criteria: Mapping[str, tuple[Criterion, ...]]
    """Of the other rows: the questions that may be answered or told otherwise."""
    anew: bool
    """Whether the record has to be prepared again: how far back results are kept rests on a limit."""

    @classmethod
    def between(cls, before: Knowledge, after: Knowledge, mutant: Mutant) -> _RowsChanged:
        """Compare the tables; a limit also decides for questions that only rest on it."""
        old = {row.id: row for row in before.contraindications}
        new = {row.id: row for row in after.contraindications}
        rest = (lambda c: bool(_rests_on(c))) if mutant.table == "threshold" else (lambda c: False)
        other = {
            key: [
                c for c, was in zip_longest(row.criteria, old[key].criteria) if c is not None and (c != was or rest(c))
            ]
            for key, row in new.items()
        }
        rows = {key: new.get(key) for key, row in old.items() if new.get(key) != row or other[key]}
        regated = {key for key, row in rows.items() if row is None or _gates(row) != _gates(old[key])}
        anew = "ratio_within" in mutant.what
        return cls(after, rows, frozenset(regated), {key: tuple(other.get(key, ())) for key in rows}, anew)

    def tells_otherwise(self, check: Check) -> bool:
        """Whether a row is answered otherwise for an order of the case, in a way that it may notice."""
        if check.situation is None:
            return False
        before = check.situation.patient
        patient = replace(before, knowledge=self.knowledge, judged={})
        if self.anew:
            patient = prepare(before.facts, self.knowledge, planning=before.planning)
        return any(
            self._row_tells_otherwise(key, order, found.get(key), patient, reads_text=check.reads_text)
            for order, found in check.situation.found.items()
            for key in self.rows
        )

    def _row_tells_otherwise(
        self,
        key: str,
        order: OrderContext,
        was: ContraindicationFinding | None,
        patient: PatientContext,
        *,
        reads_text: bool,
    ) -> bool:
        row = self.rows[key]
        if key not in self.regated and (was is None or not self._may_differ(key, order, was, patient)):
            return False
        only = dataclasses.replace(self.knowledge, contraindications=(row,) if row else ())
        after = judge_contraindications(order, replace(patient, knowledge=only, judged={}))
        now = after[0] if after else None
        return _heard(was) != _heard(now) or (reads_text and _shown(was) != _shown(now))

    def _may_differ(self, key: str, order: OrderContext, was: ContraindicationFinding, patient: PatientContext) -> bool:
        """Whether a changed question has an answer to tell, with the change or without it."""
        told = {found.criterion.id for found in was.criteria if found.certainty is not Certainty.ABSENT}
        for criterion in self.criteria[key]:
            found = None if criterion.id in told else judge(criterion, order, patient)
            if criterion.id in told or (found is not None and found.certainty is not Certainty.ABSENT):
                return True
        return False


def _rests_on(criterion: Criterion) -> bool:
    """Whether limits that are not its own decide how it is answered or told."""
    question = criterion.question
    return bool(criterion.measured_by or getattr(question, "severity_from", ())) or isinstance(
        question, AntithromboticQuestion
    )


def _gates(row: Contraindication) -> Any:
    return row.gate, [(c.id, c.gate, c.required, c.superseded_by, c.replaced_by) for c in row.criteria]


def _heard(found: ContraindicationFinding | None) -> Any:
    """What of an answer a case can name: certainty and level of the row and its questions, and where it is told."""
    if found is None:
        return None
    parts = [(c.criterion.id, c.certainty, c.indicator, c.told, c.reason, c.evidence_left_out) for c in found.criteria]
    return found.certainty, found.indicator, found.told, parts


def _shown(found: ContraindicationFinding | None) -> Any:
    """The questions that are told, as a whole: what a card says of them."""
    if found is None or found.certainty is Certainty.ABSENT:
        return None
    return found.contraindication.cite, [c for c in found.criteria if c.told.shown is not Shown.NONE]


def _situation(row: Mapping[str, Any], knowledge: Knowledge, now: datetime) -> Situation | None:
    try:
        call = read_request("ir-" + row.get("hook", "order-sign"), json.dumps(request_of(row, now)).encode())
        facts = extract(gather(call), now=now, reads=knowledge.lab_index.reads, encounter_id=call.encounter_id)
    except CdsError:
        return None
    patient = prepare(facts, knowledge, planning=call.service.focus != "selections")
    if call.service.focus == "none":
        evaluating._options(patient)
    else:
        for order in facts.orders:
            evaluating._judge_order(order, patient)
    found = {order: {row.contraindication.id: row for row in rows} for order, rows in patient.judged.items()}
    charts = tuple((order, chart_for(order, patient)) for order in facts.orders or (None,))
    return Situation(patient, found, charts)


def _noting(knowledge: Knowledge, asked: set[Asked]) -> Knowledge:
    indexes: Any = {name: _Answers(name, getattr(knowledge, name), asked) for name in _INDEXES}
    tables: Any = {name: _Keys(name, getattr(knowledge, name), asked) for name in _KEYED}
    english = _Keys("wording", knowledge.wording, asked)
    holds: Any = _Keys("medications.holds", knowledge.medications.holds, asked)
    return dataclasses.replace(
        knowledge,
        **indexes,
        **tables,
        medications=replace(knowledge.medications, holds=holds),
        wording=english,
        wordings={**knowledge.wordings, ENGLISH: english},
    )


def _answer(knowledge: Knowledge, asked: Asked) -> Any:
    name, method, arguments = asked
    return getattr(attrgetter(name)(knowledge), method)(*arguments)


def _codes() -> Iterable[Check]:
    for value_set, listed in LISTED.items():

        def verdict(knowledge: Knowledge, listed: Any = listed) -> Hashable:
            return tuple(lost(listed, knowledge))

        yield Check(f"codes of {value_set}", frozenset({value_set}), {}, verdict)


def _holds(shipped: Knowledge) -> Iterable[Check]:
    for line in agents():
        agent = line["agent"]

        def verdict(knowledge: Knowledge, agent: str = agent) -> Hashable:
            return tuple(holds_of(agent, knowledge).values())

        names = frozenset(row.id for row in shipped.medications.holds.get(agent, ()))
        yield Check(f"holds of {agent}", names, {}, verdict)


def _lists() -> Iterable[Check]:
    listed = sentences()

    def scores(knowledge: Knowledge) -> Hashable:
        return any(deviating_scores(row, knowledge) for row in EXAMPLES)

    def ranges(knowledge: Knowledge) -> Hashable:
        return tuple(other_ranges(knowledge)), tuple(other_classes(knowledge))

    def shown(knowledge: Knowledge) -> Hashable:
        return formulas(knowledge) == FORMULAS

    def said(knowledge: Knowledge) -> Hashable:
        return bool(changed_sentences(listed, knowledge.wording))

    def stand(knowledge: Knowledge) -> Hashable:
        return places(knowledge) == PLACES

    yield Check("formulas of scores", frozenset(FORMULAS), {}, shown)
    yield Check("ranges and classes of scores", frozenset(FORMULAS), {}, ranges)
    yield Check("scores of an independent implementation", frozenset(SCORES), {}, scores)

    def drugs(knowledge: Knowledge) -> Hashable:
        return tuple(deviating(lines, agent_lines(knowledge), "agent"))

    def advised(knowledge: Knowledge) -> Hashable:
        return tuple(deviating(advice, advice_lines(knowledge), "id"))

    def asked_when(knowledge: Knowledge) -> Hashable:
        return tuple(deviating(gates, gate_lines(knowledge), "id"))

    gates = listed_gates()
    named = frozenset(part for line in gates for part in (*line["id"].split("/"), *_LIMIT.findall(line["when"])))
    yield Check("when questions are asked", named, {}, asked_when)
    advice = listed_advice()
    yield Check("advice", frozenset(line["id"] for line in advice), {}, advised)
    lines = listed_agents()
    yield Check("agents", frozenset(line["agent"] for line in lines), {}, drugs)
    yield Check("sentences", frozenset(listed), {}, said)
    yield Check("sections of the summary", frozenset(PLACES), {}, stand)


def _procedures(now: datetime) -> Iterable[Check]:
    for listed in questions():
        key = listed["procedure"]
        for name, patient in PATIENTS.items():

            def verdict(knowledge: Knowledge, key: str = key, name: str = name) -> Hashable:
                return tuple(asked(key, name, knowledge, now).items())

            names = frozenset({key, *(listed["present"].split() if name == "sick" else ())})
            yield Check(f"questions of {key}, {name}", names, case_of(key, patient), verdict)


def _clinical(now: datetime) -> Iterable[Check]:
    for case in shipped_cases():

        def verdict(knowledge: Knowledge, case: Any = case) -> Hashable:
            return tuple(failures(case, knowledge, now))

        names = frozenset((*_names(case.row["expect"]), *_names(case.row.get("order"))))
        reads_text = bool({"cards_say", "cards_do_not_say"} & set(case.row["expect"]))
        yield Check(case.row["id"], names, case.row, verdict, reads_text=reads_text)


def _everyday(now: datetime) -> Iterable[Check]:
    for order in read_everyday_orders(TESTS / "everyday"):

        def verdict(knowledge: Knowledge, order: Any = order) -> Hashable:
            played = play(order, knowledge, now)
            return played.false, played.missed

        yield Check(order.id, frozenset(), case_row(order, now), verdict, reads_text=bool(order.names))


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        yield from node
        for value in node.values():
            yield from _names(value)
