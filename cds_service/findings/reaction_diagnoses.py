"""Diagnoses that stand on the allergy list: heparin with the reaction "HIT" is where most records have it."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.patient_facts import AllergyFact, Concept, ConditionFact, PatientFacts
from cds_service.findings.chart import Match, matches_of
from cds_service.knowledge.tables import Knowledge

_DIAGNOSES = ("criterion-heparin-induced-thrombocytopenia",)
"""Value sets of conditions that an entry or its reaction proves."""


def of_reactions(facts: PatientFacts, knowledge: Knowledge) -> Iterator[tuple[str, Match]]:
    """A value set of conditions, and a match of it."""
    for allergy in facts.allergies:
        for concept in _named(allergy):
            fact = ConditionFact(
                allergy.reference,
                concept,
                "active" if allergy.active else "inactive",
                allergy.certain,
                allergy.recorded,
                None,
                onset_recorded=False,
            )
            matches = matches_of(fact, knowledge)
            yield from ((name, matches[name]) for name in _DIAGNOSES if name in matches)


def _named(allergy: AllergyFact) -> Iterator[Concept]:
    yield allergy.concept
    for reaction in allergy.reactions:
        yield from reaction.manifestations
