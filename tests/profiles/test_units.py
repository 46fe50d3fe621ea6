"""UCUM unit codes."""

from __future__ import annotations

import pytest

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.units import unit_problem
from tests.profiles.resources import UCUM, observation, rules

GOOD = [
    *("mg/dL", "10*9/L", "10*3/uL", "10^9/L", "g/L", "umol/L", "mL/min/{1.73_m2}", "mL/min/1.73.m2", "s", "1", "%"),
    *("mm[Hg]", "[IU]/L", "{INR}", "{score}", "kg/m2", "Cel", "/min", "cm", "m[IU]/mL", "ug/(kg.min)", "a", "mo", "wk"),
    *("mg/dl", "daPa", "GBq", "[tbs_us]", "m/s2", "kPa.s/L", "10*-6"),
]
BAD = ["mg / dL", "tbl", "whatever", "units", "MCG/ML", "{score", "mg/(dL", "cells/mcL", "10*9 /L", "", "millimeter"]


@pytest.mark.parametrize("code", GOOD)
def test_a_unit(definitions: Definitions, code: str) -> None:
    """A UCUM code with prefixes, annotations or exponents is accepted."""
    assert unit_problem(definitions, code) is None


@pytest.mark.parametrize("code", BAD)
def test_no_unit(definitions: Definitions, code: str) -> None:
    """Common laboratory spellings that are not UCUM are rejected."""
    assert unit_problem(definitions, code)


@pytest.mark.parametrize(("system", "expected"), [(UCUM, ["unit"]), ("http://x.org/units", [])])
def test_only_ucum_is_looked_at(system: str, expected: list[str]) -> None:
    """An unknown UCUM code is a warning; codes of other unit systems are not checked."""
    resource = observation(valueQuantity={"value": 1, "unit": "x", "system": system, "code": "tbl"})
    assert rules(resource, severity="warning") == expected
    assert rules(resource) == []
