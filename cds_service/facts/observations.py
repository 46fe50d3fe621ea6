"""Facts stage, observations: Observation resources and their components -> ObservationFact, and their values.

Cancelled, entered-in-error and registered ones are left out. Reading is in two steps, because a record holds many
results and only the newest of an analyte is judged: `read_observations` finds code, time and status, and the fact reads
its value when it is asked for it. A value becomes an interval, so that `<20`, `">90"` and a Range are judged by one
rule; what can't be read keeps its code and says why. Units are converted later.
Source: FHIR R4 Observation.status, Quantity.comparator, Observation.value[x] and component.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import msgspec

from cds_service.clinical_data.retrieved import RawResource, RetrievedData
from cds_service.facts.dates import Dates
from cds_service.facts.patient_facts import (
    Coding,
    Concept,
    Interval,
    Measurement,
    ObservationFact,
    ReportedValue,
    When,
)
from cds_service.facts.reading import Reading
from cds_service.facts.resources import (
    RawConcept,
    RawObservation,
    RawQuantity,
    RawRange,
    RawValue,
    Unreadable,
    concept,
    decode,
    decode_code,
    decode_components,
    decode_each,
    is_given,
    is_named,
    read_codings,
    repeats_a_member,
)

_VOID = frozenset({"cancelled", "entered-in-error", "registered"})
_VALID = frozenset({"final", "amended", "corrected", "preliminary"})
_NUMBER = r"(\d+(?:\.\d+)?)"
# A unit may begin with a digit (10*9/L) where a blank parts it from the number.
_UNIT = r"(?:\s*(?P<unit>(?<=\s)[^\s<>].*|[^\d\s<>.,].*))?"
_TEXT_VALUE = re.compile(rf"(<=|>=|<|>|≤|≥)?\s*{_NUMBER}{_UNIT}$")
_TEXT_RANGE = re.compile(rf"{_NUMBER}\s*[-–]\s*{_NUMBER}{_UNIT}$")
_COMPARATORS = {"<", "<=", ">", ">="}
_MOST_SHOWN = 40


SelectCodings = Callable[[RawConcept | None], tuple[Coding, ...] | None]
"""The codings of a code that anything reads; empty for a code that says nothing at all; None for another one."""


class WholeResource(msgspec.Struct, frozen=True):
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


class Component(msgspec.Struct, frozen=True):
    """The value of one component."""

    raw: RawValue

    def read(self) -> Measurement:
        """The value."""
        return _measurement(self.raw)


def read_observations(retrieved: RetrievedData, reading: Reading) -> tuple[ObservationFact, ...]:
    """Every result that the tables may read, its value not read yet.

    An unreadable Observation stays as a fact with its code, so that it can block the analyte that it may report.
    """

    def select(code: RawConcept | None) -> tuple[Coding, ...] | None:
        found = read_codings(code, reading.reads) if code is not None else ()
        if found:
            return found
        return None if is_named(code) else ()  # one that does not say what it reports may be anything

    facts: list[ObservationFact] = []
    dates = Dates(reading.zone)
    for record, raw in decode_each(retrieved.records, RawObservation):
        if raw is not None:
            facts += read_observation(record, raw, select, dates)
            continue
        code = decode_code(record.body)
        facts.append(ObservationFact(record.reference, code, None, preliminary=False, problem="unreadable-value"))
        reading.note_unreadable("observations", record)
    return tuple(facts)


def read_observation(
    record: RawResource, raw: RawObservation, select: SelectCodings, dates: Dates
) -> list[ObservationFact]:
    """The facts of one Observation: its own value and each component's, as far as their code is selected.

    Args:
        record: the resource as received.
        raw: its code, time and status.
        select: asked before anything else is looked at.
        dates: the reader of this call's dates.
    """
    own = select(raw.code)
    found: list[tuple[tuple[Coding, ...], ReportedValue | None]] = []
    if own is not None:
        found.append((own, WholeResource(record.body)))
    if is_given(raw.component):
        parts = decode_components(raw.component)
        found += [((), None)] if parts is None else []
        found += [(codings, Component(part)) for part in parts or () if (codings := select(part.code)) is not None]
    if not found or raw.status in _VOID:
        return []
    problem = None if raw.status is None or raw.status in _VALID else "status-unclear"
    when, preliminary = _when(raw, dates), raw.status == "preliminary"
    return [
        ObservationFact(record.reference, Concept(codings), when, preliminary, value, problem)
        for codings, value in found
    ]


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


def _measurement(raw: RawValue) -> Measurement:
    if raw.modifier_extension:
        return Measurement(problem="unreadable-value")
    if raw.value_quantity is not None:
        return _quantity(raw.value_quantity)
    if raw.value_range is not None:
        return _range(raw.value_range)
    if raw.value_integer is not None:
        return _compared(None, Decimal(raw.value_integer), ())
    if raw.value_string is not None:
        return _text(raw.value_string)
    if raw.value_codeable_concept is not None:
        answer = concept(raw.value_codeable_concept)
        return Measurement(answer=answer, shown=answer.label)
    if _has_other_value(raw):
        return Measurement(problem="unreadable-value")
    return Measurement(problem="data-absent" if raw.data_absent_reason else "no-value")


def _quantity(raw: RawQuantity) -> Measurement:
    if raw.value is None:
        return Measurement(problem="no-value")
    if raw.comparator is not None and raw.comparator not in _COMPARATORS:
        return Measurement(problem="unreadable-value")
    return _compared(raw.comparator, _decimal(raw.value), _units(raw))


def _range(raw: RawRange) -> Measurement:
    low, high = raw.low, raw.high
    ends = [end for end in (low, high) if end is not None and end.value is not None]
    if not ends:
        return Measurement(problem="no-value")
    units = {_units(end) for end in ends}
    if len(units) > 1:
        return Measurement(problem="unit-conflict")
    first, last = (_decimal(end.value) if end is not None and end.value is not None else None for end in (low, high))
    return _span(first, last, units.pop(), f"{_plain(first)}-{_plain(last)}")


def _span(
    low: Decimal | None, high: Decimal | None, units: tuple[str, ...], shown: str, *, from_text: bool = False
) -> Measurement:
    if low is not None and high is not None and low > high:
        return Measurement(problem="unreadable-value", shown=shown[:_MOST_SHOWN], from_text=from_text)
    return Measurement(Interval(low, high), units, shown=shown, from_text=from_text)


def _text(text: str) -> Measurement:
    """A number written as text: `>90`, `<15`, `45 10*9/L`, `1.0-1.2`."""
    plain = text.strip()
    spans = _TEXT_RANGE.match(plain)
    if spans:
        low, high, unit = spans.groups()
        return _span(Decimal(low), Decimal(high), (unit.strip(),) if unit else (), plain, from_text=True)
    match = _TEXT_VALUE.match(plain)
    if not match:
        return Measurement(problem="unreadable-value", shown=plain[:_MOST_SHOWN])
    comparator, number, unit = match.groups()
    comparator = {"≤": "<=", "≥": ">="}.get(comparator, comparator)
    return _compared(comparator, Decimal(number), (unit.strip(),) if unit else (), from_text=True)


def _compared(
    comparator: str | None, value: Decimal, units: tuple[str, ...], *, from_text: bool = False
) -> Measurement:
    if comparator is None:
        return Measurement(Interval(value, value), units, from_text=from_text)
    below = comparator in ("<", "<=")
    interval = Interval(
        low=None if below else value,
        high=value if below else None,
        low_open=comparator == ">",
        high_open=comparator == "<",
    )
    return Measurement(interval, units, shown=f"{comparator}{_plain(value)}", from_text=from_text)


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
