"""Is one of these medications in use, and does it matter for this patient? And what a list without it says."""

from __future__ import annotations

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import Activity
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import CriterionFinding, Evidence
from cds_service.findings.medication_list import KnownMedication
from cds_service.findings.medication_use import in_use
from cds_service.findings.questions.unanswered import never_sent, unanswered
from cds_service.findings.thresholds import Verdict, hold_against
from cds_service.indicator import Indicator
from cds_service.knowledge.questions.medication import MEDICATIONS, MedicationQuestion
from cds_service.knowledge.tables import Criterion
from cds_service.reasons import Reason

_MOST_UNREAD = 5
_TAKEN = frozenset({Activity.TAKEN, Activity.GIVEN})


def judge_medication(criterion: Criterion, question: MedicationQuestion, patient: PatientContext) -> CriterionFinding:
    """The answer of one medication question."""
    found = _found(question, patient)
    if not found:
        return no_medication(criterion, patient)
    evidence = tuple(_evidence(entry) for entry in found)
    answer = _of_taken(criterion, question, patient, evidence)
    activities = {entry.fact.activity for entry in found}
    if answer.certainty is Certainty.ABSENT or activities & _TAKEN:
        return answer
    return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, _not_sure(found[0].fact.activity), evidence)


def _not_sure(activity: Activity) -> Reason:
    """Why it is not sure that a drug is taken."""
    if activity is Activity.HELD:
        return Reason("medication-held")
    return Reason("medication-status-unknown" if activity is Activity.UNCLEAR else "medication-may-be-taken")


def _of_taken(
    criterion: Criterion, question: MedicationQuestion, patient: PatientContext, evidence: tuple[Evidence, ...]
) -> CriterionFinding:
    """The answer where it is taken."""
    if question.suggests:
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, Reason("only-its-treatment"), evidence)
    if not (question.thresholds or question.states):
        return CriterionFinding(criterion, Certainty.PRESENT, criterion.indicator, evidence=evidence)
    return _with_states(criterion, question, patient, evidence)


def _found(question: MedicationQuestion, patient: PatientContext) -> list[KnownMedication]:
    if not patient.medications.entries:
        return []
    table = patient.knowledge.medications
    agents = [table.agents[name] for name in question.agents_of(patient.knowledge)]
    return [
        entry
        for agent in agents
        for entry in in_use(patient.medications.of([agent.id]), agent, table, patient.facts.today)
    ]


def _with_states(
    criterion: Criterion, question: MedicationQuestion, patient: PatientContext, evidence: tuple[Evidence, ...]
) -> CriterionFinding:
    """Present where a limit is crossed or a state recorded; unknown where neither can be told."""
    knowledge, today = patient.knowledge, patient.facts.today
    verdicts = [hold_against(limit, patient.labs, knowledge.codes, today) for limit in question.thresholds]
    states = [m for name in question.states for m in patient.chart.in_value_set(name) if m.hit.sufficient]
    days = question.states_within_days
    current = [match for match in states if days is None or patient.is_current(match.fact, days)]
    held = list(zip(question.thresholds, verdicts, strict=True))
    crossed = {limit: verdict for limit, verdict in held if verdict.certainty is Certainty.PRESENT}
    if crossed or current:
        told = (*(item for v in crossed.values() for item in v.evidence), *(match.evidence() for match in current))
        evidence, level = (*evidence, *told), criterion.indicator
        return CriterionFinding(criterion, Certainty.PRESENT, level, evidence=evidence, crossed=tuple(crossed))
    first = verdicts[0] if verdicts else Verdict(Certainty.ABSENT)
    if first.certainty is Certainty.ABSENT:
        return CriterionFinding(criterion, Certainty.ABSENT, evidence=evidence)
    told = (*evidence, *first.evidence)
    return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, first.reason or Reason("no-result"), told)


def _evidence(entry: KnownMedication) -> Evidence:
    fact = entry.fact
    return Evidence(fact.reference, entry.label, entry.coding, date=fact.written.text if fact.written else None)


def no_medication(
    criterion: Criterion,
    patient: PatientContext,
    told: tuple[Evidence, ...] = (),
    least: Indicator = Indicator.INFO,
) -> CriterionFinding:
    """The answer where none is on the list: absent where all of it was read, else unknown and why.

    Args:
        criterion: the criterion.
        patient: the call's record.
        told: what else says that one is taken; it makes an unread list louder.
        least: how loudly an unread list speaks at least.
    """
    gap = unanswered(criterion, patient.facts)
    if gap is not None:
        never = never_sent(MEDICATIONS, patient.facts)
        level = Indicator.INFO if never else gap.indicator or Indicator.INFO
        return CriterionFinding(criterion, Certainty.UNKNOWN, max(level, least), never or gap.reason, told)
    unread = patient.medications.unread
    if unread:
        reason = unread[0].unread or Reason("medication-not-named")
        evidence = tuple(_evidence(entry) for entry in unread[:_MOST_UNREAD])
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, reason, (*evidence, *told))
    return CriterionFinding(criterion, Certainty.ABSENT)
