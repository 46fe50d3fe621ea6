"""Facts stage, observations: Observation resources and their components -> ObservationFact, and their values.

Cancelled, entered-in-error and registered ones are left out. Reading is in two steps, because a record holds many
results and only the newest of an analyte is judged: `read_observation` finds code, time and status, `measure` reads
the value. A value becomes an interval, so that `<20`, `">90"` and a Range are judged by one rule; what can't be read
keeps its code and says why. Units are converted later.
Source: FHIR R4 Observation.status, Quantity.comparator, Observation.value[x] and component.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds_service.clinical_data.retrieved import RawResource
from cds_service.facts.dates import Dates
from cds_service.facts.patient_facts import Coding, Concept, Measurement, ObservationFact, When
from cds_service.facts.resources import (
    RawConcept,
    RawObservation,
    RawQuantity,
    RawRange,
    RawValue,
    Unreadable,
    concept,
    decode,
    decode_components,
    is_given,
)

_VOID = frozenset({"cancelled", "entered-in-error", "registered"})
_VALID = frozenset({"final", "amended", "corrected", "preliminary"})
_NUMBER = r"(\d+(?:\.\d+)?)"
# A unit may begin with a digit (10*9/L) where a blank parts it from the number.
_UNIT = r"(?:\s*(?P<unit>(?<=\s)[^\s<>].*|[^\d\s<>.,].*))?"
_TEXT_VALUE = re.compile(rf"(<=|>=|<|>|≤|≥)?\s*{_NUMBER}{_UNIT}$")
_TEXT_RANGE = re.compile(rf"{_NUMBER}\s*[-–]\s*{_NUMBER}{_UNIT}$")
_COMPARATORS = {"<", "<=", ">", ">="}


SelectCodings = Callable[[RawConcept | None], tuple[Coding, ...] | None]
"""The codings of a code that anything reads; empty for a code that says nothing at all; None for another one."""


def read_observation(
    record: RawResource, raw: RawObservation, wanted: SelectCodings, dates: Dates
) -> list[ObservationFact]:
    """The facts of one Observation: its own value and each component's, as far as their code is wanted.

    Args:
        record: the resource as received.
        raw: its code, time and status.
        wanted: asked before anything else is looked at.
        dates: the reader of this call's dates.
    """
    own = wanted(raw.code)
    found: list[tuple[tuple[Coding, ...], object]] = [] if own is None else [(own, record.body)]
    if is_given(raw.component):
        parts = decode_components(raw.component)
        found += [((), None)] if parts is None else []
        found += [(codings, part) for part in parts or () if (codings := wanted(part.code)) is not None]
    if not found or raw.status in _VOID:
        return []
    problem = None if raw.status is None or raw.status in _VALID else "status-unclear"
    when, preliminary = _when(raw, dates), raw.status == "preliminary"
    return [
        ObservationFact(record.reference, Concept(codings), when, preliminary, value, problem)
        for codings, value in found
    ]


def measure(fact: ObservationFact) -> Measurement | None:
    """The value of a fact; None for a panel that has no value of its own, only components or members."""
    if fact.problem:
        return Measurement(problem=fact.problem)
    raw = fact.value
    if isinstance(raw, bytes):
        try:
            raw = decode(raw, RawValue)
        except Unreadable:
            return Measurement(problem="unreadable-value")
        is_panel = is_given(raw.component) or is_given(raw.has_member)
        if is_panel and not _has_value(raw) and raw.data_absent_reason is None:
            return None
    return Measurement(**_value(raw)) if isinstance(raw, RawValue) else Measurement(problem="unreadable-value")


def _when(raw: RawObservation, dates: Dates) -> When | None:
    if raw.effective_date_time:
        found = dates.read(raw.effective_date_time)
        if found:
            return found
    period = raw.effective_period
    candidates = (raw.effective_instant, period and (period.end or period.start), raw.issued)
    return next((when for text in candidates if text and (when := dates.read(text))), None)


def _has_value(raw: RawValue) -> bool:
    plain = (raw.value_quantity, raw.value_string, raw.value_integer, raw.value_range, raw.value_codeable_concept)
    return any(value is not None for value in plain) or _has_other_value(raw)


def _has_other_value(raw: RawValue) -> bool:
    """A value of a type that no lab of the tables is reported in."""
    plain = (raw.value_boolean, raw.value_date_time, raw.value_time)
    return any(value is not None for value in plain) or any(
        map(is_given, (raw.value_ratio, raw.value_sampled_data, raw.value_period))
    )


def _value(raw: RawValue) -> dict[str, Any]:
    """The fields of the fact that hold the value, or its problem."""
    if raw.modifier_extension:
        return {"problem": "unreadable-value"}
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
    if raw.comparator is None:
        exact = _decimal(raw.value)
        return {"low": exact, "high": exact, "unit_codes": _units(raw)}
    if raw.comparator not in _COMPARATORS:
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
    first, last = (_decimal(end.value) if end is not None and end.value is not None else None for end in (low, high))
    return _span(first, last, units.pop(), f"{_plain(first)}-{_plain(last)}")


def _span(low: Decimal | None, high: Decimal | None, units: tuple[str, ...], shown: str) -> dict[str, Any]:
    if low is not None and high is not None and low > high:
        return {"problem": "unreadable-value", "shown": shown[:40]}
    return {"low": low, "high": high, "unit_codes": units, "shown": shown}


def _text(text: str) -> dict[str, Any]:
    """A number written as text: `>90`, `<15`, `45 10*9/L`, `1.0-1.2`."""
    plain = text.strip()
    spans = _TEXT_RANGE.match(plain)
    if spans:
        low, high, unit = spans.groups()
        units = (unit.strip(),) if unit else ()
        return _span(Decimal(low), Decimal(high), units, plain) | {"from_text": True}
    match = _TEXT_VALUE.match(plain)
    if not match:
        return {"problem": "unreadable-value", "shown": plain[:40]}
    comparator, number, unit = match.groups()
    comparator = {"≤": "<=", "≥": ">="}.get(comparator, comparator)
    return _interval(comparator, Decimal(number), (unit.strip(),) if unit else ()) | {"from_text": True}


def _interval(comparator: str | None, value: Decimal, units: tuple[str, ...]) -> dict[str, Any]:
    if comparator is None:
        return {"low": value, "high": value, "unit_codes": units}
    below = comparator in ("<", "<=")
    return {
        "low": None if below else value,
        "high": value if below else None,
        "low_open": comparator == ">",
        "high_open": comparator == "<",
        "unit_codes": units,
        "shown": f"{comparator}{_plain(value)}",
    }


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
