"""Is the newest result of a lab beyond a limit? A missing one is told as info: the limit is not known to be crossed."""

from __future__ import annotations

from cds_service.certainty import Certainty
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import CriterionFinding
from cds_service.findings.questions.unanswered import unanswered
from cds_service.findings.thresholds import hold_against
from cds_service.indicator import Indicator
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.tables import Criterion

_NOTHING_THERE = ("data-absent", "lower-bound")
"""The test was not done; the least that a score can be is not beyond the limit, and the rest of it is not on record."""


def judge_lab(criterion: Criterion, question: LabQuestion, patient: PatientContext) -> CriterionFinding | None:
    """The answer of one lab question; None for an optional one without a result."""
    verdict = hold_against(question.threshold, patient.labs, patient.knowledge.codes, patient.facts.today)
    certainty, reason = verdict.certainty, verdict.reason
    nothing_there = certainty is None or (reason is not None and reason.key in _NOTHING_THERE)
    gap = unanswered(criterion, patient.facts)
    if nothing_there and not criterion.required and gap is None:
        return None
    if certainty is None:
        certainty = Certainty.UNKNOWN
        # No result among results that could not all be read is another thing than no result in the record.
        reason = gap.reason if gap is not None else reason
    if certainty is Certainty.ABSENT and gap is not None:
        certainty, reason = Certainty.UNKNOWN, gap.reason
    return CriterionFinding(criterion, certainty, _level(criterion, certainty), reason, verdict.evidence)


def _level(criterion: Criterion, certainty: Certainty) -> Indicator | None:
    if certainty is Certainty.PRESENT:
        return criterion.indicator
    return Indicator.INFO if certainty is Certainty.UNKNOWN else None
