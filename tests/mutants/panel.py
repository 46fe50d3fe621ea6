"""The cases that must notice a change: the clinical cases and the ordinary orders, with what each of them reads.

Judging is a function of the call, the tables and the time. So a case answers a change as before where everything that
it reads of the tables is as before: it is run only where that is not so. A question that is answered absent, or not at
all, with the change and without it, is on no card: only a case that names it can notice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from cds_service.cards.wording import ENGLISH
from cds_service.cases import failures, read_cases, request_of
from cds_service.certainty import Certainty
from cds_service.cli.everyday import play
from cds_service.cli.everyday_orders import case_row, read_everyday_orders
from cds_service.clinical_data.gather import gather
from cds_service.errors import CdsError
from cds_service.facts.extract import extract
from cds_service.findings.context import PatientContext, prepare
from cds_service.findings.questions.allergy import judge_allergy
from cds_service.findings.questions.condition import judge_condition
from cds_service.findings.questions.lab import judge_lab
from cds_service.findings.questions.medication import judge_medication
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.questions.medication import MedicationQuestion
from cds_service.knowledge.tables import Criterion, Knowledge
from tests.findings.test_hold_list import holds_of
from tests.findings.test_hold_list import listed as agents
from tests.findings.test_procedure_questions import SICK, asked, case_of, questions
from tests.mutants.changes import Mutant
from tests.terminology.test_meanings import LISTED, lost

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

    `names` are the rows and the procedure that the case names; `patient` is None for a call that is an error.
    """

    name: str
    names: frozenset[str]
    row: Mapping[str, Any]
    verdict: Verdict
    usual: Hashable = None
    asked: frozenset[Asked] = field(default_factory=frozenset)
    patient: PatientContext | None = None
    told: dict[str, bool] = field(default_factory=dict)
    """Criteria that have an answer to tell with the shipped tables, as far as it was asked."""

    def notices(self, knowledge: Knowledge) -> bool:
        """True where the answer is another than usual, or there is none."""
        try:
            return self.verdict(knowledge) != self.usual
        except (LookupError, ValueError, TypeError, AttributeError):
            return True


class Panel:
    """Every case, run once on the shipped tables."""

    def __init__(self, knowledge: Knowledge, now: datetime) -> None:
        """Run each case, and note what it reads."""
        self._criteria = _criteria(knowledge)
        self.checks = [*_codes(), *_holds(), *_procedures(now), *_clinical(now), *_everyday(now)]
        self._readers: dict[Asked, list[Check]] = {}
        for check in self.checks:
            read: set[Asked] = set()
            check.usual = check.verdict(_noting(knowledge, read))
            check.asked = frozenset(read)
            check.patient = _patient(check.row, knowledge, now) if check.row else None
            for one in check.asked:
                self._readers.setdefault(one, []).append(check)
        self._answers = {one: _answer(knowledge, one) for one in self._readers}
        # A line of a ValueSet is in the answer to a lookup only with hits of its own ValueSet.
        self._others = [one for one in self._answers if one[:2] != ("codes", "lookup")]
        self._lookups: dict[str, list[Asked]] = {}
        for one, answer in self._answers.items():
            for name in {hit.value_set for hit in answer} if one[:2] == ("codes", "lookup") else ():
                self._lookups.setdefault(name, [*self._others]).append(one)

    def noticed_by(self, mutant: Mutant, changed: Knowledge) -> str | None:
        """The name of a case that notices a change; None where none does."""
        named = [check for check in self.checks if check.names.intersection(mutant.keys)]
        first = next((check.name for check in named if check.notices(changed)), None)
        if first is not None:
            return first
        others = (check for check in self.touched(mutant, changed) if check not in named)
        return next((check.name for check in others if check.notices(changed)), None)

    def touched(self, mutant: Mutant, changed: Knowledge) -> list[Check]:
        """The cases that a change can touch."""
        if mutant.table in ("threshold", "contraindication", "criterion"):
            return [check for check in self.checks if self._answers_otherwise(check, mutant, changed)]
        if mutant.table == "procedure" and mutant.row is None:
            return list(self.checks)
        asked = self._answers if mutant.rule is None else self._lookups.get(mutant.rule.value_set, self._others)
        other = [one for one in asked if _answer(changed, one) != self._answers[one]]
        touched = {check.name: check for one in other for check in self._readers[one]}
        return list(touched.values())

    def _answers_otherwise(self, check: Check, mutant: Mutant, changed: Knowledge) -> bool:
        """Whether a changed question is told, before or after, or is one that the case names."""
        before = check.patient
        if before is None:
            return False
        if "ratio_within" in mutant.what or check.names.intersection(mutant.keys):
            return True
        after = replace(before, knowledge=changed, judged={})
        new = _criteria(changed)
        for key, old in self._criteria.items():
            rests_on_limits = old[1].measured_by or getattr(old[1].question, "severity_from", ())
            if key in new and new[key] == old and not rests_on_limits:
                continue
            if key not in check.told:
                check.told[key] = _told(old[1], before)
            if check.told[key] or (key in new and _told(new[key][1], after)):
                return True
        return False


