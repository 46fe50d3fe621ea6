"""What questions are written in: the tables that a row of the two tables may name, as one type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cds_service.knowledge.allergy_types import AllergyTable
    from cds_service.knowledge.lab_types import Lab, Threshold
    from cds_service.knowledge.medication_types import MedicationTable
    from cds_service.knowledge.performed_table import PerformedTable
    from cds_service.knowledge.units import Units
    from cds_service.knowledge.value_sets import CodeIndex


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Codes, analytes with their units and limits, allergies, drugs and operations: all that a question can ask for."""

    codes: CodeIndex
    labs: Mapping[str, Lab]
    thresholds: Mapping[str, Threshold]
    allergies: AllergyTable
    medications: MedicationTable
    performed: PerformedTable
    units: Units
