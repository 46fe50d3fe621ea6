"""Which result counts, and when none does: age, newest, ties, refused results, units."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, reason_of, said_of_criterion

PLATELETS, INR, LVEF, CREATININE = "loinc|777-3", "loinc|6301-6", "loinc|10230-1", "loinc|2160-0"
G = "10*9/L"


def platelets(value: float | None = None, **entry: Any) -> dict[str, Any]:
    """A platelet count in 10*9/L."""
    return {"code": PLATELETS, "unit": G} | ({} if value is None else {"value": value}) | entry


def answer_of(
    criterion: str, labs: list[dict[str, Any]], knowledge: Knowledge, now: datetime
) -> tuple[str, str | None]:
    """What one criterion of a TIPS order says, and why."""
    order = judge({"order": "tips", "labs": labs}, knowledge, now)
    return said_of_criterion(order, criterion).partition(" ")[0], reason_of(order, criterion)


@pytest.mark.parametrize(
    ("labs", "expected"),
    [
        ([platelets(40)], ("present", None)),
        ([platelets(50)], ("absent", None)),
        ([platelets(40, days=0)], ("present", None)),
        ([platelets(40, days=30)], ("present", None)),
        ([platelets(40, days=31)], ("unknown", "older-than")),
        ([platelets(40, days=12), platelets(200, days=1)], ("absent", None)),
        ([platelets(40, days=1), platelets(200, days=12)], ("present", None)),
        ([platelets(40, days=1), platelets(200, days=1)], ("unknown", "results-disagree")),
        ([platelets(40, days=1), platelets(45, days=1)], ("present", None)),
        ([platelets(40, hours=5), platelets(200, hours=2)], ("absent", None)),
        ([platelets(40, days=1), platelets(200, hours=2)], ("absent", None)),
        ([platelets(40, hours=2), platelets(200, days=0)], ("unknown", "results-disagree")),
        ([platelets(60, comparator="<")], ("unknown", "straddles")),
        ([platelets(40, comparator="<")], ("present", None)),
        ([], ("unknown", "no-result")),
    ],
)
def test_the_newest_result_counts(
    labs: list[dict[str, Any]], expected: tuple[str, str | None], knowledge: Knowledge, now: datetime
) -> None:
    """Only the newest result counts, up to its oldest age; results of one time that disagree leave it open."""
    assert answer_of("platelets-high-risk", labs, knowledge, now) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"effectiveDateTime": "2026-11"}, ("present", None)),
        ({"effectiveDateTime": "2026-10"}, ("unknown", "imprecise-date")),
        ({"effectiveDateTime": "2026"}, ("unknown", "imprecise-date")),
        ({"effectiveDateTime": "2025"}, ("unknown", "older-than")),
        ({"effectiveDateTime": None}, ("unknown", "no-date")),
        ({"effectiveDateTime": "last week"}, ("unknown", "not-a-date")),
        ({"effectiveDateTime": "11/24/2026"}, ("unknown", "not-a-date")),
        ({"effectiveDateTime": "2026-11-25"}, ("present", None)),
        ({"effectiveDateTime": "2026-11-26"}, ("unknown", "future-date")),
        ({"effectiveDateTime": "9999-12-31"}, ("unknown", "future-date")),
        ({"effectiveDateTime": "0001-01-01"}, ("unknown", "older-than")),
        ({"effectiveDateTime": "2026-10-24T17:00:00Z"}, ("present", None)),
        ({"effectiveDateTime": "2026-10-24T15:00:00Z"}, ("unknown", "older-than")),
    ],
)
def test_how_old_a_result_is(
    fields: dict[str, Any], expected: tuple[str, str | None], knowledge: Knowledge, now: datetime
) -> None:
    """The age is counted in days of the hospital; a vague, missing or future date leaves the question open."""
    assert answer_of("platelets-high-risk", [platelets(40, fields=fields)], knowledge, now) == expected


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (platelets(40, unit="", days=1), ("unknown", "no-unit")),
        (platelets(40, unit="", days=9), ("absent", None)),
        (platelets(40, unit="", days=5), ("unknown", "no-unit")),
        (platelets(40, unit="g/L", days=1), ("unknown", "unit-not-read")),
        (platelets(40, days=1, status="unknown"), ("unknown", "status-unclear")),
        (platelets(40, days=1, status="cancelled"), ("absent", None)),
        (platelets(40, days=1, status="entered-in-error"), ("absent", None)),
        (platelets(absent="not performed", days=1), ("absent", None)),
        (platelets(days=1), ("unknown", "no-value")),
        (platelets(-1, days=1), ("unknown", "implausible")),
        (platelets(9000, days=1), ("unknown", "implausible")),
        (platelets(40, fields={"effectiveDateTime": None}), ("unknown", "no-date")),
        ({"code": PLATELETS, "string": "clumped", "days": 1}, ("unknown", "unreadable-value")),
        ({"code": PLATELETS, "answer": "loinc|LA6752-5", "days": 1}, ("unknown", "unreadable-value")),
    ],
)
def test_a_newer_result_that_can_not_be_used(
    refused: dict[str, Any], expected: tuple[str, str | None], knowledge: Knowledge, now: datetime
) -> None:
    """Beside a good count of five days ago: a newer result that can't be used takes back the all-clear."""
    assert answer_of("platelets-high-risk", [platelets(200, days=5), refused], knowledge, now) == expected


