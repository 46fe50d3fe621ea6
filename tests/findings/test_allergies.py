"""Allergies: how loudly each speaks, and what texts say or deny."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, said_of, said_of_criterion

CONTRAST, IOHEXOL = "sct|426722004", "sct|395751002"
ANAPHYLAXIS, NAUSEA, HIVES = "sct|39579001", "sct|422587007", "sct|126485001"


def iodine(allergy: Any, knowledge: Knowledge, now: datetime) -> str:
    """What the iodine row says of one allergy before a TIPS."""
    return said_of(judge({"order": "tips", "allergies": [allergy]}, knowledge, now), "iodine-allergy")


@pytest.mark.parametrize("criticality", [None, "low", "high", "unable-to-assess"])
@pytest.mark.parametrize("severity", [None, "mild", "moderate", "severe"])
@pytest.mark.parametrize("manifestation", [None, ANAPHYLAXIS, NAUSEA, HIVES])
def test_the_level_is_the_worst_of_all_that_is_recorded(
    criticality: str | None, severity: str | None, manifestation: str | None, knowledge: Knowledge, now: datetime
) -> None:
    """A severe reaction is critical however it is recorded; only what is physiologic throughout is information."""
    fields = {"criticality": criticality, "severity": severity, "manifestation": manifestation}
    allergy = {"code": IOHEXOL} | {name: value for name, value in fields.items() if value}
    severe = criticality == "high" or severity == "severe" or manifestation == ANAPHYLAXIS
    expected = "critical" if severe else "info" if manifestation == NAUSEA else "warning"
    assert iodine(allergy, knowledge, now) == f"present {expected}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "present warning"),
        ({"clinical": "none"}, "present warning"),
        ({"verification": "unconfirmed"}, "present warning"),
        ({"clinical": "inactive"}, "present info"),
        ({"clinical": "resolved", "severity": "severe"}, "present info"),
        ({"verification": "refuted"}, "absent"),
        ({"verification": "entered-in-error", "clinical": "none"}, "absent"),
    ],
)
def test_the_status_of_an_allergy(fields: dict[str, str], expected: str, knowledge: Knowledge, now: datetime) -> None:
    """An unconfirmed allergy speaks as loudly, an inactive one is information, a denied one is silent."""
    assert iodine({"code": CONTRAST} | fields, knowledge, now) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Iodinated contrast dye - hives", "present warning"),
        ("IV CONTRAST", "present warning"),
        ("CT dye", "present warning"),
        ("Omnipaque 300", "present warning"),
        ("iohexol (anaphylaxis)", "present critical"),
        ("Kontrastmittelallergie", "present warning"),
        ("jodhaltige Kontrastmittel", "present warning"),
        ("碘造影剂", "present warning"),
        ("Iodine", "present warning"),
        ("shellfish", "present info"),
        ("Betadine swab", "present info"),
        ("povidone-iodine", "present info"),
        ("gadolinium contrast (MRI)", "absent"),
        ("hair dye", "absent"),
        ("fish oil", "absent"),
        ("penicillin", "absent"),
        ("radioactive iodine", "absent"),
    ],
)
def test_an_allergy_in_words(text: str, expected: str, knowledge: Knowledge, now: datetime) -> None:
    """Without a code the words decide: agents and contrast media warn, food and antiseptics inform."""
    assert iodine({"text": text}, knowledge, now) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No known allergy to contrast", "absent"),
        ("No known allergy to iodine.", "absent"),
        ("no known drug allergies", "absent"),
        ("Not allergic to shellfish", "absent"),
        ("Denies allergy to iodinated contrast", "absent"),
        ("Tolerates iohexol", "absent"),
        ("Tolerated CT contrast in 2024.", "absent"),
        ("No known allergies except contrast", "present warning"),
        ("No known drug allergies other than iodinated contrast", "present warning"),
        ("No known allergies (contrast: hives)", "present warning"),
        ("No known allergies; contrast dye - rash", "present warning"),
        ("No known food allergy, but iodine", "present warning"),
        ("NKDA\nCT contrast", "present warning"),
        ("no known allergies\nCT contrast", "present warning"),
        ("Tolerates contrast only with premedication", "present warning"),
        ("Contrast allergy, no known shellfish allergy", "present warning"),
    ],
)
def test_texts_that_deny_an_allergy(text: str, expected: str, knowledge: Knowledge, now: datetime) -> None:
    """A text that denies an allergy from its beginning, without any exception, is no allergy; any doubt is one."""
    assert iodine({"text": text}, knowledge, now) == expected


@pytest.mark.parametrize(
    ("allergy", "expected"),
    [
        ({"code": "sct|716186003", "text": "No known allergy"}, "absent"),
        ({"code": "rxnorm|703"}, "absent"),
        ({"code": "sct|300913006"}, "present info"),
        ({"code": "sct|419199007", "substance": IOHEXOL}, "present warning"),
        ({"code": ["urn:local|17", IOHEXOL]}, "present warning"),
        ({"code": "urn:local|17"}, "unknown info"),
        ({"code": "urn:local|17", "text": "contrast"}, "present warning"),
        ({"code": "urn:local|17", "text": "penicillin"}, "absent"),
        ({"code": "urn:local|17", "clinical": "resolved"}, "unknown info"),
        ({}, "unknown info"),
    ],
)
def test_an_allergy_by_its_codes(allergy: dict[str, Any], expected: str, knowledge: Knowledge, now: datetime) -> None:
    """Any known coding decides, a substance's too; an allergy that nobody can read is unknown."""
    assert iodine(allergy, knowledge, now) == expected


