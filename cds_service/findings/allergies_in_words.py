"""Allergies that stand among the diagnoses in words: `Contrast allergy` is on many a problem list."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.facts.patient_facts import Coding, Concept
from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import Hit

_NAMELESS = ("no-agent", "not-known")
"""Roles of groups whose codes say that there is an allergy, and not to what."""


def of_diagnosis(concept: Concept, knowledge: Knowledge) -> Iterator[tuple[str, Hit]]:
    """What the words of a diagnosis name as an allergy: the text, and the value set of the group.

    A code that says all settles it; one of an allergy to a substance that it does not name leaves it to the words.
    """
    if any(_says_which(coding, knowledge) for coding in concept.codings):
        return
    table = knowledge.allergies
    for text in concept.texts:
        for statement in knowledge.allergy_texts.read(text):
            if statement.is_allergy:
                named = [table.by_id[group] for group in sorted(statement.groups)]
                yield from (
                    (text, Hit(group.value_set, "exact"))
                    for group in named
                    if group.role in (None, "look-alike") and not group.covered_by & statement.groups
                )


def are_read(text: str, knowledge: Knowledge) -> bool:
    """Whether a text speaks of an allergy, and every substance in it is known or denied."""
    statements = knowledge.allergy_texts.read(text)
    return any(s.is_allergy and (s.groups or s.something_else or s.denied) for s in statements) and not any(
        s.unread for s in statements
    )


def _says_which(coding: Coding, knowledge: Knowledge) -> bool:
    held = [hit.value_set for hit in knowledge.codes.lookup(coding.system, coding.code)]
    groups = map(knowledge.allergies.by_value_set.get, held)
    is_nameless = bool(held) and all(group is not None and group.role in _NAMELESS for group in groups)
    return not is_nameless and knowledge.codes.says_all(coding.system, coding.code)
