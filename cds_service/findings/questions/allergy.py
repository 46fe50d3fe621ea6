"""Is an allergy of this group recorded? The loudest of the group speaks, all of them are evidence.

The level is the maximum of criticality, severity and manifestation: a low criticality never lowers a severe reaction.
Source: ACR Manual on Contrast Media; ACR-AAAAI consensus 2025.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.certainty import Certainty
from cds_service.findings.allergy_list import KnownAllergy
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import CriterionFinding, Evidence
from cds_service.findings.questions.unanswered import unanswered
from cds_service.indicator import Indicator
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.tables import Criterion, Knowledge
from cds_service.reasons import Reason

_MOST_REACTIONS = 3
_MOST_UNREAD = 5  # as many as stand with a question about conditions


def judge_allergy(criterion: Criterion, question: AllergyQuestion, patient: PatientContext) -> CriterionFinding:
    """The answer of one allergy question. An allergy that was recorded as a Condition counts too."""
    knowledge, allergies = patient.knowledge, patient.allergies.in_group(question.group)
    matches = patient.chart.in_value_set(knowledge.allergies.by_id[question.group].value_set)
    if not (allergies or matches):
        return unanswered(criterion, patient.facts) or _no_allergy(criterion, patient)
    levels = [_level(criterion.indicator, question, allergy) for allergy in allergies]
    evidence = [_evidence(question, allergy, knowledge) for allergy in allergies]
    for match in matches:
        sure = match.certainty is Certainty.PRESENT
        levels.append(criterion.indicator if sure else Indicator.INFO)
        evidence.append(match.evidence(None if sure else match.doubt or Reason("status-unclear")))
    return CriterionFinding(criterion, Certainty.PRESENT, max(levels), evidence=tuple(evidence))


def _no_allergy(criterion: Criterion, patient: PatientContext) -> CriterionFinding:
    return unread_allergies(criterion, patient) or CriterionFinding(
        criterion, Certainty.ABSENT, list_state=patient.allergies.state
    )


def unread_allergies(
    criterion: Criterion, patient: PatientContext, *, but_for: str | None = None
) -> CriterionFinding | None:
    """Unknown, where entries of the allergy list can't be interpreted, `but_for` a reason; None where all can."""
    unread = [one for one in patient.allergies.unread if one.unread and one.unread.key != but_for]
    if not unread:
        return None
    reason, knowledge = patient.allergies.unread_reason, patient.knowledge
    evidence = tuple(_unread_evidence(allergy, reason, knowledge) for allergy in unread[:_MOST_UNREAD])
    return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, reason, evidence)


def _unread_evidence(allergy: KnownAllergy, reason: Reason, knowledge: Knowledge) -> Evidence:
    """The entry by its own words, else by its code; with its own reason where that is another than the answer's."""
    fact = allergy.fact
    coding = next((coding for concept in fact.names for coding in concept.codings), None)
    named = knowledge.codes.display(coding.system, coding.code) or coding.code if coding else None
    text = next((concept.label for concept in fact.names if concept.label), named)
    notes = (allergy.unread,) if allergy.unread and allergy.unread != reason else ()
    date = fact.recorded.text if fact.recorded else None
    return Evidence(fact.reference, text, coding, date=date, notes=notes)


def _level(base: Indicator, question: AllergyQuestion, allergy: KnownAllergy) -> Indicator:
    if not allergy.fact.active:
        return Indicator.INFO
    if question.severe and allergy.severe:
        return question.severe
    if question.physiologic and allergy.physiologic:
        return question.physiologic
    return base


def _evidence(question: AllergyQuestion, allergy: KnownAllergy, knowledge: Knowledge) -> Evidence:
    fact = allergy.fact
    coding = allergy.codings.get(question.group) or next(iter(fact.concept.codings), None)
    named = knowledge.codes.display(coding.system, coding.code) or coding.code if coding else None
    recorded = [text for concept in fact.names for text in concept.texts]
    text = allergy.texts.get(question.group) or next(iter(recorded), named)
    date = fact.recorded.text if fact.recorded else None
    return Evidence(fact.reference, text, coding, date=date, notes=tuple(_notes(question, allergy)))


def _notes(question: AllergyQuestion, allergy: KnownAllergy) -> Iterator[Reason]:
    """Everything that a reader of this evidence must know, what decides the level first."""
    if not allergy.fact.active:
        yield Reason("allergy-inactive")
    elif question.severe and allergy.severe:
        yield Reason("allergy-severe")
    elif question.physiologic and allergy.physiologic:
        yield Reason("allergy-physiologic")
    if not allergy.fact.certain:
        yield Reason("allergy-unconfirmed")
    if not allergy.fact.status_clear:
        yield Reason("status-unclear")
    if question.group in allergy.texts:
        yield Reason("matched-by-text")
    if words := list(dict.fromkeys(_reactions(allergy))):
        yield Reason("allergy-reaction", {"reaction": ", ".join(words[:_MOST_REACTIONS])})


def _reactions(allergy: KnownAllergy) -> Iterator[str]:
    """What happened, in the record's own words; the worst reaction first."""
    severe_first = sorted(allergy.fact.reactions, key=lambda reaction: reaction.severity != "severe")
    yield from (concept.label for reaction in severe_first for concept in reaction.manifestations if concept.label)
