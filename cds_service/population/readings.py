"""Which readings of a record are judged alike, so that one judgement does for both.

Where dates leave open what was known, an order is judged in several readings. Most of them differ in what no question
looks at: whether a medication that is none of the tables' was still taken, or at which hour of a day it was asked.
"""

from __future__ import annotations

from msgspec.structs import replace

from cds_service.facts.patient_facts import MedicationFact, PatientFacts
from cds_service.findings.medication_list import medications_of
from cds_service.knowledge.tables import Knowledge


def are_judged_alike(one: PatientFacts, other: PatientFacts, knowledge: Knowledge) -> bool:
    """Whether two readings of one patient's record differ in nothing that is looked at; True only where it is sure.

    Questions find medications by their agents, so of one that names none it does not matter whether it is still taken.
    The hour is asked for only of results that lie ahead of it; days are compared by `today`.
    """
    if replace(other, now=one.now, medications=one.medications) != one:
        return False
    return _alike_by_the_hour(one, other) and _alike_by_medications(one, other, knowledge)


def _alike_by_the_hour(one: PatientFacts, other: PatientFacts) -> bool:
    if one.now == other.now:
        return True
    first = min(one.now, other.now)
    return all(fact.when is None or fact.when.earliest <= first for fact in one.observations)


def _alike_by_medications(one: PatientFacts, other: PatientFacts, knowledge: Knowledge) -> bool:
    if len(one.medications) != len(other.medications):
        return False
    pairs = zip(one.medications, other.medications, strict=True)
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    return all(map(_differ_in_use_alone, differing)) and _name_no_agent(one, [fact for fact, _ in differing], knowledge)


def _differ_in_use_alone(pair: tuple[MedicationFact, MedicationFact]) -> bool:
    return replace(pair[1], activity=pair[0].activity) == pair[0]


def _name_no_agent(facts: PatientFacts, medications: list[MedicationFact], knowledge: Knowledge) -> bool:
    """Whether all are read, and none of the tables' agents."""
    found = medications_of(replace(facts, medications=tuple(medications)), knowledge)
    return not any(entry.agents or entry.unread for entry in found.entries)
