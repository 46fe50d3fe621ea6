"""Every kind of question, in one place: what reads, shows, publishes and judges criteria goes by these types."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.questions.antithrombotic import AntithromboticQuestion
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.questions.medication import MedicationQuestion
from cds_service.knowledge.questions.procedure import ProcedureQuestion

AnyQuestion = (
    ConditionQuestion | LabQuestion | AllergyQuestion | MedicationQuestion | ProcedureQuestion | AntithromboticQuestion
)
"""A `match` over these ends in `assert_never`, so that a kind that is not judged does not type-check."""

QUESTION_TYPES: Mapping[str, type[AnyQuestion]] = {
    kind.WORD: kind
    for kind in (
        *(ConditionQuestion, LabQuestion, AllergyQuestion),
        *(MedicationQuestion, ProcedureQuestion, AntithromboticQuestion),
    )
}
"""`kind` of a criterion in `contraindications.toml` -> its type."""
