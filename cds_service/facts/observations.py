"""Facts stage, observations: Observation resources and their components -> ObservationFact.

Cancelled, entered-in-error and registered ones are left out. A value becomes an interval, so that `<20`, `">90"`
and a Range are judged by one rule; what can't be read keeps its code and says why. Units are converted later.
Source: FHIR R4 Observation.status, Quantity.comparator, Observation.value[x] and component.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from cds_service.facts.dates import read_when
from cds_service.facts.patient_facts import ObservationFact, When
from cds_service.facts.resources import RawObservation, RawQuantity, RawRange, RawValue, concept, decode, is_given

_VOID = frozenset({"cancelled", "entered-in-error", "registered"})
_VALID = frozenset({"final", "amended", "corrected", "preliminary"})
_NUMBER = r"(\d+(?:\.\d+)?)"
_TEXT_VALUE = re.compile(rf"\s*(<=|>=|<|>|≤|≥)?\s*{_NUMBER}\s*([^\d\s<>].*)?$")
_TEXT_RANGE = re.compile(rf"\s*{_NUMBER}\s*[-–]\s*{_NUMBER}\s*([^\d\s<>].*)?$")
_COMPARATORS = {"<", "<=", ">", ">="}
_VALUES = ("value_quantity", "value_string", "value_integer", "value_range", "value_codeable_concept")


def read_observation(reference: str, body: bytes, zone: tzinfo) -> Iterator[ObservationFact]:
    """The facts of one Observation: its own value and each component's.

    Raises:
        Unreadable: the resource can't be read.
    """
    raw = decode(body, RawObservation)
    if raw.status in _VOID:
        return
    blank = ObservationFact(reference, concept(raw.code), _when(raw, zone), preliminary=raw.status == "preliminary")
    if raw.status is not None and raw.status not in _VALID:
        blank = replace(blank, problem="status-unclear")
    parts = raw.component or ()
    if _has_value(raw) or raw.data_absent_reason or not (parts or raw.has_member):
        yield _valued(blank, raw)
    for part in parts:
        yield _valued(replace(blank, concept=concept(part.code)), part)


def _when(raw: RawObservation, zone: tzinfo) -> When | None:
    period = raw.effective_period
    candidates = (raw.effective_date_time, raw.effective_instant, period and (period.end or period.start), raw.issued)
    return next((when for text in candidates if text and (when := read_when(text, zone))), None)


def _has_value(raw: RawValue) -> bool:
    return _has_other_value(raw) or any(getattr(raw, name) is not None for name in _VALUES)


def _has_other_value(raw: RawValue) -> bool:
    """A value of a type that no lab of the tables is reported in."""
    plain = (raw.value_boolean, raw.value_date_time, raw.value_time)
    return any(value is not None for value in plain) or any(
        map(is_given, (raw.value_ratio, raw.value_sampled_data, raw.value_period))
    )


def _valued(blank: ObservationFact, raw: RawValue) -> ObservationFact:
    if blank.problem:
        return blank
    if raw.modifier_extension:
        return replace(blank, problem="unreadable-value")
    fields = _value(raw)
    return replace(blank, **fields)


def _value(raw: RawValue) -> dict[str, Any]:
    if raw.value_quantity is not None:
        return _quantity(raw.value_quantity)
    if raw.value_range is not None:
        return _range(raw.value_range)
    if raw.value_integer is not None:
        return _interval(None, Decimal(raw.value_integer), ())
    if raw.value_string is not None:
        return _text(raw.value_string)
    if raw.value_codeable_concept is not None:
        answer = concept(raw.value_codeable_concept)
        return {"answer": answer, "shown": answer.label}
    if _has_other_value(raw):
        return {"problem": "unreadable-value"}
    return {"problem": "data-absent" if raw.data_absent_reason else "no-value"}


def _quantity(raw: RawQuantity) -> dict[str, Any]:
    if raw.value is None:
        return {"problem": "no-value"}
    if raw.comparator is not None and raw.comparator not in _COMPARATORS:
        return {"problem": "unreadable-value"}
    return _interval(raw.comparator, _decimal(raw.value), _units(raw))


def _range(raw: RawRange) -> dict[str, Any]:
    low, high = raw.low, raw.high
    ends = [end for end in (low, high) if end is not None and end.value is not None]
    if not ends:
        return {"problem": "no-value"}
    units = {_units(end) for end in ends}
    if len(units) > 1:
        return {"problem": "unit-conflict"}
    bounds = [_decimal(end.value) if end is not None and end.value is not None else None for end in (low, high)]
    shown = f"{_plain(bounds[0])}-{_plain(bounds[1])}"
    return {"low": bounds[0], "high": bounds[1], "unit_codes": units.pop(), "shown": shown}


def _text(text: str) -> dict[str, Any]:
    """A number written as text: `>90`, `<15`, `45 10*9/L`, `1.0-1.2`."""
    spans = _TEXT_RANGE.match(text)
    if spans:
        low, high, unit = spans.groups()
        units = (unit.strip(),) if unit else ()
        return {
            "low": Decimal(low),
            "high": Decimal(high),
            "unit_codes": units,
            "shown": text.strip(),
            "from_text": True,
        }
    match = _TEXT_VALUE.match(text)
    if not match:
        return {"problem": "unreadable-value", "shown": text.strip()[:40]}
    comparator, number, unit = match.groups()
    plain = {"≤": "<=", "≥": ">="}.get(comparator, comparator)
    return _interval(plain, Decimal(number), (unit.strip(),) if unit else ()) | {"from_text": True}


def _interval(comparator: str | None, value: Decimal, units: tuple[str, ...]) -> dict[str, Any]:
    below, above = comparator in ("<", "<="), comparator in (">", ">=")
    return {
        "low": None if below else value,
        "high": None if above else value,
        "low_open": comparator == ">",
        "high_open": comparator == "<",
        "unit_codes": units,
        "shown": f"{comparator or ''}{_plain(value)}",
    }


def _units(raw: RawQuantity) -> tuple[str, ...]:
    """The code first (UCUM), then the printed unit; each once, blanks trimmed."""
    return tuple(dict.fromkeys(u.strip() for u in (raw.code, raw.unit) if u and u.strip()))


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def _plain(value: Decimal | None) -> str:
    if value is None:
        return ""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
