"""The allergies of one call, by group, with what was severe and what was only physiologic.

An allergy belongs to the groups of its codes (its own and its reactions' substances); only where no code is known do
whole words of its text decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.facts.patient_facts import AllergyFact, Coding, Concept, PatientFacts
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.tables import Knowledge, TextGroup

_KIND = AllergyQuestion.DATA


@dataclass(frozen=True, slots=True)
class KnownAllergy:
    """One allergy with the groups that it belongs to; `by_text` where words decided, `coding` where a code did."""

    fact: AllergyFact
    groups: frozenset[str]
    by_text: bool
    coding: Coding | None
    severe: bool
    physiologic: bool


@dataclass(frozen=True, slots=True)
class AllergyList:
    """All allergies of one call; `unread` have neither a code that the tables can read nor a text."""

    known: tuple[KnownAllergy, ...]
    unread: tuple[AllergyFact, ...]
    complete: bool

    def in_group(self, group: str) -> list[KnownAllergy]:
        """Every allergy of a group, inactive ones too."""
        return [allergy for allergy in self.known if group in allergy.groups]

    def may_be_in(self, groups: Iterable[str]) -> bool:
        """True unless the list is complete and holds none of the groups."""
        return not self.complete or bool(self.unread) or any(self.in_group(group) for group in groups)


def allergies_of(facts: PatientFacts, knowledge: Knowledge) -> AllergyList:
    """Group every allergy once."""
    known = tuple(_grouped(fact, knowledge) for fact in facts.allergies)
    unread = tuple(a.fact for a in known if not a.groups and not _is_readable(a.fact, knowledge))
    return AllergyList(known, unread, _KIND in facts.complete)


def _grouped(fact: AllergyFact, knowledge: Knowledge) -> KnownAllergy:
    concepts = [fact.concept, *(reaction.substance for reaction in fact.reactions)]
    by_value_set = {group.value_set: group.id for group in knowledge.allergies.groups}
    found: dict[str, Coding] = {}
    for coding in (c for concept in concepts for c in concept.codings):
        for hit in knowledge.codes.lookup(coding.system, coding.code):
            if hit.value_set in by_value_set:
                found.setdefault(by_value_set[hit.value_set], coding)
    groups = frozenset(found) or _groups_by_text(concepts, knowledge)
    severe, physiologic = _weights(fact, knowledge) if groups else (False, False)
    shown = next(iter(found.values()), None) or next(iter(fact.concept.codings), None)
    return KnownAllergy(fact, groups, not found and bool(groups), shown, severe, physiologic)


def _groups_by_text(concepts: Iterable[Concept], knowledge: Knowledge) -> frozenset[str]:
    texts = [text for concept in concepts for text in concept.texts if not _denies(text, knowledge)]
    words = " ".join(knowledge.words.of(text) for text in texts)
    return frozenset(group.id for group in knowledge.allergies.groups if _matches(words, group, knowledge))


def _matches(words: str, group: TextGroup, knowledge: Knowledge) -> bool:
    return knowledge.words.hold_any(words, group.texts) and not knowledge.words.hold_any(words, group.not_texts)


def _denies(text: str, knowledge: Knowledge) -> bool:
    """Whether a text says that there is no such allergy: it begins so, and nothing breaks the statement."""
    table = knowledge.allergies
    lower = text.lower().rstrip(" .!")
    broken = any(f" {brk} " in f" {lower} " or (len(brk) == 1 and brk in lower) for brk in table.negation_breaks)
    return not broken and any(lower.lstrip().startswith(begin) for begin in table.negation_begins)


def _weights(fact: AllergyFact, knowledge: Knowledge) -> tuple[bool, bool]:
    """Whether a reaction was severe, and whether all that is known of it is physiologic."""
    manifestations = [m for reaction in fact.reactions for m in reaction.manifestations]
    weights = [_weight(manifestation, knowledge) for manifestation in manifestations]
    graded = fact.criticality == "high" or any(reaction.severity == "severe" for reaction in fact.reactions)
    severe = graded or "severe" in weights or _weight(Concept(texts=fact.concept.texts), knowledge) == "severe"
    return severe, bool(weights) and set(weights) == {"physiologic"}


def _weight(concept: Concept, knowledge: Knowledge) -> str | None:
    """The heaviest weight that a manifestation's codes or words carry."""
    hits = {h.value_set for c in concept.codings for h in knowledge.codes.lookup(c.system, c.code)}
    words = " ".join(knowledge.words.of(text) for text in concept.texts)
    for weight, group in knowledge.allergies.reactions.items():
        if group.value_set in hits or _matches(words, group, knowledge):
            return weight
    return None


def _is_readable(fact: AllergyFact, knowledge: Knowledge) -> bool:
    concepts = [fact.concept, *(reaction.substance for reaction in fact.reactions)]
    coded = any(knowledge.codes.reads(c.system, c.code) for concept in concepts for c in concept.codings)
    return coded or any(concept.texts for concept in concepts)
