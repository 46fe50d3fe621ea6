"""The second table: what speaks against an order.

A row is present if any of its criteria is, else unknown if one of them is, else absent. Optional labs that are not
there are no criterion of the answer at all, so only what a row requires, and what was there but could not be used,
can make it unknown.
"""

from __future__ import annotations

from dataclasses import replace

from cds_service.findings.case import Case, Setting
from cds_service.findings.criteria import judge_criterion
from cds_service.findings.finding import Certainty, ContraindicationFinding, CriterionFinding, Indicator
from cds_service.knowledge.tables import Contraindication


def judge_contraindications(setting: Setting, case: Case) -> tuple[ContraindicationFinding, ...]:
    """Every row that applies to the order, the absent ones too."""
    rows = [row for row in case.knowledge.contraindications if setting.passes(row.gate, case)]
    return tuple(_judge_row(row, setting, case) for row in rows)


def _judge_row(row: Contraindication, setting: Setting, case: Case) -> ContraindicationFinding:
    asked = [criterion for criterion in row.criteria if setting.passes(criterion.gate, case)]
    findings = [found for criterion in asked if (found := judge_criterion(criterion, case)) is not None]
    findings = [_capped(found) for found in findings] if setting.emergency else findings
    spoken = {found.criterion.id for found in findings if found.certainty is Certainty.PRESENT}
    kept = tuple(found for found in findings if not spoken.intersection(found.criterion.superseded_by))
    for certainty in (Certainty.PRESENT, Certainty.UNKNOWN):
        levels = [found.indicator or Indicator.INFO for found in kept if found.certainty is certainty]
        if levels:
            return ContraindicationFinding(row, certainty, max(levels), kept)
    return ContraindicationFinding(row, Certainty.ABSENT, None, kept)


def _capped(found: CriterionFinding) -> CriterionFinding:
    """In an emergency nothing is critical: the card informs, and life-saving treatment is not delayed."""
    return replace(found, indicator=Indicator.WARNING) if found.indicator is Indicator.CRITICAL else found
