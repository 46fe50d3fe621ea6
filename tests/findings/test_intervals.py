"""A reported value against a limit: on one side, on the other, or it can't be said."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import Interval
from cds_service.findings.intervals import meets

YES, NO, MAYBE = Certainty.PRESENT, Certainty.ABSENT, Certainty.UNKNOWN


def span(text: str) -> Interval:
    """`20`, `<20`, `<=20`, `>20`, `>=20` or `10-20` as an interval."""
    if "-" in text:
        low, high = map(Decimal, text.split("-"))
        return Interval(low, high)
    number = Decimal(text.lstrip("<>="))
    if text.startswith("<"):
        return Interval(None, number, high_open=not text.startswith("<="))
    if text.startswith(">"):
        return Interval(number, None, low_open=not text.startswith(">="))
    return Interval(number, number)


@pytest.mark.parametrize(
    ("value", "below", "at_most", "above", "at_least"),
    [
        ("49", YES, YES, NO, NO),
        ("50", NO, YES, NO, YES),
        ("50.0", NO, YES, NO, YES),
        ("51", NO, NO, YES, YES),
        ("<20", YES, YES, NO, NO),
        ("<50", YES, YES, NO, NO),
        ("<=50", MAYBE, YES, NO, MAYBE),
        ("<60", MAYBE, MAYBE, MAYBE, MAYBE),
        (">90", NO, NO, YES, YES),
        (">50", NO, NO, YES, YES),
        (">=50", NO, MAYBE, MAYBE, YES),
        (">40", MAYBE, MAYBE, MAYBE, MAYBE),
        ("40-49", YES, YES, NO, NO),
        ("40-50", MAYBE, YES, NO, MAYBE),
        ("50-60", NO, MAYBE, MAYBE, YES),
        ("40-60", MAYBE, MAYBE, MAYBE, MAYBE),
        ("51-60", NO, NO, YES, YES),
    ],
)
def test_a_value_against_a_limit_of_50(
    value: str, below: Certainty, at_most: Certainty, above: Certainty, at_least: Certainty
) -> None:
    """All of the value on one side answers the question; a value that straddles the limit does not."""
    found = [meets(span(value), comparison, Decimal(50)) for comparison in ("<", "<=", ">", ">=")]
    assert found == [below, at_most, above, at_least]


def test_a_value_without_bounds_says_nothing() -> None:
    """A value of which nothing is known meets no comparison and fails none."""
    assert {meets(Interval(None, None), comparison, Decimal(1)) for comparison in ("<", "<=", ">", ">=")} == {MAYBE}


def test_another_unit_keeps_the_bounds() -> None:
    """Converting a value scales its bounds and keeps whether they are themselves excluded."""
    assert span("<20").scaled(Fraction(1, 2)) == Interval(None, Decimal(10), high_open=True)


@pytest.mark.parametrize(("value", "exact"), [("5", Decimal(5)), ("<5", None), ("4-5", None), ("5-5", Decimal(5))])
def test_an_exact_value(value: str, exact: Decimal | None) -> None:
    """A value is exact where both its bounds are the same."""
    assert span(value).exact == exact