def test_a_refused_result_takes_nothing_from_an_alarm(knowledge: Knowledge, now: datetime) -> None:
    """What is known to be low stays low beside a newer result that can't be used."""
    labs = [platelets(40, days=5), platelets(200, unit="", days=1)]
    assert answer_of("platelets-high-risk", labs, knowledge, now) == ("present", None)


@pytest.mark.parametrize(
    ("labs", "expected"),
    [
        ([], "-"),
        ([{"code": LVEF, "absent": "not performed"}], "-"),
        ([{"code": LVEF, "value": 25}], "unknown info"),
        ([{"code": LVEF, "absent": "not performed"}, {"code": LVEF, "value": 25}], "unknown info"),
        ([{"code": LVEF, "value": 25, "unit": "%", "days": 400}], "-"),
    ],
)
def test_an_optional_lab(labs: list[dict[str, Any]], expected: str, knowledge: Knowledge, now: datetime) -> None:
    """A lab that no row requires is not missed, but one that is there and can't be used is said."""
    assert said_of_criterion(judge({"order": "tips", "labs": labs}, knowledge, now), "lvef-severe") == expected


@pytest.mark.parametrize("unit", [G, "10*3/uL", "K/uL", "G/L", "x10E3/uL", "10^9/L", "thou/uL"])
def test_units_of_a_count(unit: str, knowledge: Knowledge, now: datetime) -> None:
    """The same count in every spelling of its unit is the same count."""
    assert answer_of("platelets-high-risk", [platelets(45, unit=unit)], knowledge, now)[0] == "present"
    assert answer_of("platelets-high-risk", [platelets(55, unit=unit)], knowledge, now)[0] == "absent"
    assert answer_of("platelets-high-risk", [platelets(45000, unit="/uL")], knowledge, now)[0] == "present"


