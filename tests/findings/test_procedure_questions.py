"""What each procedure is asked: its bleeding class, its access, and what it gives, beside the list of a department."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.cases import Case, answer_case
from cds_service.knowledge.tables import Knowledge

LABS = [
    {"code": "loinc|777-3", "value": 30, "unit": "10*3/uL"},
    {"code": "loinc|6301-6", "value": 2.0, "unit": "{INR}"},
    {"code": "loinc|98979-8", "value": 42, "unit": "mL/min/{1.73_m2}"},
    {"code": "loinc|2160-0", "value": 3.1, "unit": "mg/dL"},
    {"code": "loinc|751-8", "value": 0.3, "unit": "10*3/uL"},
    {"code": "loinc|1975-2", "value": 5.1, "unit": "mg/dL"},
]
ANAPHYLAXIS = {"code": "sct|395751002", "manifestation": "sct|39579001"}
INJURY = "icd-10-cm|N17.9"
LISTED = (
    *("inr-high-risk", "inr-femoral-access", "platelets-high-risk", "acute-kidney-injury", "egfr-first-pass"),
    *("creatinine-chemoembolization", "neutrophils-grade-4", "iodinated-contrast-allergy", "bilirubin-tips"),
    *("bilirubin-chemoembolization",),
)
"""Questions that a sick patient answers with yes, wherever they are asked."""


def questions() -> list[dict[str, str]]:
    """Procedure, and the questions that are answered yes: of a list that is written beside the tables."""
    with (Path(__file__).parent / "procedure_questions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def asked(procedure: str, knowledge: Knowledge, now: datetime) -> str:
    """The questions of the list that a sick patient's order of the procedure answers with yes."""
    decision = answer_case(Case("", sick(procedure)), knowledge, now).decision
    return " ".join(sorted(_present(decision["procedures"][0])))


def sick(procedure: str) -> dict[str, Any]:
    """The case of a sick patient with an order of the procedure."""
    row: dict[str, Any] = {"id": "x", "order": procedure, "labs": LABS, "allergies": [ANAPHYLAXIS], "expect": {}}
    return {**row, "conditions": [INJURY]}


def _present(order: dict[str, Any]) -> Iterator[str]:
    for row in order.get("contraindications", ()):
        for criterion in row.get("criteria", ()):
            if criterion["id"] in LISTED and criterion["certainty"] == "present":
                yield criterion["id"]


@pytest.mark.parametrize("row", questions(), ids=[row["procedure"] for row in questions()])
def test_a_sick_patient_is_asked_what_the_procedure_needs(
    row: dict[str, str], knowledge: Knowledge, now: datetime
) -> None:
    """Platelets of 30, INR 2.0, an injured kidney and anaphylaxis to contrast count where the procedure says so."""
    assert asked(row["procedure"], knowledge, now) == row["present"]


def test_every_procedure_is_listed(knowledge: Knowledge) -> None:
    """A new procedure has a line that says what it is asked."""
    assert [row["procedure"] for row in questions()] == sorted(knowledge.procedures)
