"""Allergies by group, and how loudly each speaks.

An allergy belongs to the groups of its codes (its own and its reactions' substances); only where no code is known
do whole words of its text decide. The level is the maximum of criticality, severity and manifestation: a low
criticality never lowers a severe reaction. Source: ACR Manual on Contrast Media; ACR-AAAAI consensus 2025.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds_service.facts.patient_facts import AllergyFact, Coding, Concept, PatientFacts
from cds_service.findings.chart import Chart
from cds_service.findings.finding import Certainty, CriterionFinding, Evidence, Indicator
from cds_service.knowledge.tables import Criterion, Knowledge, TextGroup
from cds_service.reasons import Reason

_MOST_UNREAD = 5  # as many as stand with a question about conditions


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
    obtained: bool

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
    return AllergyList(known, unread, "allergies" in facts.complete, "allergies" in facts.obtained)


def judge_allergy(criterion: Criterion, allergies: AllergyList, chart: Chart, knowledge: Knowledge) -> CriterionFinding:
    """The answer of one allergy criterion: the loudest of its group, all of them as evidence.

    An allergy that was recorded as a Condition counts too.
    """
    levels = [_level(criterion, allergy) for allergy in allergies.in_group(_group(criterion))]
    evidence = [_evidence(criterion, allergy, knowledge) for allergy in allergies.in_group(_group(criterion))]
    value_set = next(g.value_set for g in knowledge.allergies.groups if g.id == _group(criterion))
    for match in chart.in_value_set(value_set):
        sure = match.fact.activity == "active" and match.fact.certain
        levels.append(_indicator(criterion.indicator) if sure else Indicator.INFO)
        evidence.append(match.evidence(None if sure else Reason("status-unclear")))
    if levels:
        return CriterionFinding(criterion, Certainty.PRESENT, max(levels), evidence=tuple(evidence))
    if allergies.complete and not allergies.unread:
        return CriterionFinding(criterion, Certainty.ABSENT)
    return _unknown(criterion, allergies)


def _unknown(criterion: Criterion, allergies: AllergyList) -> CriterionFinding:
    if not allergies.obtained:
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.WARNING, Reason("allergies-unavailable"))
    if not allergies.complete:
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, Reason("allergies-incomplete"))
    evidence = tuple(Evidence(fact.reference) for fact in allergies.unread[:_MOST_UNREAD])
    return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, Reason("uncoded-allergy"), evidence)


def _group(criterion: Criterion) -> str:
    return criterion.allergy.group if criterion.allergy else ""


def _indicator(word: str | None) -> Indicator:
    return Indicator[(word or "info").upper()]


def _level(criterion: Criterion, allergy: KnownAllergy) -> Indicator:
    rule = criterion.allergy
    if not allergy.fact.active:
        return Indicator.INFO
    if rule and rule.severe and allergy.severe:
        return _indicator(rule.severe)
    if rule and rule.physiologic and allergy.physiologic:
        return _indicator(rule.physiologic)
    return _indicator(criterion.indicator)


def _evidence(criterion: Criterion, allergy: KnownAllergy, knowledge: Knowledge) -> Evidence:
    fact = allergy.fact
    texts = [text for concept in (fact.concept, *(r.substance for r in fact.reactions)) for text in concept.texts]
    coding = allergy.coding
    named = knowledge.codes.display(coding.system, coding.code) or coding.code if coding else None
    date = fact.recorded.text if fact.recorded else None
    return Evidence(
        fact.reference, texts[0] if texts else named, coding, date=date, notes=tuple(_notes(criterion, allergy))
    )


def _notes(criterion: Criterion, allergy: KnownAllergy) -> Iterator[Reason]:
    """Everything that a reader of this evidence must know, what decides the level first."""
    rule = criterion.allergy
    if not allergy.fact.active:
        yield Reason("allergy-inactive")
    elif rule and rule.severe and allergy.severe:
        yield Reason("allergy-severe")
    elif rule and rule.physiologic and allergy.physiologic:
        yield Reason("allergy-physiologic")
    if not allergy.fact.certain:
        yield Reason("allergy-unconfirmed")
    if allergy.by_text:
        yield Reason("matched-by-text")


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
