"""One criterion against the record: present, absent, unknown, or None where an optional datum is not there.

The one place that dispatches by the kind of question; a kind without a judge does not type-check.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from cds_service.findings.context import OrderContext, PatientContext
from cds_service.findings.finding import CriterionFinding
from cds_service.findings.questions.allergy import judge_allergy
from cds_service.findings.questions.antithrombotic import judge_antithrombotic
from cds_service.findings.questions.condition import judge_condition
from cds_service.findings.questions.lab import judge_lab
from cds_service.findings.questions.medication import judge_medication
from cds_service.findings.questions.procedure import judge_procedure
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.questions.antithrombotic import AntithromboticQuestion
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.questions.medication import MedicationQuestion
from cds_service.knowledge.questions.procedure import ProcedureQuestion
from cds_service.knowledge.tables import Criterion

MOST_EVIDENCE = 20
"""Items of evidence that stand with one answer: more would only repeat it, for every order once again."""


def judge(criterion: Criterion, order: OrderContext, patient: PatientContext) -> CriterionFinding | None:
    """Judge one criterion whose gate has passed.

    None: the criterion rests on optional data that the record does not hold, or that could not be retrieved; they count
    when they are there and are not missed when not.
    """
    found = _judge(criterion, order, patient)
    if found is None or len(found.evidence) <= MOST_EVIDENCE:
        return found
    left_out = len(found.evidence) - MOST_EVIDENCE
    return replace(found, evidence=found.evidence[:MOST_EVIDENCE], evidence_left_out=left_out)


def _judge(criterion: Criterion, order: OrderContext, patient: PatientContext) -> CriterionFinding | None:
    match criterion.question:
        case ConditionQuestion() as question:
            return judge_condition(criterion, question, patient)
        case LabQuestion() as question:
            return judge_lab(criterion, question, patient)
        case AllergyQuestion() as question:
            return judge_allergy(criterion, question, patient)
        case MedicationQuestion() as question:
            return judge_medication(criterion, question, patient)
        case ProcedureQuestion() as question:
            return judge_procedure(criterion, question, patient)
        case AntithromboticQuestion() as question:
            return judge_antithrombotic(criterion, question, order, patient)
        case other:
            assert_never(other)