def test_two_records_of_one_allergy_are_one_finding(knowledge: Knowledge, now: datetime) -> None:
    """Two resources of the same allergy are one finding that names both, as loud as the louder."""
    row = {"order": "tips", "allergies": [CONTRAST, {"code": CONTRAST, "severity": "severe"}]}
    order = judge(row, knowledge, now)
    (found,) = [
        f for r in order.contraindications for f in r.criteria if f.criterion.id == "iodinated-contrast-allergy"
    ]
    assert [evidence.reference for evidence in found.evidence] == ["AllergyIntolerance/a1", "AllergyIntolerance/a2"]
    assert found.indicator is not None
    assert found.indicator.word == "critical"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("sct|293637006", "present warning"),
        ({"code": "sct|293637006", "verification": "unconfirmed"}, "present info"),
        ({"code": "sct|293637006", "clinical": "resolved"}, "absent"),
        ("icd-10-cm|Z91.041", "present warning"),
        ("icd-10-cm|Z91.013", "present info"),
    ],
)
def test_an_allergy_recorded_as_a_condition(condition: Any, expected: str, knowledge: Knowledge, now: datetime) -> None:
    """An allergy may stand among the conditions, and counts there too."""
    assert said_of(judge({"order": "tips", "conditions": [condition]}, knowledge, now), "iodine-allergy") == expected


@pytest.mark.parametrize(
    ("allergies", "expected"),
    [
        ([], False),
        (["sct|418351005"], True),
        ([{"text": "MRI contrast"}], True),
        (["sct|385420005"], True),
        ([IOHEXOL], False),
        ([{"code": "urn:local|17"}], True),
    ],
)
def test_gadolinium_is_no_way_out(allergies: list[Any], expected: bool, knowledge: Knowledge, now: datetime) -> None:
    """Gadolinium is not offered where it is an allergy, or may be one."""
    assert judge({"order": "tips", "allergies": allergies}, knowledge, now).gadolinium_allergy is expected


def test_no_contrast_no_row(knowledge: Knowledge, now: datetime) -> None:
    """A biopsy without contrast is not asked for iodine."""
    order = judge({"order": "percutaneous-biopsy", "allergies": [CONTRAST]}, knowledge, now)
    assert (said_of(order, "iodine-allergy"), said_of_criterion(order, "iodinated-contrast-allergy")) == ("-", "-")
