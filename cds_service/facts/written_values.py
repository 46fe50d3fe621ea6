"""Facts stage: a result written as text (valueString) -> Measurement: `>90`, `1,8`, `45 10*9/L`, `1.0-1.2`, `INR 1.2`.

A number is read as written in English (1,234.5) and on the continent (1.234,5). Where both readings are numbers and
differ, both are kept: which of them can be true depends on the lab. Anything else than one plain number, bound or range
with a name before it and a unit behind it is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from cds_service.facts.patient_facts import Interval, Measurement

_NUMBER = r"\d[\d.,'’\u00a0\u202f]*"
_NAME = r"(?:(?P<name>[^\W\d_][^\d<>=≤≥~:;,+]*?)(?:\s*[:=]\s*|\s+))?"
# A unit may begin with a digit (10*9/L) where a blank parts it from the number.
_UNIT = r"(?:\s*(?P<unit>(?<=\s)[^\s<>].*|[^\d\s<>.,].*))?"
_ONE = re.compile(rf"{_NAME}(?P<comparator><=|>=|<|>|≤|≥)?\s*(?P<number>{_NUMBER}){_UNIT}$")
_RANGE = re.compile(rf"{_NAME}(?P<low>{_NUMBER})\s*[-–]\s*(?P<high>{_NUMBER}){_UNIT}$")
_COMPARATORS = {"≤": "<=", "≥": ">="}
_CONVENTIONS = ((",", "."), (".", ","))
_MOST_SHOWN = 40
_MOST_READ = 100
"""Characters; a longer text is a report, not a number."""


def read_written(text: str) -> Measurement:
    """The value of a text; one that can't be read says so and keeps what to show."""
    plain = text.strip()
    shown = plain[:_MOST_SHOWN]
    found = (_RANGE.match(plain) or _ONE.match(plain)) if len(plain) <= _MOST_READ else None
    if not found:
        return Measurement(problem="unreadable-value", shown=shown, from_text=True)
    parts = found.groupdict()
    numbers = [parts["number"]] if "number" in parts else [parts["low"], parts["high"]]
    comparator = parts.get("comparator")
    spans = [_span(ends, _COMPARATORS.get(comparator or "", comparator)) for ends in _readings(numbers)]
    usable = [span for span in spans if span is not None]
    if not usable:
        return Measurement(problem="unreadable-value", shown=shown, from_text=True)
    unit = (parts["unit"] or "").strip()
    one_plain_number = len(usable) == 1 and usable[0].exact is not None
    return Measurement(
        interval=usable[0],
        or_else=usable[1] if len(usable) > 1 else None,
        name=(parts["name"] or "").strip() or None,
        unit_codes=(unit,) if unit else (),
        from_text=True,
        shown=None if one_plain_number else _without(shown, parts),
    )


def compared(comparator: str | None, value: Decimal) -> Interval:
    """The interval of a number with a comparator of FHIR (`<`, `<=`, `>`, `>=`) or none."""
    if comparator is None:
        return Interval(value, value)
    below = comparator in ("<", "<=")
    return Interval(
        low=None if below else value,
        high=value if below else None,
        low_open=comparator == ">",
        high_open=comparator == "<",
    )


def _readings(numbers: Sequence[str]) -> list[tuple[Decimal, ...]]:
    """The numbers as written in English and on the continent; one reading where both are the same or one is none."""
    found = dict.fromkeys(
        tuple(read for text in numbers if (read := _number(text, groups, point)) is not None)
        for groups, point in _CONVENTIONS
    )
    return [reading for reading in found if len(reading) == len(numbers)]


def _number(text: str, groups: str, point: str) -> Decimal | None:
    """A number whose thousands are parted by `groups` or another mark, and its fraction by `point`."""
    whole, _, fraction = text.partition(point)
    parts = re.split(rf"[{re.escape(groups)}'’\u00a0\u202f]", whole)
    grouped = len(parts) > 1
    if grouped and (parts[0].startswith("0") or len(parts[0]) > 3 or any(len(part) != 3 for part in parts[1:])):
        return None
    digits = "".join(parts) + (f".{fraction}" if point in text else "")
    return Decimal(digits) if re.fullmatch(r"\d+(\.\d+)?", digits, re.ASCII) else None


def _span(ends: tuple[Decimal, ...], comparator: str | None) -> Interval | None:
    if len(ends) == 1:
        return compared(comparator, ends[0])
    low, high = ends
    return Interval(low, high) if low <= high else None


def _without(shown: str, parts: dict[str, str | None]) -> str:
    """The number as written, without the name before it and the unit behind it."""
    if "number" in parts:
        return f"{parts['comparator'] or ''}{parts['number']}"
    return f"{parts['low']}-{parts['high']}"
