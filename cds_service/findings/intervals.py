"""A reported value as an interval against a limit: inside, outside, or it can't be said.

Source of the comparator rule: FHIR R4 Quantity.comparator; `<20` against `< 50` is inside, `>90` against `< 30` is
outside, `<60` against `< 30` straddles.
"""

from __future__ import annotations

from decimal import Decimal

from cds_service.certainty import Certainty, negated
from cds_service.facts.patient_facts import Interval


def meets(interval: Interval, comparison: str, limit: Decimal) -> Certainty:
    """Whether every value of the interval meets the comparison: present; none does: absent; unknown: it straddles.

    Args:
        interval: the reported value.
        comparison: `<`, `<=`, `>` or `>=`.
        limit: in the unit of the interval.
    """
    if comparison in (">", ">="):
        return negated(_is_below(interval, limit, inclusive=comparison == ">"))
    return _is_below(interval, limit, inclusive=comparison == "<=")


def _is_below(interval: Interval, limit: Decimal, *, inclusive: bool) -> Certainty:
    """Whether all values are below the limit, or at it where `inclusive`."""
    if _ends_below(interval, limit, inclusive):
        return Certainty.PRESENT
    return Certainty.ABSENT if _starts_above(interval, limit, not inclusive) else Certainty.UNKNOWN


def _ends_below(interval: Interval, limit: Decimal, inclusive: bool) -> bool:
    high = interval.high
    return high is not None and (high < limit or (high == limit and (inclusive or interval.high_open)))


def _starts_above(interval: Interval, limit: Decimal, inclusive: bool) -> bool:
    low = interval.low
    return low is not None and (low > limit or (low == limit and (inclusive or interval.low_open)))
