"""Observation values as intervals: every type of value, comparators, numbers written as text, and what is none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds_service.facts.patient_facts import Measurement, ObservationFact
from tests.support.reading import read

PLATELETS = {"coding": [{"system": "http://loinc.org", "code": "777-3", "display": "Platelets"}]}
DATE = "2026-11-20"


def facts_of(**fields: Any) -> tuple[ObservationFact, ...]:
    """The facts of one Observation."""
    base = {"status": "final", "code": PLATELETS, "effectiveDateTime": DATE}
    return read(observations=[{key: v for key, v in (base | fields).items() if v is not ...}]).observations


def measured(**fields: Any) -> Measurement:
    """What is read of the value of one Observation."""
    (fact,) = facts_of(**fields)
    found = fact.measure()
    assert found is not None
    return found


def bounds(found: Measurement) -> tuple[Any, Any, bool, bool]:
    """Both ends, and whether each is itself excluded."""
    span = found.interval
    return (span.low, span.high, span.low_open, span.high_open)


@pytest.mark.parametrize(
    ("value", "low", "high", "low_open", "high_open"),
    [
        ({"valueQuantity": {"value": 42}}, 42, 42, False, False),
        ({"valueQuantity": {"value": 0}}, 0, 0, False, False),
        ({"valueQuantity": {"value": 1.1}}, "1.1", "1.1", False, False),
        ({"valueQuantity": {"value": 20, "comparator": "<"}}, None, 20, False, True),
        ({"valueQuantity": {"value": 20, "comparator": "<="}}, None, 20, False, False),
        ({"valueQuantity": {"value": 90, "comparator": ">"}}, 90, None, True, False),
        ({"valueQuantity": {"value": 90, "comparator": ">="}}, 90, None, False, False),
        ({"valueInteger": 3}, 3, 3, False, False),
        ({"valueRange": {"low": {"value": 1}, "high": {"value": 2.5}}}, 1, "2.5", False, False),
        ({"valueRange": {"low": {"value": 90}}}, 90, None, False, False),
        ({"valueRange": {"high": {"value": 15}}}, None, 15, False, False),
        ({"valueString": "42"}, 42, 42, False, False),
        ({"valueString": " <15 "}, None, 15, False, True),
        ({"valueString": "<= 15"}, None, 15, False, False),
        ({"valueString": "≤15"}, None, 15, False, False),
        ({"valueString": ">90"}, 90, None, True, False),
        ({"valueString": "≥ 90 mL/min"}, 90, None, False, False),
        ({"valueString": "1.0-1.2"}, 1, "1.2", False, False),
        ({"valueString": "1.0 – 1.2 mg/dL"}, 1, "1.2", False, False),
        ({"valueString": "45 10*9/L"}, 45, 45, False, False),
    ],
)
def test_a_value_as_an_interval(value: dict[str, Any], low: Any, high: Any, low_open: bool, high_open: bool) -> None:
    """A number is itself; a comparator, a Range or a number written as text bounds the value."""
    found = measured(**value)
    assert found.problem is None
    wanted = tuple(None if end is None else Decimal(end) for end in (low, high))
    assert bounds(found) == (*wanted, low_open, high_open)


@pytest.mark.parametrize(
    "text",
    [
        *("see note", "", " ", "-3", "<", "< >", "5 <7", "positive", "1.2.3", "½", ".5", "5."),
        *("hemolyzed, 42", "~42", "<<5", "NaN", "inf", "1.2.3-4", "4 < 5", "2026-11"),
    ],
)
def test_a_text_that_is_no_number(text: str) -> None:
    """A text that is not one plain number, bound or range can't be read; nothing is guessed."""
    assert measured(valueString=text).problem == "unreadable-value"


