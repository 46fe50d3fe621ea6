"""A reported value as an interval against a limit: inside, outside, or it can't be said.

Source of the comparator rule: FHIR R4 Quantity.comparator; `<20` against `< 50` is inside, `>90` against `< 30` is
outside, `<60` against `< 30` straddles.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a value; None is unbounded, an open bound is itself excluded."""

    low: Decimal | None
    high: Decimal | None
    low_open: bool = False
    high_open: bool = False

    @property
    def exact(self) -> Decimal | None:
        """The value, where it is a single one."""
        return self.low if self.low is not None and self.low == self.high else None

    def scaled(self, factor: Decimal) -> Interval:
        """In another unit; `factor` is positive."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Interval(low, high, self.low_open, self.high_open)


def meets(interval: Interval, comparison: str, limit: Decimal) -> bool | None:
    """Whether every value of the interval meets the comparison; False: none does; None: it straddles.

    Args:
        interval: the reported value.
        comparison: `<`, `<=`, `>` or `>=`.
        limit: in the unit of the interval.
    """
    if comparison in ("<", "<="):
        inclusive = comparison == "<="
        if _ends_below(interval, limit, inclusive):
            return True
        return False if _starts_above(interval, limit, not inclusive) else None
    inclusive = comparison == ">="
    if _starts_above(interval, limit, inclusive):
        return True
    return False if _ends_below(interval, limit, not inclusive) else None


def _ends_below(interval: Interval, limit: Decimal, inclusive: bool) -> bool:
    """Whether all values are below the limit, or at it where `inclusive`."""
    high = interval.high
    return high is not None and (high < limit or (high == limit and (inclusive or interval.high_open)))


def _starts_above(interval: Interval, limit: Decimal, inclusive: bool) -> bool:
    low = interval.low
    return low is not None and (low > limit or (low == limit and (inclusive or interval.low_open)))
