"""Results that may be a lab and are not coded as one: not passed over where they matter, and no alarm."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, reason_of, said_of, said_of_criterion

INR, PLATELETS, CREATININE = "loinc|6301-6", "loinc|777-3", "loinc|2160-0"
MAN_OF_50 = {"birthDate": "1976-11-23", "gender": "male"}
ALL_NORMAL = [
    {"code": PLATELETS, "value": 210, "unit": "10*3/uL", "days": 9},
    {"code": INR, "value": 1.0, "unit": "1", "days": 9},
    {"code": "loinc|98979-8", "value": 92, "unit": "mL/min/{1.73_m2}", "days": 9},
    {"code": CREATININE, "value": 0.9, "unit": "mg/dL", "days": 9},
    {"code": "loinc|6690-2", "value": 6, "unit": "10*3/uL", "days": 6},
    {"code": "loinc|751-8", "value": 4, "unit": "10*3/uL", "days": 6},
    {"code": "loinc|1975-2", "value": 0.6, "unit": "mg/dL", "days": 9},
    {"code": "loinc|10230-1", "value": 60, "unit": "%", "days": 9},
    {"code": "loinc|24467-3", "value": 800, "unit": "/uL", "days": 9},
]
with (Path(__file__).parent / "everyday_results.csv").open(newline="", encoding="utf-8") as file:
    EVERYDAY = list(csv.DictReader(file))


def coded(*codings: dict[str, str], text: str | None = None, **entry: Any) -> dict[str, Any]:
    """A result of the day before under these codings."""
    code: dict[str, Any] = {"coding": list(codings)} if codings else {}
    return {"fields": {"code": code | ({"text": text} if text else {})}, **entry}


def platelets(value: float = 12, unit: str = "10*9/L", **code: str) -> dict[str, Any]:
    """A low platelet count of the day before under a code that is not LOINC."""
    return coded(code, value=value, unit=unit)


def answer_of(
    criterion: str, labs: list[dict[str, Any]], knowledge: Knowledge, now: datetime
) -> tuple[str, str | None]:
    """What one criterion of a TIPS order says, and why."""
    order = judge({"order": "tips", "labs": labs, "patient": MAN_OF_50}, knowledge, now)
    return said_of_criterion(order, criterion).partition(" ")[0], reason_of(order, criterion)


MAYBE_PLATELETS = {
    "SNOMED CT": platelets(system="http://snomed.info/sct", code="61928009"),
    "NPU": platelets(system="http://npu-terminology.org", code="NPU03568"),
    "NPU by its Danish OID": platelets(system="urn:oid:1.2.208.176.2.1", code="NPU03568"),
    "LOINC without its system": platelets(code="777-3"),
    "LOINC under a name that nobody knows": platelets(system="LOINC", code="777-3"),
    "a local code with an English name": platelets(system="urn:local", code="4711", display="Platelets"),
    "a local code with a German name": platelets(system="urn:local", code="4711", display="Thrombozyten"),
    "a local code with a Japanese name": platelets(system="urn:local", code="4711", display="血小板数"),
    "a local code that is a name": platelets(system="urn:local", code="PLT"),
    "a local code without a name": platelets(system="urn:local", code="4711"),
    "a display alone": platelets(display="B-Trombocyter"),
    "the words of LOINC": coded(text="Platelets [#/volume] in Blood by Automated count", value=12, unit="10*9/L"),
    "words alone": coded(text="Platelet count", value=12, unit="K/uL"),
    "another LOINC code with the name": platelets(
        system="http://loinc.org", code="74464-9", display="Platelets [#/volume] in Blood by Impedance"
    ),
    "a component": {
        "fields": {"code": {"text": "Complete blood count"}},
        "components": [{"text": "Platelets", "value": 12, "unit": "10*9/L"}],
    },
}


@pytest.mark.parametrize("name", MAYBE_PLATELETS)
def test_a_count_that_may_be_platelets_is_not_passed_over(name: str, knowledge: Knowledge, now: datetime) -> None:
    """A low count under a code that is not read leaves the question open, beside an older good count as well."""
    low = MAYBE_PLATELETS[name]
    alone = answer_of("platelets-high-risk", [low], knowledge, now)
    older = {"code": PLATELETS, "value": 220, "unit": "10*9/L", "days": 9}
    beside = answer_of("platelets-high-risk", [low, older], knowledge, now)
    assert (alone, beside) == (("unknown", "coded-unread"), ("unknown", "coded-unread"))


@pytest.mark.parametrize("name", MAYBE_PLATELETS)
def test_a_newer_count_that_is_read_settles_it(name: str, knowledge: Knowledge, now: datetime) -> None:
    """A count that is read and newer decides, whatever an older one under another code was."""
    newer = {"code": PLATELETS, "value": 220, "unit": "10*9/L", "hours": 1}
    assert answer_of("platelets-high-risk", [MAYBE_PLATELETS[name], newer], knowledge, now) == ("absent", None)


@pytest.mark.parametrize("name", MAYBE_PLATELETS)
def test_what_is_read_and_low_stays_low(name: str, knowledge: Knowledge, now: datetime) -> None:
    """A good count under a code that is not read takes nothing from a low one that is read."""
    good = MAYBE_PLATELETS[name] | {"value": 220}
    low = {"code": PLATELETS, "value": 12, "unit": "10*9/L", "days": 9}
    assert answer_of("platelets-high-risk", [good, low], knowledge, now) == ("present", None)


def test_a_good_count_changes_nothing_whatever_it_is(knowledge: Knowledge, now: datetime) -> None:
    """A good count that may be platelets opens nothing beside a good one that is read, whichever it is."""
    good = [
        {"code": PLATELETS, "value": 220, "unit": "10*9/L", "days": 9},
        coded(text="Platelets", value=200, unit="G/l"),
    ]
    assert answer_of("platelets-high-risk", good, knowledge, now) == ("absent", None)
    # By itself it is no result that was read, and the reason says why.
    assert answer_of("platelets-high-risk", good[1:], knowledge, now) == ("unknown", "coded-unread")


def test_two_codes_that_disagree_are_two_possibilities(knowledge: Knowledge, now: datetime) -> None:
    """A good count under one unread code does not outweigh an older low one under another."""
    labs = [
        coded(text="Thrombozyten", value=12, unit="G/l", days=3),
        coded(text="PLT", value=200, unit="G/l", days=1),
        {"code": PLATELETS, "value": 220, "unit": "10*9/L", "days": 9},
    ]
    assert answer_of("platelets-high-risk", labs, knowledge, now) == ("unknown", "coded-unread")


def test_the_newest_under_one_code_counts(knowledge: Knowledge, now: datetime) -> None:
    """Of several counts under one unread code the newest counts, as of those that are read."""
    labs = [
        coded(text="Thrombozyten", value=12, unit="G/l", days=3),
        coded(text="Thrombozyten", value=200, unit="G/l", days=1),
        {"code": PLATELETS, "value": 220, "unit": "10*9/L", "days": 9},
    ]
    assert answer_of("platelets-high-risk", labs, knowledge, now) == ("absent", None)


@pytest.mark.parametrize(
    "fields",
    [
        {"value": 12},
        {"value": 12, "unit": "furlong"},
        {"string": "clumped?"},
        {"value": 12, "unit": "10*9/L", "fields": {"code": {"text": "Platelets"}, "effectiveDateTime": None}},
        {"value": 12, "unit": "10*9/L", "fields": {"code": {"text": "Platelets"}, "effectiveDateTime": "2027-01-01"}},
        {"value": 90000, "unit": "10*9/L"},
    ],
)
def test_what_can_not_be_used_may_be_anything(fields: dict[str, Any], knowledge: Knowledge, now: datetime) -> None:
    """A result named platelets that can't be used either leaves the question open beside an older good count."""
    labs = [coded(text="Platelets") | fields, {"code": PLATELETS, "value": 220, "unit": "10*9/L", "days": 9}]
    assert answer_of("platelets-high-risk", labs, knowledge, now) == ("unknown", "coded-unread")


