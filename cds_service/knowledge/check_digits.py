"""The check digits of LOINC and SNOMED CT: a mistyped code has a wrong one, and would never be found in a record.

Sources: LOINC Users' Guide, "The LOINC parts" (mod 10 over the part before the hyphen); SNOMED CT Release File
Specification, "SCTID check-digit" (Verhoeff over the whole identifier, whose partition says that it is a concept).
"""

from __future__ import annotations

import re

from cds_service.knowledge.value_sets import LOINC, SNOMED_CT

_LOINC_CODE = re.compile(r"[0-9]{1,8}-[0-9]")
_LOINC_PART = re.compile(r"L[A-Z][0-9]+-[0-9]")
"""Answers, lists and parts, which are numbered by another rule."""
_SCTID = re.compile(r"[0-9]{3,15}[01]0[0-9]")
_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""What a digit becomes from one place to the next."""


def is_mistyped(system: str, code: str) -> bool:
    """Whether a code can't be one of its system; False for a system without check digits."""
    code = code.strip()
    if system == LOINC:
        return not _LOINC_PART.fullmatch(code) and not (
            _LOINC_CODE.fullmatch(code) and _luhn(code[:-2]) == int(code[-1])
        )
    if system == SNOMED_CT:
        return not (_SCTID.fullmatch(code) and _verhoeff(code) == 0)
    return False


def _luhn(number: str) -> int:
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(number)))
    return -sum(value // 10 + value % 10 for value in doubled) % 10


def _verhoeff(number: str) -> int:
    check = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit)
        for _ in range(place % 8):
            value = _TURN[value]
        check = _joined(check, value)
    return check


def _joined(one: int, other: int) -> int:
    """The product of two members of the dihedral group D5, 0 to 4 the turns and 5 to 9 the reflections."""
    turned = (one + other) % 5 if one < 5 else (one - other) % 5
    return turned if (one < 5) == (other < 5) else turned + 5
