"""Analytes and limits, as frozen types: how a result is read, and what it is held against. Only types live here.

How each is written in TOML: docs/changing-the-tables.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from cds_service.knowledge.derivation import Derivation, Grade

if TYPE_CHECKING:
    from cds_service.knowledge.units import Dimension, Units


class Scale(msgspec.Struct, frozen=True):
    """How values in one dimension of units become the canonical unit: times the unit's own factor, times `factor`.

    `at_most`, in base units: the largest value that is taken in this dimension (a fraction written with unit 1).
    """

    factor: Fraction
    note: str | None = None
    at_most: Fraction | None = None


class Lab(msgspec.Struct, frozen=True):
    """One analyte: its LOINC ValueSet, canonical UCUM unit and the dimensions of units that it is reported in.

    `reported_in` is one unit of each dimension. `unit_words` are written in place of the canonical unit, lower case.
    `coded`: the answer is a code, not a number.
    """

    id: str
    label: str
    value_set: str
    unit: str
    scales: Mapping[Dimension, Scale]
    reported_in: tuple[str, ...]
    unit_words: frozenset[str]
    unit_optional: bool
    text_unit: str | None
    coded: bool
    lowest: Decimal | None
    highest: Decimal | None
    derivation: Derivation | None
    decimals: int | None = None
    """How many a card shows; None for as reported."""
    unit_in_summary: bool = True
    earlier_from_days: int | None = None
    earlier_to_days: int | None = None
    """Beside the newest result an older one is shown, by so many days: what it was before."""
    grades: tuple[Grade, ...] = ()
    """Classes of a score, from the best to the worst."""

    def factor_of(self, unit: str | None, units: Units) -> Fraction | None:
        """What a value in a unit is multiplied with to be in the lab's own; None where the unit is none of the lab."""
        if not unit or unit == self.unit or unit.strip("{}").casefold() in self.unit_words:
            return Fraction(1)
        for reading in units.read(unit):
            scale = self.scales.get(reading.dimension)
            if scale is not None:
                return reading.factor * scale.factor
        return None


class Threshold(msgspec.Struct, frozen=True):
    """One limit. `comparison` is `<`, `<=`, `>`, `>=`, `in` (coded answers) or `rise`."""

    id: str
    lab: str
    comparison: str
    value: Decimal | None
    unit: str
    within_days: int
    answers: tuple[str, ...]
    other_answers: tuple[str, ...]
    """Value sets of the answers that say the opposite; where there are any, an answer in neither is not read."""
    answer_words: frozenset[str]
    other_words: frozenset[str]
    """The same in words, lower case."""
    rise: Decimal | None
    rise_within_hours: int | None
    ratio: Decimal | None
    ratio_within_days: int | None
    guideline: str
    source: str
    grade: str
    status: str
    cite: str = ""
    """What a card names as the source: the guideline and its year."""

    @property
    def text(self) -> str:
        """The limit as one reads it aloud: `< 50 10*9/L`, or the rise that it looks for."""
        if self.comparison == "in":
            return f"answered with one of {', '.join(self.answers)}"
        if self.comparison != "rise":
            return f"{self.comparison} {self.value}{'' if self.unit == '1' else f' {self.unit}'}"
        rise = f"rises by {self.rise} {self.unit} in {self.rise_within_hours} h"
        return f"{rise} or to {self.ratio} times in {self.ratio_within_days} days"
