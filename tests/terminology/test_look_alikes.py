"""Codes that look right and are wrong: none of them may raise its row above what it deserves."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

from cds_service.cases import Case, answer_case
from cds_service.knowledge.tables import Knowledge

with (Path(__file__).parent / "look_alikes.csv").open(newline="", encoding="utf-8") as file:
    LOOK_ALIKES = list(csv.DictReader(file))

LABS = [
    {"code": "loinc|777-3", "value": 210, "unit": "10*3/uL"},
    {"code": "loinc|6301-6", "value": 1.0, "unit": "1"},
    {"code": "loinc|98979-8", "value": 92, "unit": "mL/min/{1.73_m2}"},
    {"code": "loinc|751-8", "value": 4, "unit": "10*3/uL"},
    {"code": "loinc|1975-2", "value": 0.6, "unit": "mg/dL"},
]


def said_of(row: dict[str, str], knowledge: Knowledge, now: datetime) -> str | None:
    """How loudly the row that a code looks like speaks of it; None for nothing."""
    kind = "conditions" if row["resource"] == "Condition" else "allergies"
    entry = {"code": f"{row['system']}|{row['code']}", "display": row["display"]}
    case = Case("", {"id": "x", "order": "hepatic-artery-chemoembolization", kind: [entry], "labs": LABS, "expect": {}})
    (order,) = answer_case(case, knowledge, now).decision["procedures"]
    found: dict[str, str] = next(c for c in order["contraindications"] if c["id"] == row["row"])
    return found.get("indicator")


def test_look_alikes(knowledge: Knowledge, now: datetime) -> None:
    """Each code says nothing in the row that it looks like, or no more than information."""
    allowed = {"info": {None, "info"}}
    found = [(row, said_of(row, knowledge, now)) for row in LOOK_ALIKES]
    assert [(row, said) for row, said in found if said not in allowed.get(row["at_most"], {None})] == []
