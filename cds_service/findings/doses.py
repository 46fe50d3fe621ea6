"""How much of a medication is taken at once: what its order says, else what its name does.

An order's own amount comes before that of the product: a syringe of 60 mg may be for a dose of 40 mg. A product is
named by its content (`40 mg/0.4 mL`) or by its concentration and volume (`0.4 ML ... 100 MG/ML`, as RxNorm does); a
concentration alone, a rate and an amount for each kilogram are no dose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from cds_service.findings.medication_list import KnownMedication
from cds_service.knowledge.medication_types import DoseWords

MILLIGRAMS, UNITS = "mg", "units"

_NUMBER = r"(?<![\w.,/])(\d{1,3}(?:[.,' ]\d{3})+(?![\d.,])|\d+(?:[.,]\d+)?)"
_VOLUME = re.compile(r"(?<![/\w.,])(?<!/ )(\d+(?:[.,]\d+)?)\s*ml\b", re.IGNORECASE)
_MILLIGRAM_FACTORS = {"mg": Decimal(1), "g": Decimal(1000), "mcg": Decimal("0.001"), "µg": Decimal("0.001")}
_VOLUMES = frozenset({"ml"})


class Dose(NamedTuple):
    """An amount taken at once, in milligrams or international units."""

    amount: Decimal
    unit: str


def doses_of(entries: Iterable[KnownMedication], words: DoseWords) -> set[Dose]:
    """Every dose that the entries name; empty where none does."""
    return {dose for entry in entries for dose in _of_entry(entry, words)}


def _of_entry(entry: KnownMedication, words: DoseWords) -> set[Dose]:
    names = tuple(text for name in entry.fact.names for text in name.texts)
    for texts in (entry.fact.doses, entry.fact.instructions, names, (entry.display or "",)):
        if found := _named_in(texts, (*names, entry.display or ""), words):
            return found
    return set()


def _named_in(texts: Iterable[str], names: Iterable[str], words: DoseWords) -> set[Dose]:
    """The amounts of some texts; a volume is one by the concentration that the names of the product say."""
    texts = tuple(texts)
    found = {dose for text in texts for dose, per in _amounts(text, words) if per is None}
    if found:
        return found
    volumes = [_number(volume) for text in texts for volume in _VOLUME.findall(text)]
    strengths = {dose for text in names for dose, per in _amounts(text, words) if per in _VOLUMES}
    return {Dose(dose.amount * volume, dose.unit) for dose in strengths for volume in volumes}


def _amounts(text: str, words: DoseWords) -> Iterable[tuple[Dose, str | None]]:
    """Each amount with what it is for: None for a dose (`40 mg/0.4 mL`, `40 mg/d`), `ml` for a concentration."""
    for number, unit, share, of in _amount(words.units).findall(text):
        per = of.lower()
        if per in words.rates:
            continue
        factor = _MILLIGRAM_FACTORS.get(unit.lower())
        amount = _number(number, thousands=factor is None)
        dose = Dose(amount, UNITS) if factor is None else Dose(amount * factor, MILLIGRAMS)
        yield dose, (per if per in _VOLUMES and share in ("", "1") else None)


@cache
def _amount(unit_words: tuple[str, ...]) -> re.Pattern[str]:
    """A number, its unit, and the share and the unit that it is for: `40 mg/0.4 mL`."""
    units = "|".join(map(re.escape, sorted(unit_words, key=len, reverse=True)))
    unit = rf"mg|mcg|µg|g|(?:(?:{units})(?![^\W_])\.?\s*)+"
    per = r"\s*(?:/|per|pro|por)\s*(\d+(?:[.,]\d+)?)?\s*([a-zµ]+)"
    return re.compile(rf"{_NUMBER}[\s-]*({unit})(?![^\W_])(?:{per})?", re.IGNORECASE)


def _number(written: str, *, thousands: bool = False) -> Decimal:
    """A number with a point or a comma; three digits after one are thousands of units, and decimals of a milligram."""
    parts = re.split(r"[.,' ]", written)
    grouped = len(parts) > 2 or "'" in written or " " in written or (thousands and len(parts[-1]) == 3)
    return Decimal("".join(parts) if grouped else written.replace(",", "."))
