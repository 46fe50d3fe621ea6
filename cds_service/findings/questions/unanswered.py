"""Why a question has no answer, where the data that it rests on could not be retrieved or read."""

from __future__ import annotations

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.finding import CriterionFinding
from cds_service.indicator import Indicator
from cds_service.kinds import KINDS, DataKind
from cds_service.knowledge.tables import Criterion
from cds_service.reasons import Reason


def unanswered(criterion: Criterion, facts: PatientFacts) -> CriterionFinding | None:
    """Unknown, as loud as `kinds.toml` says, where the data are not all there; None where they are."""
    gaps = (_gap(criterion, KINDS[key], facts) for key in criterion.question.lists)
    return next((gap for gap in gaps if gap is not None), None)


def _gap(criterion: Criterion, kind: DataKind, facts: PatientFacts) -> CriterionFinding | None:
    if kind.key not in facts.obtained:
        return CriterionFinding(criterion, Certainty.UNKNOWN, kind.when_unavailable, kind.unavailable)
    if kind.key not in facts.complete:
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, kind.incomplete)
    return None


def never_sent(key: str, facts: PatientFacts) -> Reason | None:
    """Why nobody looked at data that many clients never send, where that is no failure; None where it is one.

    They were not sent and no server was asked, or the site says that they are not connected.
    """
    gaps = [gap.reason.key for gap in facts.unavailable if gap.data == key]
    if not KINDS[key].often_missing or gaps not in (["not-sent"], ["not-connected"]):
        return None
    return Reason(f"{key}-{gaps[0]}")
