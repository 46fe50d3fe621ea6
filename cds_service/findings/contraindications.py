"""The second table: what speaks against an order.

A row is present if any of its criteria is, else unknown if one of them is, else absent. Optional labs that are not
there are no criterion of the answer at all, so only what a row requires, and what was there but could not be used,
can make it unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.certainty import Certainty, any_of
from cds_service.findings.context import AskedRow, OrderContext, PatientContext, UsualAnswers, suits
from cds_service.findings.finding import ContraindicationFinding, CriterionFinding
from cds_service.findings.questions.judge import judge
from cds_service.findings.telling import most_told, said_once, tell
from cds_service.indicator import Indicator
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.tables import Contraindication, Criterion
from cds_service.reasons import Reason


def judge_contraindications(
    order_context: OrderContext, patient: PatientContext
) -> tuple[ContraindicationFinding, ...]:
    """Every row of which a question applies to the order, the absent ones too."""
    if order_context not in patient.judged:
        asked = order_context.asked(patient.knowledge)
        suiting = (one for one in asked if one.row_of_anybody or suits(one.row.gate, patient))
        judged = (_judge_row(one, order_context, patient) for one in suiting)
        patient.judged[order_context] = tuple(found for found in judged if found is not None)
    return patient.judged[order_context]


def _judge_row(asked: AskedRow, order_context: OrderContext, patient: PatientContext) -> ContraindicationFinding | None:
    if asked.absent is not None and _are_usual(asked.usual, patient) and _holds_nothing_of(asked.usual.labs, patient):
        return asked.absent
    row, fitting = asked.row, zip(asked.criteria, asked.of_anybody, strict=True)
    applying = [criterion for criterion, of_anybody in fitting if of_anybody or suits(criterion.gate, patient)]
    unsure = _for_an_age(row, order_context, patient) if patient.facts.birth_date is None else []
    if not applying and not unsure:
        return None
    if asked.replaced:
        ids = {criterion.id for criterion in applying}
        applying = [c for c in applying if not (c.replaced_by and ids.intersection(c.replaced_by))]
    usual = asked.usual.answers if _are_usual(asked.usual, patient) else {}
    answers = (usual[c.id] if c.id in usual else judge(c, order_context, patient) for c in applying)
    findings = [found for found in answers if found is not None]
    if unsure:
        reason = Reason("age-not-known" if patient.lost_age else "age-not-recorded")
        findings += [CriterionFinding(criterion, Certainty.UNKNOWN, reason=reason) for criterion in unsure]
    if all(found.certainty is Certainty.ABSENT for found in findings):
        return ContraindicationFinding(row, Certainty.ABSENT, None, tuple(findings))
    findings = [tell(found, row, order_context, patient) for found in findings]
    spoken = {found.criterion.id for found in findings if found.certainty is Certainty.PRESENT}
    kept = said_once([found for found in findings if not spoken.intersection(found.criterion.superseded_by)])
    certainty = any_of(found.certainty for found in kept)
    levels = [found.indicator or Indicator.INFO for found in kept if found.certainty is certainty]
    level = None if certainty is Certainty.ABSENT else max(levels)
    return ContraindicationFinding(row, certainty, level, kept, most_told(kept))


def _are_usual(usual: UsualAnswers, patient: PatientContext) -> bool:
    """Whether nothing that the row asks for is recorded, and all that is recorded was retrieved and is read."""
    chart = patient.chart
    return chart.complete and not chart.holds_any_of(usual.value_sets) and chart.reads_in(usual.systems)


def _holds_nothing_of(labs: Sequence[str], patient: PatientContext) -> bool:
    """Whether all results were retrieved and read, and none is, or may be, of these labs."""
    return not labs or (LabQuestion.DATA in patient.facts.complete and all(map(patient.labs.holds_nothing_of, labs)))


def _for_an_age(row: Contraindication, order_context: OrderContext, patient: PatientContext) -> list[Criterion]:
    """The questions that are asked at a certain age, where nobody knows how old the patient is.

    One that has to be asked is open. One that need not be is open where the Patient could not be read and the record
    holds something to ask about; else it is left out.
    """
    of_an_age = [
        criterion
        for criterion in row.criteria
        if not order_context.passes(criterion.gate, patient)
        and order_context.passes(criterion.gate, patient, of_any_age=True)
    ]
    return [c for c in of_an_age if c.required or (patient.lost_age and _is_open(judge(c, order_context, patient)))]


def _is_open(finding: CriterionFinding | None) -> bool:
    return finding is not None and finding.certainty is not Certainty.ABSENT