@pytest.mark.parametrize("text", ["12 to 15", "10e3", "1.0-1.2-1.4", "42 (low) 17", "1 000", "5 6", "42 H"])
def test_what_follows_a_number_is_its_unit(text: str) -> None:
    """Whatever follows a number counts as its unit, so that a lab that does not know it refuses the result."""
    found = measured(valueString=text)
    assert (found.problem, len(found.unit_codes)) == (None, 1)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"valueQuantity": {"unit": "10*9/L"}}, "no-value"),
        ({"valueRange": {}}, "no-value"),
        ({}, "no-value"),
        ({"dataAbsentReason": {"text": "not performed"}}, "data-absent"),
        ({"valueQuantity": {"value": 42, "comparator": "ad"}}, "unreadable-value"),
        ({"valueQuantity": {"value": 42, "comparator": "~"}}, "unreadable-value"),
        ({"valueQuantity": {"value": "42"}}, "unreadable-value"),
        ({"valueQuantity": 42}, "unreadable-value"),
        ({"valueQuantity": {"value": 42, "unit": 9}}, "unreadable-value"),
        ({"valueInteger": 4.5}, "unreadable-value"),
        ({"valueString": 42}, "unreadable-value"),
        ({"valueBoolean": True}, "unreadable-value"),
        ({"valueDateTime": DATE}, "unreadable-value"),
        ({"valuePeriod": {"start": DATE}}, "unreadable-value"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}}}, "unreadable-value"),
        ({"valueSampledData": {"data": "1 2"}}, "unreadable-value"),
        (
            {"valueRange": {"low": {"value": 1, "code": "mg/dL"}, "high": {"value": 2, "code": "umol/L"}}},
            "unit-conflict",
        ),
        ({"valueRange": {"low": {"value": 3}, "high": {"value": 2}}}, "unreadable-value"),
        ({"valueQuantity": {"value": 42}, "status": "unknown"}, "status-unclear"),
        ({"valueQuantity": {"value": 42}, "status": "verified-by-hand"}, "status-unclear"),
        ({"valueQuantity": {"value": 42}, "status": 5}, "unreadable-value"),
        ({"valueQuantity": {"value": 42}, "modifierExtension": [{"url": "x"}]}, "unreadable-value"),
        ({"valueQuantity": {"value": 42}, "effectiveDateTime": 20261120}, "unreadable-value"),
    ],
)
def test_why_a_value_can_not_be_judged(value: dict[str, Any], problem: str) -> None:
    """A value that is missing, of a type that no lab has, or in doubt says why."""
    assert measured(**value).problem == problem


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "registered"])
def test_results_that_never_were(status: str) -> None:
    """Cancelled, wrongly entered and not yet reported results do not count at all."""
    assert facts_of(status=status, valueQuantity={"value": 42}) == ()


@pytest.mark.parametrize(
    ("status", "preliminary"),
    [("final", False), ("amended", False), ("corrected", False), ("preliminary", True), (..., False)],
)
def test_results_that_count(status: Any, preliminary: bool) -> None:
    """Final, amended and corrected results count, preliminary ones are marked, and those without status count too."""
    (fact,) = facts_of(status=status, valueQuantity={"value": 42})
    assert (fact.problem, fact.preliminary) == (None, preliminary)


def test_a_coded_answer() -> None:
    """A coded value keeps its codes."""
    answer = measured(valueCodeableConcept={"coding": [{"system": "http://loinc.org", "code": "LA28407-7"}]}).answer
    assert answer is not None
    assert [coding.code for coding in answer.codings] == ["LA28407-7"]


@pytest.mark.parametrize(
    ("quantity", "units"),
    [
        ({"unit": "K/uL", "code": "10*3/uL"}, ("10*3/uL", "K/uL")),
        ({"unit": "10*3/uL", "code": "10*3/uL"}, ("10*3/uL",)),
        ({"unit": " K/uL "}, ("K/uL",)),
        ({"unit": "", "code": " "}, ()),
        ({}, ()),
    ],
)
def test_units_as_reported(quantity: dict[str, str], units: tuple[str, ...]) -> None:
    """The UCUM code is tried first, then the printed unit."""
    assert measured(valueQuantity={"value": 42} | quantity).unit_codes == units


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        ({"effectiveDateTime": "2026-11-20"}, "2026-11-20"),
        ({"effectiveInstant": "2026-11-20T23:00:00Z"}, "2026-11-21"),
        ({"effectivePeriod": {"start": "2026-11-19", "end": "2026-11-20"}}, "2026-11-20"),
        ({"effectivePeriod": {"start": "2026-11-19"}}, "2026-11-19"),
        ({"issued": "2026-11-18T10:00:00+08:00"}, "2026-11-18"),
        ({"effectiveDateTime": "yesterday", "issued": "2026-11-18T10:00:00+08:00"}, "2026-11-18"),
        ({"effectiveDateTime": "yesterday"}, None),
        ({"effectiveTiming": {"event": ["2026-11-20"]}}, None),
        ({}, None),
    ],
)
def test_the_time_of_a_result(fields: dict[str, Any], date: str | None) -> None:
    """The time is the effective time, its end where it is a period, else when the result was issued, else unknown."""
    (fact,) = facts_of(**({"effectiveDateTime": ..., "valueQuantity": {"value": 42}} | fields))
    assert (fact.when.text if fact.when else None) == date