@pytest.mark.parametrize(
    "entry",
    [
        {"value": 12, "unit": "%"},
        {"value": 12, "unit": "fL"},
        {"string": "negative"},
        {"absent": "not performed"},
        {"fields": {"code": {"text": "Platelets"}, "valueCodeableConcept": {"text": "Few"}}},
    ],
)
def test_a_value_of_another_kind_is_another_test(entry: dict[str, Any], knowledge: Knowledge, now: datetime) -> None:
    """A result that is named like the lab, in a unit or words that no count is reported in, is none."""
    labs = [coded(text="Platelets") | entry, {"code": PLATELETS, "value": 220, "unit": "10*9/L", "days": 9}]
    assert answer_of("platelets-high-risk", labs, knowledge, now) == ("absent", None)


@pytest.mark.parametrize("inr", [coded({"system": "http://snomed.info/sct", "code": "165581004"}, value=4.5),
                                 coded(text="INR", value=4.5), coded(text="INR (goal 2-3)", value=4.5),
                                 coded(text="P-PK(INR)", value=4.5), coded(text="INR", string="4,5")])  # fmt: skip
def test_an_inr_that_is_not_read(inr: dict[str, Any], knowledge: Knowledge, now: datetime) -> None:
    """An INR under SNOMED CT or as words is an INR that is there; a goal in brackets makes it no other."""
    older = {"code": INR, "value": 1.1, "days": 9}
    assert answer_of("inr-high-risk", [inr, older], knowledge, now) == ("unknown", "coded-unread")