@pytest.mark.parametrize(
    ("lab", "criterion", "expected"),
    [
        ({"code": INR, "value": 2.1}, "inr-high-risk", "present"),
        ({"code": INR, "value": 2.1, "unit": "{INR}"}, "inr-high-risk", "present"),
        ({"code": INR, "value": 2.1, "unit": "seconds"}, "inr-high-risk", "unknown"),
        ({"code": INR, "string": "2.1"}, "inr-high-risk", "present"),
        ({"code": INR, "string": "1.0-1.2"}, "inr-high-risk", "absent"),
        ({"code": INR, "string": "1,2"}, "inr-high-risk", "absent"),
        ({"code": INR, "string": "INR 4.5"}, "inr-high-risk", "present"),
        ({"code": INR, "string": "INR: 1,2"}, "inr-high-risk", "absent"),
        ({"code": INR, "string": "goal 1.2"}, "inr-high-risk", "unknown"),
        ({"code": INR, "string": "4.500"}, "inr-high-risk", "present"),
        ({"code": INR, "string": "20 %"}, "inr-high-risk", "unknown"),
        ({"code": INR, "string": "12 to 15"}, "inr-high-risk", "unknown"),
        ({"code": INR, "string": "10e3"}, "inr-high-risk", "unknown"),
        ({"code": "loinc|33914-3", "string": ">90"}, "egfr-contrast", "absent"),
        ({"code": "loinc|33914-3", "string": "<15"}, "egfr-contrast", "present"),
        ({"code": "loinc|33914-3", "value": 20}, "egfr-contrast", "unknown"),
        ({"code": LVEF, "value": 0.25, "unit": "1"}, "lvef-severe", "present"),
        ({"code": LVEF, "value": 25, "unit": "1"}, "lvef-severe", "unknown"),
        ({"code": "loinc|1975-2", "value": 68, "unit": "umol/L"}, "bilirubin-tips", "present"),
        ({"code": "loinc|1975-2", "value": 51, "unit": "umol/L"}, "bilirubin-tips", "absent"),
        ({"code": "loinc|2703-7", "value": 7.5, "unit": "kPa"}, "pao2-low", "present"),
        ({"code": "loinc|2703-7", "value": 8.5, "unit": "kPa", "hours": 2}, "pao2-low", "absent"),
    ],
)
def test_values_and_units(
    lab: dict[str, Any], criterion: str, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """Units are converted, never guessed; only where it is customary may a unit be left out."""
    assert answer_of(criterion, [lab], knowledge, now)[0] == expected


def test_two_units_that_contradict_each_other(knowledge: Knowledge, now: datetime) -> None:
    """A code and a printed unit that mean different factors refuse the result."""
    quantity = {"valueQuantity": {"value": 45, "unit": "/uL", "code": G}}
    labs = [{"code": PLATELETS, "fields": quantity}]
    assert answer_of("platelets-high-risk", labs, knowledge, now) == ("unknown", "unit-conflict")


@pytest.mark.parametrize(
    ("labs", "expected"),
    [
        ([(1.0, 40), (1.6, 0)], "present"),
        ([(1.0, 40), (1.2, 0)], "absent"),
        ([(1.0, 100), (1.4, 0)], "absent"),
        ([(1.0, 100), (1.5, 0)], "present"),
        ([(1.0, 200), (1.6, 0)], "-"),
        ([(1.6, 40), (1.0, 0)], "absent"),
        ([(1.0, 40), (1.6, 20), (1.0, 0)], "absent"),
        ([(1.6, 0)], "-"),
        ([(1.0, 300), (1.6, 240)], "-"),
    ],
)
def test_a_rise_of_creatinine(
    labs: list[tuple[float, int]], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """A rise by 0.3 mg/dL in 48 hours, or to one and a half times in seven days, up to the newest result."""
    rows = [{"code": CREATININE, "value": value, "unit": "mg/dL", "hours": hours} for value, hours in labs]
    order = judge({"order": "tips", "labs": rows}, knowledge, now)
    assert said_of_criterion(order, "creatinine-rise").partition(" ")[0] == expected


@pytest.mark.parametrize("unusable", [0, 1])
def test_a_rise_is_not_ruled_out_by_what_can_not_be_used(unusable: int, knowledge: Knowledge, now: datetime) -> None:
    """Where the low or the high end of a rise can't be used, no rise can't be said."""
    rows = [
        {"code": CREATININE, "value": 1.0, "unit": "mg/dL", "hours": 40},
        {"code": CREATININE, "value": 1.6, "unit": "mg/dL", "hours": 1},
    ]
    del rows[unusable]["unit"]
    assert answer_of("creatinine-rise", rows, knowledge, now) == ("unknown", "no-unit")


@pytest.mark.parametrize(
    ("low", "good", "expected"),
    [
        ("2026-10-25T02:50:00+02:00", "2026-10-25T02:10:00+01:00", "absent"),
        ("2026-10-25T02:10:00+01:00", "2026-10-25T02:50:00+02:00", "present"),
        ("2026-10-25T02:30:00", "2026-10-25T02:50:00+02:00", "unknown"),
    ],
)
def test_the_night_the_clocks_go_back(low: str, good: str, expected: str, knowledge: Knowledge) -> None:
    """The later of two results is the later one, whatever the clocks on the wall said."""
    labs = [platelets(12, fields={"effectiveDateTime": low}), platelets(220, fields={"effectiveDateTime": good})]
    noon = datetime(2026, 10, 25, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert answer_of("platelets-high-risk", labs, knowledge, noon)[0] == expected


def test_a_rise_over_the_night_the_clocks_go_back(knowledge: Knowledge) -> None:
    """48 hours are 48 hours, with one hour more on the clock."""
    labs = [
        {"code": CREATININE, "value": value, "unit": "mg/dL", "fields": {"effectiveDateTime": time}}
        for value, time in ((1.0, "2026-10-24T09:30:00+02:00"), (1.4, "2026-10-26T09:00:00+01:00"))
    ]
    noon = datetime(2026, 10, 26, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert answer_of("creatinine-rise", labs, knowledge, noon)[0] == "absent"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"high": {"value": 40, "unit": G}}, ("present", None)),
        ({"low": {"value": 60, "unit": G}}, ("absent", None)),
        ({"low": {"value": 40, "unit": G}}, ("unknown", "straddles")),
        ({"low": {"value": 60, "unit": G, "comparator": "<"}}, ("unknown", "unreadable-value")),
        ({"low": {"value": 50, "unit": G, "comparator": ">"}}, ("absent", None)),
    ],
)
def test_a_range_with_one_bound(
    bounds: dict[str, Any], expected: tuple[str, str | None], knowledge: Knowledge, now: datetime
) -> None:
    """A range with one bound is that bound; a comparator that turns it round makes it unreadable."""
    labs = [{"code": PLATELETS, "fields": {"valueRange": bounds}}]
    assert answer_of("platelets-high-risk", labs, knowledge, now) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ({"value": 45, "unit": "blorps", "code": G}, ("present", None)),
        ({"value": 45, "unit": G, "code": "blorps"}, ("present", None)),
        ({"value": 45, "unit": "K/µL", "code": "10*3/uL"}, ("present", None)),
        ({"value": 45, "unit": "mg/dL", "code": G}, ("unknown", "unit-conflict")),
        ({"value": 45, "unit": "%"}, ("unknown", "unit-not-read")),
    ],
)
def test_a_unit_beside_its_code(
    quantity: dict[str, Any], expected: tuple[str, str | None], knowledge: Knowledge, now: datetime
) -> None:
    """One of code and printed unit is enough; two that can be read and mean something else refuse the result."""
    labs = [{"code": PLATELETS, "fields": {"valueQuantity": quantity}}]
    assert answer_of("platelets-high-risk", labs, knowledge, now) == expected


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (platelets(220, days=-1), ("unknown", "results-disagree")),
        (platelets(220, hours=-20), ("unknown", "results-disagree")),
        (platelets(14, days=-1), ("present", None)),
        (platelets(220, days=-2), ("present", None)),
        (platelets(220, days=-365), ("present", None)),
    ],
)
def test_a_result_dated_ahead_hides_no_other(
    ahead: dict[str, Any], expected: tuple[str, str | None], knowledge: Knowledge, now: datetime
) -> None:
    """Beside a low count of two hours ago: a clock may go wrong by a day, and no result of the future outranks it."""
    assert answer_of("platelets-high-risk", [platelets(12, hours=2), ahead], knowledge, now) == expected
