"""The second table: what speaks against an order.

A row is present if any of its criteria is, else unknown if one of them is, else absent. Optional labs that are not
there are no criterion of the answer at all, so only what a row requires, and what was there but could not be used,
can make it unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cds_service.certainty import Certainty, any_of
from cds_service.findings.context import OrderContext, PatientContext
from cds_service.findings.finding import NOT_TOLD, ContraindicationFinding, CriterionFinding, Shown, Told
from cds_service.findings.questions.judge import judge
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Contraindication


def judge_contraindications(
    order_context: OrderContext, patient: PatientContext
) -> tuple[ContraindicationFinding, ...]:
    """Every row that applies to the order, the absent ones too."""
    if order_context.ids not in patient.judged:
        rows = [row for row in patient.knowledge.contraindications if order_context.passes(row.gate, patient)]
        patient.judged[order_context.ids] = tuple(_judge_row(row, order_context, patient) for row in rows)
    return patient.judged[order_context.ids]


def _judge_row(row: Contraindication, order_context: OrderContext, patient: PatientContext) -> ContraindicationFinding:
    asked = [criterion for criterion in row.criteria if order_context.passes(criterion.gate, patient)]
    findings = [found for criterion in asked if (found := judge(criterion, patient)) is not None]
    most = _loudest(row, order_context)
    findings = [_at_most(most, found) for found in findings]
    spoken = {found.criterion.id for found in findings if found.certainty is Certainty.PRESENT}
    kept = tuple(_told(found) for found in findings if not spoken.intersection(found.criterion.superseded_by))
    certainty = any_of(found.certainty for found in kept)
    levels = [found.indicator or Indicator.INFO for found in kept if found.certainty is certainty]
    level = None if certainty is Certainty.ABSENT else max(levels)
    return ContraindicationFinding(row, certainty, level, kept, _most_told(kept))


def _told(found: CriterionFinding) -> CriterionFinding:
    if found.certainty is Certainty.ABSENT:
        return found
    return replace(found, told=Told(Shown.CARD, "present" if found.certainty is Certainty.PRESENT else "missing"))


def _most_told(criteria: Sequence[CriterionFinding]) -> Told:
    """What is told of a row: as of the criterion that is shown most."""
    order = list(Shown)
    return min((found.told for found in criteria), key=lambda told: order.index(told.shown), default=NOT_TOLD)


def _loudest(row: Contraindication, order_context: OrderContext) -> Indicator:
    """How loud the row may be: information where it is the procedure's own reason, never critical in an emergency.

    In an emergency the card informs, and life-saving treatment is not delayed.
    """
    if row.id in order_context.at_most_info:
        return Indicator.INFO
    return Indicator.WARNING if order_context.emergency else Indicator.CRITICAL


def _at_most(most: Indicator, found: CriterionFinding) -> CriterionFinding:
    louder = found.indicator is not None and found.indicator > most
    return replace(found, indicator=most) if louder else found
