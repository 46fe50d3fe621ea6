"""One criterion against the patient: present, absent, unknown, or None where an optional datum is not there."""

from __future__ import annotations

from cds_service.findings.allergies import judge_allergy
from cds_service.findings.chart import Match
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import Certainty, CriterionFinding, Evidence, Indicator
from cds_service.findings.thresholds import age_in_days, judge
from cds_service.knowledge.tables import Criterion
from cds_service.reasons import Reason

_MOST_UNREAD = 5
"""How many of the resources that nobody can read stand with each question; the call's gaps name or count them all."""


def judge_criterion(criterion: Criterion, patient: PatientContext) -> CriterionFinding | None:
    """Judge one criterion whose gate has passed.

    None: the criterion rests on optional data that the record does not hold, or that could not be retrieved; they count
    when they are there and are not missed when not.
    """
    if criterion.kind == "allergy":
        return judge_allergy(criterion, patient.allergies, patient.chart, patient.knowledge)
    return _judge_lab(criterion, patient) if criterion.kind == "lab" else _judge_condition(criterion, patient)


def _judge_condition(criterion: Criterion, patient: PatientContext) -> CriterionFinding | None:
    matches = [match for value_set in criterion.value_sets for match in patient.chart.in_value_set(value_set)]
    if not matches:
        return _no_condition(criterion, patient)
    levels = [_condition_level(criterion, match, patient) for match in matches]
    # dict: one resource may be in several of the value sets
    evidence = {match.fact.reference: match.evidence(note) for match, (_, note) in zip(matches, levels, strict=True)}
    if criterion.severity_from and not _severity_is_known(criterion, patient):
        reason = Reason("severity-not-recorded")
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, reason, tuple(evidence.values()))
    loudest = max(level for level, _ in levels)
    return CriterionFinding(criterion, Certainty.PRESENT, loudest, evidence=tuple(evidence.values()))


def _condition_level(criterion: Criterion, match: Match, patient: PatientContext) -> tuple[Indicator, Reason | None]:
    """How loudly one recorded condition speaks, and what softened it.

    Remission is info; an acute state that is old and not of this encounter is info; an unconfirmed diagnosis, and a
    local code that a site maps to a narrower one, is one level lower.
    """
    base = Indicator[(criterion.indicator or "info").upper()]
    if match.fact.activity == "remission":
        return Indicator.INFO, Reason("remission")
    if _is_stale(criterion, match, patient):
        return Indicator.INFO, Reason("stale", {"days": criterion.acute_within_days or 0})
    if not match.fact.certain:
        return Indicator(max(base - 1, Indicator.INFO)), Reason("unconfirmed")
    if not match.hit.sufficient:
        return Indicator(max(base - 1, Indicator.INFO)), Reason("broader-code")
    return base, None if match.fact.status_clear else Reason("status-unclear")


def _is_stale(criterion: Criterion, match: Match, patient: PatientContext) -> bool:
    onset, encounter = match.fact.onset, match.fact.encounter
    if criterion.acute_within_days is None or onset is None:
        return False
    current = encounter is not None and encounter == patient.facts.encounter_id
    return not current and age_in_days(onset, patient.facts.today) > criterion.acute_within_days


def _severity_is_known(criterion: Criterion, patient: PatientContext) -> bool:
    limits = [t for t in patient.knowledge.thresholds.values() if t.lab in criterion.severity_from]
    verdicts = [judge(limit, patient.labs, patient.knowledge.codes, patient.facts.today) for limit in limits]
    return any(verdict.certainty in (Certainty.PRESENT, Certainty.ABSENT) for verdict in verdicts)


def _no_condition(criterion: Criterion, patient: PatientContext) -> CriterionFinding | None:
    if "conditions" in patient.facts.complete and not patient.chart.unread:
        return CriterionFinding(criterion, Certainty.ABSENT)
    if not criterion.required:
        return None
    if "conditions" not in patient.facts.obtained:
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.WARNING, Reason("conditions-unavailable"))
    if "conditions" not in patient.facts.complete:
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, Reason("conditions-incomplete"))
    evidence = tuple(Evidence(fact.reference, fact.concept.label) for fact in patient.chart.unread[:_MOST_UNREAD])
    return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, Reason("uncoded-condition"), evidence)


def _judge_lab(criterion: Criterion, patient: PatientContext) -> CriterionFinding | None:
    limit = patient.knowledge.thresholds[criterion.threshold or ""]
    verdict = judge(limit, patient.labs, patient.knowledge.codes, patient.facts.today)
    certainty, reason = verdict.certainty, verdict.reason
    nothing_there = certainty is None or (reason is not None and reason.key == "data-absent")
    if nothing_there and not criterion.required:
        return None
    if certainty is None:
        certainty, reason = Certainty.UNKNOWN, _why_no_datum(reason, patient)
    if certainty is Certainty.ABSENT and criterion.required and "observations" not in patient.facts.complete:
        certainty, reason = Certainty.UNKNOWN, Reason("observations-incomplete")
    indicator = {
        Certainty.PRESENT: Indicator[(criterion.indicator or "info").upper()],
        Certainty.UNKNOWN: Indicator.INFO,
    }.get(certainty)
    return CriterionFinding(criterion, certainty, indicator, reason, verdict.evidence, limit)


def _why_no_datum(reason: Reason | None, patient: PatientContext) -> Reason | None:
    """No result where the observations could not be retrieved is another thing than no result in the record."""
    if "observations" not in patient.facts.obtained:
        return Reason("observations-unavailable")
    return reason
