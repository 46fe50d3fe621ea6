"""When a question applies, how loudly it speaks, and which of several says it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from cds_service.findings.context import order_context
from cds_service.findings.finding import Urgency
from cds_service.findings.urgency import Timing
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, reason_of, said_of, said_of_criterion

LOUD = "present warning"
SOON = Timing(Urgency.URGENT, days_left=1)
CIRRHOSIS, DIALYSIS, ANTICOAGULANT = "icd-10-cm|K74.60", "icd-10-cm|Z99.2", "icd-10-cm|Z79.01"
UNSURE = {"code": CIRRHOSIS, "verification": "provisional"}
BLEEDING_VARICES, DELIRIUM = "icd-10-cm|I85.01", "icd-10-cm|F05"


def inr(value: float) -> dict[str, Any]:
    """An INR of the day before."""
    return {"code": "loinc|6301-6", "value": value}


@pytest.mark.parametrize(
    ("row", "criterion", "expected"),
    [
        ({"order": "tips", "labs": [inr(2.1)]}, "inr-high-risk", LOUD),
        ({"order": "ivc-filter-placement", "labs": [inr(2.1)]}, "inr-high-risk", "-"),
        ({"order": "ivc-filter-placement", "labs": [inr(3.1)]}, "inr-low-risk", "present info"),
        ({"order": "ivc-filter-placement", "labs": [inr(2.0)]}, "inr-femoral-access", "-"),
        ({"order": "renal-artery-embolization", "labs": [inr(2.0)]}, "inr-femoral-access", "present info"),
        ({"order": "tips", "labs": [inr(2.1)], "conditions": [CIRRHOSIS]}, "inr-high-risk", "-"),
        ({"order": "tips", "labs": [inr(2.1)], "conditions": [CIRRHOSIS]}, "inr-chronic-liver-disease", "absent"),
        (
            {"order": "tips", "labs": [inr(2.6)], "conditions": [CIRRHOSIS]},
            "inr-chronic-liver-disease",
            LOUD,
        ),
        (
            {"order": "tips", "labs": [inr(2.1)], "conditions": [CIRRHOSIS, ANTICOAGULANT]},
            "inr-high-risk",
            LOUD,
        ),
        ({"order": "tips", "labs": [inr(2.1)], "conditions": [UNSURE]}, "inr-high-risk", LOUD),
        ({"order": "tips"}, "bilirubin-tips", "unknown info"),
        ({"order": "tips", "conditions": [BLEEDING_VARICES]}, "bilirubin-tips", "-"),
        ({"order": "tips", "conditions": [DIALYSIS]}, "egfr-contrast", "-"),
        ({"order": "tips", "conditions": [DIALYSIS]}, "dialysis", "present info"),
        ({"order": "percutaneous-biopsy"}, "egfr-contrast", "-"),
        (
            {"order": "percutaneous-biopsy", "conditions": ["icd-10-cm|N18.5"]},
            "end-stage-kidney-disease",
            LOUD,
        ),
        ({"order": "ivc-filter-placement"}, "platelets-high-risk", "-"),
        ({"order": "ivc-filter-placement"}, "platelets-low-risk", "-"),
    ],
)
def test_where_a_question_applies(
    row: dict[str, Any], criterion: str, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """Gates are what the procedure uses, its risk and access, and what the record holds for certain."""
    assert said_of_criterion(judge(row, knowledge, now), criterion) == expected


@pytest.mark.parametrize(
    ("labs", "speaking", "silent"),
    [
        ([inr(2.1)], ["inr-high-risk"], ["inr-high-risk-caution"]),
        ([inr(1.6)], ["inr-high-risk-caution"], []),
        (
            [{"code": "loinc|98979-8", "value": 12, "unit": "mL/min/{1.73_m2}"}],
            ["egfr-contrast"],
            ["egfr-kidney-failure", "egfr-first-pass"],
        ),
        (
            [{"code": "loinc|98979-8", "value": 40, "unit": "mL/min/{1.73_m2}"}],
            ["egfr-first-pass"],
            ["egfr-kidney-failure"],
        ),
    ],
)
def test_the_strongest_of_several_says_it(
    labs: list[dict[str, Any]], speaking: list[str], silent: list[str], knowledge: Knowledge, now: datetime
) -> None:
    """Where a stronger limit is passed, the weaker ones of the same row say nothing more."""
    order = judge({"order": "renal-artery-angioplasty", "labs": labs}, knowledge, now)
    assert [c for c in speaking if not said_of_criterion(order, c).startswith("present")] == []
    assert [c for c in silent if said_of_criterion(order, c).startswith("present")] == []


@pytest.mark.parametrize(
    ("condition", "encounter", "expected"),
    [
        ({"onset_days": 0}, None, "present warning"),
        ({"onset_days": 7}, None, "present warning"),
        ({"onset_days": 8}, None, "present info"),
        ({"onset_days": 8, "encounter": "e1"}, "e1", "present warning"),
        ({"onset_days": 8, "encounter": "e1"}, "e2", "present info"),
        ({"onset_days": 8, "encounter": "e1"}, None, "present info"),
        ({}, None, "present warning"),
        ({"fields": {"recordedDate": "2026-10-01"}}, None, "present info"),
        ({"clinical": "remission"}, None, "present info"),
        ({"clinical": "resolved"}, None, "absent"),
        ({"verification": "provisional"}, None, "present info"),
        ({"clinical": "unknown"}, None, "present warning"),
    ],
)
def test_an_acute_state_grows_stale(
    condition: dict[str, Any], encounter: str | None, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """Delirium of more than 7 days ago, and not of this encounter, is only information; without a date it counts."""
    row: dict[str, Any] = {"order": "tips", "conditions": [{"code": DELIRIUM} | condition]}
    if encounter:
        row["encounter"] = encounter
    assert said_of(judge(row, knowledge, now), "unable-to-cooperate") == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("uterine-fibroid-embolization", "present critical"),
        ("postpartum-hemorrhage-embolization", "present warning"),
        ("solid-organ-trauma-embolization", "present warning"),
        ("vascular-malformation-embolization", "present warning"),
    ],
)
def test_nothing_is_critical_in_an_emergency(order: str, expected: str, knowledge: Knowledge, now: datetime) -> None:
    """In an emergency the card informs and never blocks."""
    row = {"order": order, "allergies": [{"code": "sct|426722004", "severity": "severe"}]}
    assert said_of(judge(row, knowledge, now), "iodine-allergy") == expected


def test_the_strictest_of_several_procedures_counts(knowledge: Knowledge) -> None:
    """An order that may be one of two procedures is judged by the uses of both and by the higher risk."""
    low, high = (knowledge.procedures[p] for p in ("port-placement", "tips"))
    assert order_context((low, high), SOON).bleeding_risk == "high"
    assert order_context((low, replace(low, uses=frozenset({"chemotherapy"}))), SOON).uses == low.uses | {
        "chemotherapy"
    }


@pytest.mark.parametrize(
    ("conditions", "labs", "expected", "reason"),
    [
        (["icd-10-cm|I50.9"], [], "unknown info", "severity-not-recorded"),
        (["icd-10-cm|I50.9"], [52], "present info", None),
        (["icd-10-cm|I50.9"], [25], "-", None),
        (["icd-10-cm|I50.21"], [], "-", None),
        (["icd-10-cm|I50.9", "sct|420300004"], [], "-", None),
        ([], [], "absent", None),
    ],
)
def test_heart_failure_needs_its_severity(
    conditions: list[str], labs: list[int], expected: str, reason: str | None, knowledge: Knowledge, now: datetime
) -> None:
    """Heart failure without LVEF or NYHA class is not called severe, and not called harmless."""
    rows = [{"code": "loinc|10230-1", "value": value, "unit": "%"} for value in labs]
    order = judge({"order": "tips", "conditions": conditions, "labs": rows}, knowledge, now)
    found = (said_of_criterion(order, "heart-failure-recorded"), reason_of(order, "heart-failure-recorded"))
    assert found == (expected, reason)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, "absent"),
        ({"not_sent": ["conditions"]}, "unknown warning"),
        ({"refused": ["conditions"]}, "unknown warning"),
        ({"conditions": [{"text": "something"}]}, "unknown info"),
        ({"conditions": ["icd-10-cm|T50.8X5A"]}, "present info"),
    ],
)
def test_a_contrast_reaction_recorded_as_a_condition(
    row: dict[str, Any], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """Where the conditions could not be retrieved or read, a contrast reaction among them is not called absent."""
    assert said_of_criterion(judge({"order": "tips"} | row, knowledge, now), "contrast-reaction-history") == expected