@pytest.mark.parametrize(("value", "expected"), [(4.0, "unknown"), (0.9, "absent")])
def test_what_is_computed_from_it_is_as_doubtful(
    value: float, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """A creatinine that is not read leaves eGFR and its own rise open where it is high."""
    labs = [coded(text="Kreatinin", value=value, unit="mg/dL"), *ALL_NORMAL]
    assert answer_of("egfr-contrast", labs, knowledge, now)[0] == expected
    recent = [
        coded(text="Kreatinin", value=value, unit="mg/dL", hours=1),
        {"code": CREATININE, "value": 0.9, "unit": "mg/dL", "hours": 30},
        {"code": CREATININE, "value": 0.9, "unit": "mg/dL", "hours": 5},
    ]
    assert answer_of("creatinine-rise", recent, knowledge, now)[0] == expected


def test_a_score_with_a_doubtful_part(knowledge: Knowledge, now: datetime) -> None:
    """MELD is open where it would be high with an INR that is not read, and not missed where it would not."""
    parts = [
        {"code": "loinc|1975-2", "value": 2.9, "unit": "mg/dL"},
        {"code": CREATININE, "value": 1.4, "unit": "mg/dL"},
    ]
    high = judge({"order": "tips", "labs": [*parts, coded(text="INR", value=1.9)]}, knowledge, now)
    low = judge({"order": "tips", "labs": [*parts, coded(text="INR", value=1.0)]}, knowledge, now)
    assert (said_of_criterion(high, "meld-tips"), said_of_criterion(low, "meld-tips")) == ("unknown info", "-")


@pytest.mark.parametrize(("percent", "expected"), [(20, "unknown"), (60, "absent")])
def test_a_differential_that_is_not_read(percent: float, expected: str, knowledge: Knowledge, now: datetime) -> None:
    """Leukocytes that are read with a percentage that is not may be few neutrophils."""
    labs = [
        {"code": "loinc|6690-2", "value": 2.0, "unit": "10*3/uL"},
        coded(text="Neutrophile", value=percent, unit="%"),
        {"code": "loinc|751-8", "value": 4.0, "unit": "10*3/uL", "days": 4},
    ]
    order = judge({"order": "generic-intraarterial-chemotherapy", "labs": labs}, knowledge, now)
    assert said_of_criterion(order, "neutrophils-grade-4").partition(" ")[0] == expected


@pytest.mark.parametrize("order", ["hepatic-artery-chemoembolization", "tips"])
def test_everyday_results_say_nothing(order: str, knowledge: Knowledge, now: datetime) -> None:
    """A result of another test under a local code is no louder than no result, however low its number."""

    def said(*labs: dict[str, Any]) -> dict[str, str]:
        found = judge({"order": order, "patient": MAN_OF_50, "labs": [*labs, *ALL_NORMAL]}, knowledge, now)
        return {r.contraindication.id: said_of(found, r.contraindication.id) for r in found.contraindications}

    quiet, loud = said(), {}
    for row in EVERYDAY:
        named = {"system": "urn:hospital:lab", "code": "L-4711", "display": row["name"]}
        value = {"value": float(row["value"])} | ({"unit": row["unit"]} if row["unit"] else {}) if row["value"] else {}
        found = said(coded(named, text=row["name"], **(value or {"string": row["unit"]}), hours=1))
        if found != quiet:
            loud[f"{row['name']} {row['value']}{row['unit']}"] = found
    assert loud == {}


@pytest.mark.parametrize(
    "entry",
    [
        {"fields": {"code": {"text": "Leukozyten"}, "specimen": {"display": "Urin"}}, "value": 5, "unit": "/uL"},
        {
            "fields": {"code": {"text": "Urinstatus"}},
            "components": [{"text": "Leukozyten", "value": 5, "unit": "/uL"}, {"text": "Bilirubin", "value": 9}],
        },
    ],
)
def test_of_another_specimen(entry: dict[str, Any], knowledge: Knowledge, now: datetime) -> None:
    """Leukocytes of a urine specimen, or in a panel of urine, are no blood count."""
    row = {"order": "hepatic-artery-chemoembolization", "patient": MAN_OF_50, "labs": [entry, *ALL_NORMAL]}
    assert said_of_criterion(judge(row, knowledge, now), "leukocytes-doxorubicin") == "absent"
    blood = {"fields": {"code": {"text": "Leukozyten"}, "specimen": {"display": "EDTA"}}, "value": 5, "unit": "/uL"}
    assert said_of_criterion(judge(row | {"labs": [blood, *ALL_NORMAL]}, knowledge, now), "leukocytes-doxorubicin") == (
        "unknown info"
    )


@pytest.mark.parametrize(
    "entry",
    [
        coded(text="NYHA class", string="III"),
        coded(text="NYHA class", value=3),
        coded({"system": "http://snomed.info/sct", "code": "420913000"}),
        {"fields": {"code": {"text": "NYHA"}, "valueCodeableConcept": {"text": "III"}}},
        {
            "fields": {
                "code": {"coding": [{"system": "http://loinc.org", "code": "99999-9", "display": "NYHA class"}]},
                "valueString": "III",
            }
        },
    ],
)
def test_a_class_that_is_not_read(entry: dict[str, Any], knowledge: Knowledge, now: datetime) -> None:
    """A NYHA class in words, as a number, or as the code of the result itself leaves the question open."""
    assert answer_of("nyha-severe", [entry], knowledge, now) == ("unknown", "coded-unread")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"coding": [{"system": "http://loinc.org", "code": "LA28407-7"}]}, ("present", None)),
        ({"coding": [{"system": "http://loinc.org", "code": "LA28404-4"}]}, ("absent", None)),
        ({"coding": [{"system": "urn:local", "code": "3"}], "text": "NYHA III"}, ("present", None)),
        ({"text": "Class II"}, ("absent", None)),
        ({"coding": [{"system": "urn:local", "code": "3"}]}, ("unknown", "answer-unread")),
        ({"text": "NYHA II-III"}, ("unknown", "answer-unread")),
    ],
)
def test_an_answer_that_is_not_read(
    answer: dict[str, Any], expected: tuple[str, str | None], knowledge: Knowledge, now: datetime
) -> None:
    """A coded answer in a vocabulary that holds none of the answers asked for is no "no"; one in words is read."""
    labs = [{"code": "loinc|88020-3", "fields": {"valueCodeableConcept": answer}}]
    assert answer_of("nyha-severe", labs, knowledge, now) == expected


def test_the_record_s_own_words_are_shown(knowledge: Knowledge, now: datetime) -> None:
    """Who reads the answer sees what the record calls the result, its value and its day."""
    order = judge({"order": "tips", "labs": [coded(text="Thrombozyten", value=12, unit="G/l")]}, knowledge, now)
    (found,) = [f for r in order.contraindications for f in r.criteria if f.criterion.id == "platelets-high-risk"]
    (shown,) = found.evidence
    assert (shown.text, str(shown.value), shown.unit, shown.date) == ("Thrombozyten", "12.0", "G/l", "2026-11-23")