def _criteria(knowledge: Knowledge) -> dict[str, tuple[Any, Criterion]]:
    """Each criterion with the gate of its row, by id."""
    return {c.id: (row.gate, c) for row in knowledge.contraindications for c in row.criteria}


def _told(criterion: Criterion, patient: PatientContext) -> bool:
    """Whether the question has an answer to tell; one about drugs, that rests on the order as well, may have one."""
    match criterion.question:
        case ConditionQuestion() as question:
            found = judge_condition(criterion, question, patient)
        case LabQuestion() as question:
            found = judge_lab(criterion, question, patient)
        case AllergyQuestion() as question:
            found = judge_allergy(criterion, question, patient)
        case MedicationQuestion() as question:
            found = judge_medication(criterion, question, patient)
        case _:
            return bool(patient.facts.medications) or "medications" not in patient.facts.complete
    return found is not None and found.certainty is not Certainty.ABSENT


def _patient(row: Mapping[str, Any], knowledge: Knowledge, now: datetime) -> PatientContext | None:
    try:
        call = read_request("ir-" + row.get("hook", "order-sign"), json.dumps(request_of(row, now)).encode())
        facts = extract(gather(call), now=now, reads=knowledge.lab_index.reads, encounter_id=call.encounter_id)
    except CdsError:
        return None
    return prepare(facts, knowledge)


def _noting(knowledge: Knowledge, asked: set[Asked]) -> Knowledge:
    indexes: Any = {name: _Answers(name, getattr(knowledge, name), asked) for name in _INDEXES}
    tables: Any = {name: _Keys(name, getattr(knowledge, name), asked) for name in _KEYED}
    english = _Keys("wording", knowledge.wording, asked)
    holds: Any = _Keys("medications.holds", knowledge.medications.holds, asked)
    return replace(
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


def _holds() -> Iterable[Check]:
    for line in agents():
        agent = line["agent"]

        def verdict(knowledge: Knowledge, agent: str = agent) -> Hashable:
            return tuple(holds_of(agent, knowledge).values())

        yield Check(f"holds of {agent}", frozenset(), {}, verdict)


def _procedures(now: datetime) -> Iterable[Check]:
    for listed in questions():
        key = listed["procedure"]

        def verdict(knowledge: Knowledge, key: str = key) -> Hashable:
            return tuple(asked(key, knowledge, now).items())

        yield Check(f"questions of {key}", frozenset({key, *listed["present"].split()}), case_of(key, SICK), verdict)


def _clinical(now: datetime) -> Iterable[Check]:
    for case in read_cases(TESTS / "cases"):

        def verdict(knowledge: Knowledge, case: Any = case) -> Hashable:
            return tuple(failures(case, knowledge, now))

        names = frozenset((*_names(case.row["expect"]), *_names(case.row.get("order"))))
        yield Check(case.row["id"], names, case.row, verdict)


def _everyday(now: datetime) -> Iterable[Check]:
    for order in read_everyday_orders(TESTS / "everyday"):

        def verdict(knowledge: Knowledge, order: Any = order) -> Hashable:
            played = play(order, knowledge, now)
            return played.false, played.missed

        yield Check(order.id, frozenset(), case_row(order, now), verdict)


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        yield from node
        for value in node.values():
            yield from _names(value)
