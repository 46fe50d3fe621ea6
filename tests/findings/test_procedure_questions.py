"""What each procedure is asked: its bleeding class, its access, and what it gives, beside the list of a department."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.cases import Case, answer_case
from cds_service.knowledge.tables import Knowledge
from tests.support.second_lists import read_list

LABS = [
    {"code": "loinc|777-3", "value": 30, "unit": "10*3/uL"},
    {"code": "loinc|6301-6", "value": 2.0, "unit": "{INR}"},
    {"code": "loinc|98979-8", "value": 42, "unit": "mL/min/{1.73_m2}"},
    {"code": "loinc|2160-0", "value": 3.1, "unit": "mg/dL"},
    {"code": "loinc|751-8", "value": 0.3, "unit": "10*3/uL"},
    {"code": "loinc|1975-2", "value": 5.1, "unit": "mg/dL"},
]
SICK: dict[str, Any] = {
    "labs": LABS,
    "allergies": [{"code": "sct|395751002", "manifestation": "sct|39579001"}],
    "conditions": ["icd-10-cm|N17.9", {"code": "icd-10-cm|F05", "onset_days": 2}],
    "patient": {"gender": "male", "birthDate": "1960-01-01"},
}
"""Platelets of 30, INR 2.0, an injured kidney, no neutrophils, anaphylaxis to contrast, delirium."""
FAILING: dict[str, Any] = {
    "labs": [{"code": "loinc|98979-8", "value": 9, "unit": "mL/min/{1.73_m2}"}],
    "conditions": ["icd-10-cm|J96.11", "icd-10-cm|K72.90"],
    "patient": {"gender": "male", "birthDate": "1960-01-01"},
}
"""An eGFR of 9, chronic respiratory failure, hepatic failure."""
PREGNANT: dict[str, Any] = {
    "labs": [{"code": "loinc|2106-3", "answer": "sct|10828004"}],
    "patient": {"gender": "female", "birthDate": "1996-01-01"},
}
"""A woman of 30 with a positive pregnancy test."""
NOTHING_KNOWN: dict[str, Any] = {"patient": {"gender": "male", "birthDate": "1976-01-01"}}
"""A man of 50 without a result."""
LISTED = (
    *("inr-high-risk", "inr-femoral-access", "platelets-high-risk", "acute-kidney-injury", "egfr-first-pass"),
    *("creatinine-chemoembolization", "neutrophils-grade-4", "iodinated-contrast-allergy", "bilirubin-tips"),
    *("bilirubin-chemoembolization",),
)
"""Questions that the sick patient answers with yes, wherever they are asked."""
ROWS = ("iodine-allergy", "unable-to-cooperate")
FAILURES = ("kidney-failure", "respiratory-failure", "liver-failure")
COLUMNS = ("procedure", "present", *ROWS, *FAILURES, "pregnancy", "no-results")
PATIENTS = {"sick": SICK, "failing": FAILING, "pregnant": PREGNANT, "nothing known": NOTHING_KNOWN}


def questions() -> list[dict[str, str]]:
    """What each procedure is asked and how loudly it is told: of a list that is written beside the tables."""
    return read_list(Path(__file__).parent / "procedure_questions.csv")


def line_of(procedure: str, knowledge: Knowledge, now: datetime) -> dict[str, str]:
    """The line of a procedure: questions that are answered yes, and of rows the level or where it is told."""
    found = {"procedure": procedure}
    for patient in PATIENTS:
        found |= asked(procedure, patient, knowledge, now)
    return found


def asked(procedure: str, patient: str, knowledge: Knowledge, now: datetime) -> dict[str, str]:
    """The part of the line that one patient answers."""
    rows = _order(procedure, PATIENTS[patient], knowledge, now)
    if patient == "failing":
        return {row: rows.get(row, {}).get("told", {}).get("as", "") for row in FAILURES}
    if patient == "pregnant":
        return {"pregnancy": rows.get("pregnancy", {}).get("indicator", "")}
    if patient == "nothing known":
        return {"no-results": rows["bleeding-tendency"].get("told", {}).get("as", "")}
    present = (c["id"] for row in rows.values() for c in row.get("criteria", ()) if c["certainty"] == "present")
    levels = {row: rows.get(row, {}).get("indicator", "") for row in ROWS}
    return {"present": " ".join(sorted(set(LISTED).intersection(present))), **levels}


def case_of(procedure: str, patient: dict[str, Any]) -> dict[str, Any]:
    """The case of an order of the procedure."""
    return {"id": "x", "order": procedure, "expect": {}, **patient}


def _order(procedure: str, patient: dict[str, Any], knowledge: Knowledge, now: datetime) -> dict[str, dict[str, Any]]:
    (order,) = answer_case(Case("", case_of(procedure, patient)), knowledge, now).decision["procedures"]
    return {row["id"]: row for row in order.get("contraindications", ())}


@pytest.mark.parametrize("row", questions(), ids=[row["procedure"] for row in questions()])
@pytest.mark.slow
def test_a_sick_patient_is_asked_what_the_procedure_needs(
    row: dict[str, str], knowledge: Knowledge, now: datetime
) -> None:
    """What counts against the procedure in a sick patient, how loudly, and what is expected and told beside it only."""
    assert line_of(row["procedure"], knowledge, now) == row
