"""Compares values of an instance with the fixed, pattern, minimum and maximum values of a profile."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from cds_service.profiles.units import UCUM, in_base_unit

_LONGEST_SHOWN = 80


def equals_fixed(value: Any, fixed: Any) -> bool:
    """Whether a value equals the fixed value; numbers are compared by value."""
    if isinstance(value, dict) and isinstance(fixed, dict):
        return value.keys() == fixed.keys() and all(equals_fixed(value[key], fixed[key]) for key in fixed)
    if isinstance(value, list) and isinstance(fixed, list):
        return len(value) == len(fixed) and all(map(equals_fixed, value, fixed))
    return _plain(value, fixed)


def matches_pattern(value: Any, pattern: Any) -> bool:
    """Whether a value contains everything in the pattern; the order of array entries does not matter."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            key in value and matches_pattern(value[key], pattern[key]) for key in pattern
        )
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(matches_pattern(one, wanted) for one in value) for wanted in pattern)
    return _plain(value, pattern)


def _plain(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if _is_number(value) and _is_number(wanted):
        return Decimal(str(value)) == Decimal(str(wanted))
    return bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def bound_problem(which: str, value: Any, bound: Any) -> str | None:
    """Why a value is outside a bound; None if it is inside, or if the two can't be compared.

    Args:
        which: `min` or `max`, both inclusive.
        value: number, date string, or Quantity.
        bound: of the same type; Quantities are compared if their units differ only by a prefix.
    """
    if isinstance(value, dict) and isinstance(bound, dict):
        value, bound = _in_one_unit(value, bound)
    if _is_number(value) and _is_number(bound):
        value, bound = Decimal(str(value)), Decimal(str(bound))
    elif isinstance(value, str) and isinstance(bound, str):
        shorter = min(len(value), len(bound), 10)
        value, bound = value[:shorter], bound[:shorter]
    else:
        return None
    if which == "min" and value < bound:
        return f"is below the minimum, {bound}"
    return f"is above the maximum, {bound}" if which == "max" and value > bound else None


def _in_one_unit(quantity: dict[str, Any], bound: dict[str, Any]) -> tuple[Any, Any]:
    """The numbers of two Quantities in a common unit; None for both if there is none."""
    if quantity.get("system") != bound.get("system"):
        return None, None
    numbers, codes = [one.get("value") for one in (quantity, bound)], [one.get("code") for one in (quantity, bound)]
    if codes[0] == codes[1]:
        return numbers[0], numbers[1]
    if (
        quantity.get("system") != UCUM
        or not all(map(_is_number, numbers))
        or not all(isinstance(c, str) for c in codes)
    ):
        return None, None
    (one, unit), (other, its_unit) = (
        in_base_unit(Decimal(str(number)), str(code)) for number, code in zip(numbers, codes, strict=True)
    )
    return (one, other) if unit == its_unit else (None, None)


def matches_regex(pattern: str, value: str) -> bool:
    """Whether a string matches a profile's regular expression fully; True if Python can't compile the expression."""
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The objects of an array, in its order; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def quoted(value: Any) -> str:
    """A value as quoted in messages: JSON, truncated."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
