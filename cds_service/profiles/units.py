"""UCUM unit codes: must be well formed and consist of known units.

Known units are the parts of the codes in HL7's value set of common units, with any prefix. A part in square brackets or
with special characters may be one of many rare units, so only a part of plain letters is reported as unknown: `tbl`,
not `[tbs_us]`.
Source: The Unified Code for Units of Measure, sections 2 and 3; FHIR R4 value set ucum-common.
"""

from __future__ import annotations

import re
from decimal import Decimal

from cds_service.profiles.definitions import Definitions

UCUM = "http://unitsofmeasure.org"
_COMMON = "http://hl7.org/fhir/ValueSet/ucum-common"
_PREFIXES = ("da", "Ki", "Mi", "Gi", "Ti", *"YZEPTGMkhdcmunpfazy")
_POWERS = {
    "Y": 24,
    "Z": 21,
    "E": 18,
    "P": 15,
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "h": 2,
    "da": 1,
    "d": -1,
    "c": -2,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
    "a": -18,
    "z": -21,
    "y": -24,
}
# Units with prefixes that are common in bounds; other units are compared only with themselves.
_METRIC = {"g": "g", "m": "m", "s": "s", "L": "L", "l": "L", "mol": "mol", "Pa": "Pa", "J": "J", "cal": "cal", "W": "W"}
# The other code for litre.
_EXTRA_UNITS = ("l",)
_ANNOTATION = re.compile(r"\{[!-z|~]*\}")
_PART = re.compile(r"(?P<unit>[^./()]*?[^./()0-9+\-]|10[*^])?(?P<exponent>[+-]?[0-9]+)?")
_PLAIN = re.compile(r"[A-Za-z]+")
_SIGNS = re.compile(r"[!-~]+")


def in_base_unit(value: Decimal, code: str) -> tuple[Decimal, str]:
    """A value converted to the unit without prefix, and that unit: 2 kg -> 2000 g; other units are unchanged."""
    if code in _METRIC:
        return value, _METRIC[code]
    for prefix, power in _POWERS.items():
        if code.startswith(prefix) and code[len(prefix) :] in _METRIC:
            return value.scaleb(power), _METRIC[code[len(prefix) :]]
    return value, code


def unit_problem(definitions: Definitions, code: str) -> str | None:
    """Why a code is not a UCUM unit, as the end of a sentence; None if it is or may be one."""
    bare = _ANNOTATION.sub("", code)
    if not _SIGNS.fullmatch(code) or "{" in bare or "}" in bare or bare.count("(") != bare.count(")"):
        return "is not a well-formed UCUM code"
    for part in re.split(r"[./()]", bare):
        found = _PART.fullmatch(part)
        unit = found["unit"] if found else part
        if unit and _PLAIN.fullmatch(unit) and not _is_known(_units(definitions), unit):
            return f"is not a UCUM unit: {unit} is unknown"
    return None


def _is_known(units: frozenset[str], unit: str) -> bool:
    return unit in units or any(unit.startswith(one) and unit[len(one) :] in units for one in _PREFIXES)


def _units(definitions: Definitions) -> frozenset[str]:
    """The units in HL7's value set of common UCUM codes."""
    if "units" not in definitions.cache:
        value_set = definitions.value_set(_COMMON) or {}
        codes = [one["code"] for include in value_set["compose"]["include"] for one in include["concept"]]
        parts = {part for code in codes for part in re.split(r"[./()]", _ANNOTATION.sub("", code))}
        named = (found["unit"] for part in parts if (found := _PART.fullmatch(part)) and found["unit"])
        definitions.cache["units"] = frozenset({*named, *_EXTRA_UNITS})
    return definitions.cache["units"]  # type: ignore[no-any-return]  # the cache holds values of any type
