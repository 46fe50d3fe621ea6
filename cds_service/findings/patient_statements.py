"""What the Patient itself says, as matches of recorded conditions: whether an interpreter is needed."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.patient_facts import Concept, ConditionFact, InterpreterFact, PatientFacts
from cds_service.findings.chart import Match
from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import Hit

_INTERPRETER, _YES = "criterion-interpreter-needed", "answer-yes"


def of_the_patient(facts: PatientFacts, knowledge: Knowledge) -> Iterator[tuple[str, Match]]:
    """A value set of conditions, and a match of it."""
    said = facts.interpreter
    if said is not None and _is_needed(said, knowledge):
        fact = ConditionFact(said.reference, Concept(), "active", True, None, None)
        label = knowledge.codes.title(_INTERPRETER) or _INTERPRETER
        yield _INTERPRETER, Match(fact, said.answer, Hit(_INTERPRETER, "exact"), label)


def _is_needed(said: InterpreterFact, knowledge: Knowledge) -> bool:
    if said.required is not None or said.answer is None:
        return bool(said.required)
    return any(hit.value_set == _YES for hit in knowledge.codes.lookup(said.answer.system, said.answer.code))
