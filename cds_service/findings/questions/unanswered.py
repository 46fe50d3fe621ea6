"""Why a question has no answer, where the data that it rests on could not be retrieved or read."""

from __future__ import annotations

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.finding import CriterionFinding
from cds_service.indicator import Indicator
from cds_service.kinds import KINDS
from cds_service.knowledge.tables import Criterion


def unanswered(criterion: Criterion, facts: PatientFacts) -> CriterionFinding | None:
    """Unknown, as loud as `kinds.toml` says, where the data are not all there; None where they are."""
    kind = KINDS[criterion.question.DATA]
    if kind.key not in facts.obtained:
        return CriterionFinding(criterion, Certainty.UNKNOWN, kind.when_unavailable, kind.unavailable)
    if kind.key not in facts.complete:
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, kind.incomplete)
    return None
