"""Numbers written as text: both conventions of decimal marks, names before and units behind, and what is none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds_service.facts.patient_facts import Interval
from cds_service.facts.written_values import read_written


def exact(value: str) -> Interval:
    """One number."""
    return Interval(Decimal(value), Decimal(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.8", "1.8"),
        ("1,8", "1.8"),
        ("1,80", "1.80"),
        ("0,500", "0.500"),
        ("1234,567", "1234.567"),
        ("1,234.5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("180'000", "180000"),
        ("180\u00a0000", "180000"),
        ("180\u202f000,5", "180000.5"),
    ],
)
def test_a_number_has_one_reading(text: str, value: str) -> None:
    """Where the marks say which is the decimal one, the number is read; a comma is as good as a dot."""
    found = read_written(text)
    assert (found.problem, found.interval, found.or_else) == (None, exact(value), None)


@pytest.mark.parametrize(
    ("text", "readings"),
    [("180.000", ("180.000", "180000")), ("1,500", ("1500", "1.500")), ("12.345", ("12.345", "12345"))],
)
def test_three_digits_after_one_mark_may_be_thousands(text: str, readings: tuple[str, str]) -> None:
    """One mark before three digits parts thousands or a fraction; both readings are kept for the lab to decide."""
    found = read_written(text)
    assert {found.interval, found.or_else} == {exact(one) for one in readings}
    assert found.shown == text


@pytest.mark.parametrize(
    "text", ["1.2.3", "1,2,3", "12,34,567", "1.234,567.8", "1'2", "0.123.456", "1234.567,8", ",5", "5,"]
)
def test_marks_that_make_no_number(text: str) -> None:
    """Marks in no known order make no number, and nothing is guessed."""
    assert read_written(text).problem == "unreadable-value"


@pytest.mark.parametrize(
    ("text", "name", "unit"),
    [
        ("INR 1.2", "INR", None),
        ("INR: 1,2", "INR", None),
        ("INR = 1.2", "INR", None),
        ("Platelet count 38 G/l", "Platelet count", "G/l"),
        ("38 G/l", None, "G/l"),
        ("38x10^9/L", None, "x10^9/L"),
        ("1.2 INR", None, "INR"),
        ("INR <1.2", "INR", None),
    ],
)
def test_a_name_before_and_a_unit_behind(text: str, name: str | None, unit: str | None) -> None:
    """Words before the number are kept as a name, so that only those of the lab itself are passed over."""
    found = read_written(text)
    assert (found.problem, found.name, found.unit_codes) == (None, name, (unit,) if unit else ())


@pytest.mark.parametrize("text", ["<1,5", "≥ 1.234", "< 20 G/l"])
def test_a_written_bound(text: str) -> None:
    """A bound stays a bound in both conventions."""
    found = read_written(text)
    assert found.problem is None
    assert found.interval.exact is None


def test_a_written_range() -> None:
    """Both ends of a range are read in one convention; ends that don't fit into one make none."""
    assert read_written("1,0-1,2").interval == Interval(Decimal("1.0"), Decimal("1.2"))
    assert read_written("1.0 - 1,2").problem == "unreadable-value"
    assert read_written("1.100-1.300").or_else == Interval(Decimal(1100), Decimal(1300))


@pytest.mark.parametrize("text", ["9" * 101, "a" * 50_000, "a" + " " * 50_000 + "1", "report: " + "x 1 " * 5_000])
def test_a_long_text_is_no_number(text: str) -> None:
    """A whole report in place of a value costs nothing and is no number; only its beginning is kept to be shown."""
    found = read_written(text)
    assert found.problem == "unreadable-value"
    assert len(found.shown or "") <= 40
