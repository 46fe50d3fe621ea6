"""Facts stage, values: value[x] of an Observation or of a component -> Measurement.

A value becomes an interval, so that `<20`, `">90"` and a Range are judged by one rule. Units are converted later.
Source: FHIR R4 Observation.value[x], Quantity.comparator.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from cds_service.facts.patient_facts import Interval, Measurement
from cds_service.facts.repeated_members import repeats_a_member
from cds_service.facts.resources import (
    RawConcept,
    RawQuantity,
    RawRange,
    RawValue,
    Unreadable,
    concept,
    decode,
    is_given,
)
from cds_service.facts.written_values import compared, read_written

_COMPARATORS = {"<", "<=", ">", ">="}
_THERE = {"masked", "as-text", "unsupported", "not-a-number", "negative-infinity", "positive-infinity", "not-permitted"}
"""Codes of dataAbsentReason of a result that there is. Source: FHIR R4 CodeSystem data-absent-reason."""


class WholeResource(msgspec.Struct, frozen=True, gc=False):
    """The value of an Observation itself, still in the bytes received."""

    body: bytes

    def read(self) -> Measurement | None:
        """The value; None for a panel that has none of its own, only components or members."""
        try:
            raw = decode(self.body, RawValue)
        except Unreadable:
            return Measurement(problem="unreadable-value")
        if repeats_a_member(self.body):
            return Measurement(problem="unreadable-value")
        is_panel = is_given(raw.component) or is_given(raw.has_member)
        if is_panel and not _has_value(raw) and raw.data_absent_reason is None:
            return None
        return _measurement(raw)


class Component(msgspec.Struct, frozen=True, gc=False):
    """The value of one component."""

    raw: RawValue

    def read(self) -> Measurement:
        """The value."""
        return _measurement(self.raw)


def _has_value(raw: RawValue) -> bool:
    plain = (raw.value_quantity, raw.value_string, raw.value_integer, raw.value_range, raw.value_codeable_concept)
    return any(value is not None for value in plain) or _has_other_value(raw)


def _has_other_value(raw: RawValue) -> bool:
    """A value of a type that no lab of the tables is reported in."""
    plain = (raw.value_boolean, raw.value_date_time, raw.value_time)
    return any(value is not None for value in plain) or any(
        map(is_given, (raw.value_ratio, raw.value_sampled_data, raw.value_period))
    )


def _measurement(raw: RawValue) -> Measurement:
    if raw.modifier_extension:
        return Measurement(problem="unreadable-value")
    if raw.value_quantity is not None:
        return _quantity(raw.value_quantity)
    if raw.value_range is not None:
        return _range(raw.value_range)
    if raw.value_integer is not None:
        return Measurement(compared(None, Decimal(raw.value_integer)))
    if raw.value_string is not None:
        return read_written(raw.value_string)
    if raw.value_codeable_concept is not None:
        answer = concept(raw.value_codeable_concept)
        return Measurement(answer=answer, shown=answer.label)
    if _has_other_value(raw):
        return Measurement(problem="unreadable-value")
    return _without_value(raw.data_absent_reason)


def _without_value(reason: RawConcept | None) -> Measurement:
    """Why there is no value: some reasons say that there is a result all the same."""
    if reason is None:
        return Measurement(problem="no-value")
    if _THERE & {coding.code for coding in reason.coding or () if coding is not None}:
        return Measurement(problem="result-withheld")
    return Measurement(problem="data-absent")


def _quantity(raw: RawQuantity) -> Measurement:
    if raw.value is None:
        return Measurement(problem="no-value")
    if raw.comparator is not None and raw.comparator not in _COMPARATORS:
        return Measurement(problem="unreadable-value")
    value = _decimal(raw.value)
    shown = f"{raw.comparator}{_plain(value)}" if raw.comparator else None
    return Measurement(compared(raw.comparator, value), unit_codes=_units(raw), shown=shown)


def _range(raw: RawRange) -> Measurement:
    """Both ends belong to it; one that carries a comparator all the same must point outwards."""
    low, high = (end if end is not None and end.value is not None else None for end in (raw.low, raw.high))
    ends = [end for end in (low, high) if end is not None]
    if not ends:
        return Measurement(problem="no-value")
    units = {_units(end) for end in ends}
    if len(units) > 1:
        return Measurement(problem="unit-conflict")
    first, last = (None if end is None else _decimal(end.value or 0) for end in (low, high))
    shown = _shown_range(first, last)
    outwards = (low is None or low.comparator in (None, ">", ">=")) and (
        high is None or high.comparator in (None, "<", "<=")
    )
    if not outwards or (first is not None and last is not None and first > last):
        return Measurement(problem="unreadable-value", shown=shown)
    low_open, high_open = (end is not None and end.comparator in ("<", ">") for end in (low, high))
    return Measurement(Interval(first, last, low_open, high_open), unit_codes=units.pop(), shown=shown)


def _shown_range(low: Decimal | None, high: Decimal | None) -> str:
    """Both bounds, or the one that there is."""
    if low is None:
        return f"<={_plain(high)}"
    return f">={_plain(low)}" if high is None else f"{_plain(low)}-{_plain(high)}"


def _units(raw: RawQuantity) -> tuple[str, ...]:
    """The code first (UCUM), then the printed unit; each once, blanks trimmed."""
    code, unit = raw.code, raw.unit
    if code and unit and code != unit:
        return tuple(dict.fromkeys(text for text in (code.strip(), unit.strip()) if text))
    text = (code or unit or "").strip()
    return (text,) if text else ()


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def _plain(value: Decimal | None) -> str:
    if value is None:
        return ""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
