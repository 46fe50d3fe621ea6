"""UCUM unit codes: those that HL7 lists, and those that the grammar of UCUM accepts; and the prefixes of metric units.

ucumvert, which has the grammar and units of UCUM, is imported for the first code that HL7's value set of common units
does not list, because loading it takes about as long as validating a hundred resources.
Source: The Unified Code for Units of Measure, sections 2 and 3; FHIR R4 value set ucum-common.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from cds_service.profiles.definitions import Definitions

UCUM = "http://unitsofmeasure.org"
_COMMON = "http://hl7.org/fhir/ValueSet/ucum-common"
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
_ANNOTATION = re.compile(r"\{[!-z|~]+\}")
# Parsing grows faster than the length; the longest of HL7's common units has 40 characters without annotations.
_LONGEST = 100


def in_base_unit(value: Decimal, code: str) -> tuple[Decimal, str]:
    """A value converted to the unit without prefix, and that unit: 2 kg -> 2000 g; other units are unchanged."""
    if code in _METRIC:
        return value, _METRIC[code]
    for prefix, power in _POWERS.items():
        if code.startswith(prefix) and code[len(prefix) :] in _METRIC:
            return value.scaleb(power), _METRIC[code[len(prefix) :]]
    return value, code


def unit_problem(definitions: Definitions, code: str) -> str | None:
    """Why a code is not a UCUM unit, as the end of a sentence; None if it is one."""
    if code in _common_units(definitions):
        return None
    # What an annotation says does not matter.
    return _grammar_problem(_ANNOTATION.sub("{x}", code))


@lru_cache(maxsize=4096)
def _grammar_problem(code: str) -> str | None:
    if len(code) > _LONGEST:
        return "is too long for a UCUM unit"
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput

    try:
        _parser().parse(code)
    except UnexpectedCharacters as error:
        return f"is not a UCUM unit: {_part_at(code, error.column - 1)} is unknown"
    except UnexpectedInput:
        return "is not a UCUM unit: it is incomplete"
    return None


def _part_at(code: str, position: int) -> str:
    """The unit between operators at a position."""
    start = max(code.rfind(sign, 0, position) for sign in "./(") + 1
    return re.split(r"[./)]", code[start:])[0] or code[position]


@cache
def _parser() -> Any:
    from ucumvert.parser import get_ucum_parser

    return get_ucum_parser()


def _common_units(definitions: Definitions) -> frozenset[str]:
    """The codes in HL7's value set of common UCUM units."""
    if "units" not in definitions.cache:
        value_set = definitions.value_set(_COMMON) or {}
        codes = (one["code"] for include in value_set["compose"]["include"] for one in include["concept"])
        definitions.cache["units"] = frozenset(codes)
    return definitions.cache["units"]  # type: ignore[no-any-return]  # the cache holds values of any type
