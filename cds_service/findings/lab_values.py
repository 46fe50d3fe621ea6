"""A reported value in the unit of a lab, or why it is refused: a unit is converted, never guessed.

A unit must be of a dimension that the lab is reported in (`labs.toml`); a value outside what can be true is refused.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec

from cds_service.facts.patient_facts import Interval, Measurement
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason


class Converted(msgspec.Struct, frozen=True):
    """`interval` in the lab's unit, `reported` as the record has it; `note` is a key of `reason.*` about the unit."""

    interval: Interval
    reported: Interval
    note: str | None = None


class _Unit(msgspec.Struct, frozen=True):
    """One spelling as a unit of the lab; `factor` None: readable, and of another dimension."""

    factor: Fraction | None
    note: str | None = None
    at_most: Fraction | None = None


def convert(measured: Measurement, lab: Lab, knowledge: Knowledge) -> Converted | Reason:
    """The value in the lab's unit, or why it is refused.

    Args:
        measured: a number, bounds or range with its units as reported.
        lab: what is measured.
        knowledge: the units, and the names of labs: a text may begin with one.
    """
    if measured.name is not None and not knowledge.lab_index.calls(lab.id, measured.name):
        return Reason("unreadable-value")
    spellings = _spellings(measured, lab)
    if not spellings:
        return Reason("no-unit")
    read = [unit for text in spellings if (unit := _unit(text, lab, knowledge)) is not None]
    fitting = [unit for unit in read if unit.factor is not None]
    if not fitting:
        return Reason("unit-not-read", {"unit": spellings[0], "value": shown_value(measured)})
    if len({unit.factor for unit in read}) > 1:
        return Reason("unit-conflict")
    unit = next((unit for unit in fitting if unit.note is None), fitting[0])
    return _scaled(measured, unit, lab, spellings[0])


def is_of_another_dimension(measured: Measurement, lab: Lab, knowledge: Knowledge) -> bool:
    """Whether the unit can be read and no value of the lab is reported in such a unit."""
    units = [_unit(text, lab, knowledge) for text in measured.unit_codes]
    return any(units) and not any(unit.factor is not None for unit in units if unit)


def shown_value(measured: Measurement) -> str:
    """A value as reported, for a reason that names it."""
    exact = measured.interval.exact
    return measured.shown or ("" if exact is None else f"{exact.normalize():f}")


def _spellings(measured: Measurement, lab: Lab) -> tuple[str, ...]:
    if measured.unit_codes:
        return measured.unit_codes
    if lab.unit_optional:
        return (lab.unit,)
    return (lab.text_unit,) if measured.from_text and lab.text_unit else ()


def _unit(text: str, lab: Lab, knowledge: Knowledge) -> _Unit | None:
    """One spelling; None where it is no unit that can be read."""
    if text.strip("{}").casefold() in lab.unit_words:
        text = lab.unit
    readings = knowledge.units.read(text)
    for reading in readings:
        scale = lab.scales.get(reading.dimension)
        if scale is not None:
            at_most = None if scale.at_most is None else scale.at_most / reading.factor
            return _Unit(reading.factor * scale.factor, scale.note, at_most)
    return _Unit(None) if readings else None


def _scaled(measured: Measurement, unit: _Unit, lab: Lab, spelling: str) -> Converted | Reason:
    """The one reading of the number that can be true."""
    possible = []
    for reported in (measured.interval, measured.or_else):
        if reported is None or unit.factor is None:
            continue
        converted = Converted(reported.scaled(unit.factor), reported, unit.note)
        if _can_be_true(converted, unit, lab):
            possible.append(converted)
    if not possible:
        return Reason("implausible", {"value": shown_value(measured), "unit": spelling})
    return possible[0] if len(possible) == 1 else Reason("ambiguous-number", {"value": shown_value(measured)})


def _can_be_true(converted: Converted, unit: _Unit, lab: Lab) -> bool:
    """Not wholly outside the lab's widest range; bounds alone (`>1000`) count as written."""
    if unit.at_most is not None and any(end > unit.at_most for end in converted.reported.ends):
        return False
    lowest, highest = lab.lowest, lab.highest
    ends: tuple[Decimal, ...] = converted.interval.ends
    return all((lowest is None or end >= lowest) and (highest is None or end <= highest) for end in ends)
