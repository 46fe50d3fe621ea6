"""Labs with those that they are computed from, and which of the common spellings of units are read for them.

What is read beyond them is what the grammar of `units.py` reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cds_service.knowledge.lab_types import Lab
    from cds_service.knowledge.units import Units

Spellings = Mapping[tuple[Decimal, Decimal | None], Sequence[str]]


def common_spellings(lab: Lab, units: Units) -> Spellings:
    """Spellings that mean the same, by factor to the canonical unit and by the largest value that they count for."""
    found: dict[tuple[Decimal, Decimal | None], list[str]] = {}
    words = [form for word in sorted(lab.unit_words) for form in (word, word.upper(), word.capitalize())]
    for text, read in [*((text, text) for text in units.published), *((word, lab.unit) for word in words)]:
        reading = next((reading for reading in units.read(read) if reading.dimension in lab.scales), None)
        if reading is not None and not lab.coded:
            scale = lab.scales[reading.dimension]
            at_most = None if scale.at_most is None else _decimal(scale.at_most / reading.factor)
            found.setdefault((_decimal(reading.factor * scale.factor), at_most), []).append(text)
    return found


def with_inputs(ids: Iterable[str], labs: Mapping[str, Lab]) -> dict[str, Lab]:
    """Labs and all that they may be computed from, by id, each once."""
    found: dict[str, Lab] = {}
    waiting = list(ids)
    while waiting:
        lab = labs[waiting.pop(0)]
        if lab.id not in found:
            found[lab.id] = lab
            waiting += lab.derivation.inputs if lab.derivation else ()
    return found


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / number.denominator
