"""Diagnoses that stand on the allergy list: heparin with the reaction "HIT" is where most records have it."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.patient_facts import AllergyFact, Concept, ConditionFact, PatientFacts
from cds_service.findings.chart import Match, matches_of
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Knowledge


def of_reactions(facts: PatientFacts, knowledge: Knowledge) -> Iterator[tuple[str, Match]]:
    """A value set of conditions, and a match of it."""
    asked = knowledge.worked_out.once(_asked_for, lambda: _asked_for(knowledge))
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
            yield from ((name, matches[name]) for name in asked if name in matches)


def _asked_for(knowledge: Knowledge) -> tuple[str, ...]:
    """The value sets of the questions that the allergy list answers as well."""
    questions = (criterion.question for row in knowledge.contraindications for criterion in row.criteria)
    asked = (q for q in questions if isinstance(q, ConditionQuestion) and q.on_allergy_list)
    return tuple(dict.fromkeys(name for question in asked for name in question.value_sets))


def _named(allergy: AllergyFact) -> Iterator[Concept]:
    """The entry and its reactions, and the words of both together: `heparin` with `thrombocytopenia`."""
    yield allergy.concept
    for manifestation in (m for reaction in allergy.reactions for m in reaction.manifestations):
        yield manifestation
        if together := [f"{name} {text}" for name in allergy.concept.texts for text in manifestation.texts]:
            yield Concept(texts=tuple(together))
