"""Allergies: how loudly each speaks, and what texts say or deny."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_service.cases import request_of
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, judge_request, reason_of, said_of, said_of_criterion

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


@pytest.mark.parametrize(
    ("allergies", "expected"),
    [
        ([], "empty"),
        (["sct|716186003"], "none known"),
        ([{"text": "NKDA"}], "none known"),
        ([{"text": "keine bekannten Allergien"}], "none known"),
        (["sct|716184000"], "recorded"),
        ([{"text": "no known food allergies"}], "recorded"),
        (["sct|716186003", {"text": "penicillin"}], "recorded"),
        ([{"text": "penicillin"}], "recorded"),
    ],
)
def test_an_empty_list_is_told_apart(allergies: list[Any], expected: str, knowledge: Knowledge, now: datetime) -> None:
    """An absent answer says whether the list is empty, says that none is known, or holds something else."""
    (row,) = [
        r for r in judge({"order": "tips", "allergies": allergies}, knowledge, now).contraindications
        if r.contraindication.id == "iodine-allergy"
    ]  # fmt: skip
    assert (row.certainty.value, {f.list_state for f in row.criteria} - {None}) == ("absent", {expected})


@pytest.mark.parametrize(
    ("allergy", "reason"),
    [
        ({"text": "Foobaril"}, "uncoded-allergy"),
        ({"code": "urn:local|17"}, "uncoded-allergy"),
        ({"code": "sct|416098002"}, "allergy-names-no-agent"),
        ({"text": "rash"}, "allergy-names-no-agent"),
        ({"text": "Not on file"}, "allergies-not-known"),
        ({"text": "unknown"}, "allergies-not-known"),
    ],
)
def test_an_entry_that_is_not_read_says_why(allergy: Any, reason: str, knowledge: Knowledge, now: datetime) -> None:
    """An entry that can't be interpreted is named once among what could not be read, with its reason."""
    findings = judge_request(request_of({"order": "tips", "allergies": [allergy, "sct|91936005"]}, now), knowledge, now)
    assert [(gap.data, gap.reason.key, gap.reference) for gap in findings.unavailable] == [
        ("allergies", reason, "AllergyIntolerance/a1")
    ]
    assert reason_of(findings.orders[0], "iodinated-contrast-allergy") == reason


@pytest.mark.parametrize(
    ("allergy", "said"),
    [
        ({"text": "Other", "fields": {"note": [{"text": "2019. IV contrast: hives. Retired."}]}}, "IV contrast: hives"),
        ({"code": "sct|385420005", "text": "Dye"}, "Dye"),
        ({"text": "hair dye, IV contrast"}, "hair dye, IV contrast"),
    ],
)
def test_evidence_quotes_what_names_the_allergy(allergy: Any, said: str, knowledge: Knowledge, now: datetime) -> None:
    """The sentence that names the agent is the evidence, not the rest of a note."""
    order = judge({"order": "tips", "allergies": [allergy]}, knowledge, now)
    found = [f for row in order.contraindications for f in row.criteria if f.evidence]
    assert [evidence.text for f in found for evidence in f.evidence] == [said]


def test_one_entry_is_told_under_the_group_that_says_most(knowledge: Knowledge, now: datetime) -> None:
    """A code for contrast media of any class beside the name of an iodinated agent is one finding, not two."""
    order = judge({"order": "tips", "allergies": [{"code": "sct|385420005", "text": "Omnipaque"}]}, knowledge, now)
    said = [said_of_criterion(order, f"{name}-allergy") for name in ("iodinated-contrast", "topical-iodine")]
    assert (said, said_of_criterion(order, "contrast-allergy-class-unclear")) == (
        ["present warning", "absent"],
        "absent",
    )


def test_what_the_question_can_read_is_published(knowledge: Knowledge) -> None:
    """Which code systems and languages an allergy question reads is computed from its value sets and words."""
    (question,) = [c.question for r in knowledge.contraindications for c in r.criteria if c.id == "seafood-allergy"]
    *systems, words = question.reads(knowledge)
    assert {"SNOMED CT", "ICD-10-CM", "RxNorm", "UNII", "ATC"} <= set(systems)
    assert "ICD-10" not in systems
    assert words.startswith("words in ")
