"""UCUM unit codes."""

from __future__ import annotations

import time

import pytest

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.units import _common_units, _grammar_problem, unit_problem
from tests.profiles.resources import UCUM, element, observation, profile, rules

GOOD = [
    *("mg/dL", "10*9/L", "10*3/uL", "10^9/L", "g/L", "umol/L", "mL/min/{1.73_m2}", "mL/min/1.73.m2", "s", "1", "%"),
    *("mm[Hg]", "[IU]/L", "{INR}", "{score}", "kg/m2", "Cel", "/min", "cm", "m[IU]/mL", "ug/(kg.min)", "a", "mo", "wk"),
    *(
        "mg/dl",
        "daPa",
        "GBq",
        "[tbs_us]",
        "m/s2",
        "kPa.s/L",
        "10*-6",
        "u[IU]/mL",
        "kCel",
        "cm[H2O]",
        "''",
        "g/(8.h){shift}",
    ),
]
BAD = {
    **dict.fromkeys(("mg / dL", "10*9 /L"), "is unknown"),
    **{
        one: f"{one} is unknown" for one in ("tbl", "whatever", "units", "millimeter", "[foo]", "kmin", "k[in_i]", "IU")
    },
    "cells/mcL": "cells is unknown",
    "g/mcL": "mcL is unknown",
    **dict.fromkeys(("mg/(dL", "", "dL."), "incomplete"),
    **dict.fromkeys(("{score", "mg/{a b}"), "is unknown"),
    ".".join(["kg"] * 60): "too long",
}


@pytest.mark.parametrize("code", GOOD)
def test_a_unit(definitions: Definitions, code: str) -> None:
    """A UCUM code with prefixes, annotations or exponents is accepted."""
    assert unit_problem(definitions, code) is None


@pytest.mark.parametrize(("code", "why"), BAD.items())
def test_no_unit(definitions: Definitions, code: str, why: str) -> None:
    """Common laboratory spellings that are not UCUM, and units that UCUM lacks, are rejected with the part at fault."""
    assert why in str(unit_problem(definitions, code))


def test_units_that_hl7_lists_are_all_of_the_grammar(definitions: Definitions) -> None:
    """HL7's common units are of the grammar too, but for those whose annotation has a blank."""
    listed = [code for code in _common_units(definitions) if " " not in code]
    assert len(listed) > 1300
    assert [code for code in listed[::10] if _grammar_problem(code)] == []


@pytest.mark.parametrize("code", [*("(" * n + "m" + ")" * n for n in (40, 20_000)), "m" * 20_000, "{" * 20_000])
def test_a_monstrous_unit_takes_no_time(definitions: Definitions, code: str) -> None:
    """A code of any length is answered in less than a second."""
    start = time.monotonic()
    unit_problem(definitions, code)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(("code", "expected"), [("u[IU]/mL", []), ("tbl", ["binding"])])
def test_a_binding_to_all_units(code: str, expected: list[str]) -> None:
    """Where a profile requires a unit of UCUM, a code that is none is an error."""
    units = {"resourceType": "ValueSet", "url": "http://x.org/units", "compose": {"include": [{"system": UCUM}]}}
    bound = element("Observation.value[x]", binding={"strength": "required", "valueSet": "http://x.org/units"})
    resource = observation(valueQuantity={"value": 1, "unit": "x", "system": UCUM, "code": code})
    assert rules(resource, profile("Observation", bound), units) == expected


@pytest.mark.parametrize(("system", "expected"), [(UCUM, ["unit"]), ("http://x.org/units", [])])
def test_only_ucum_is_looked_at(system: str, expected: list[str]) -> None:
    """An unknown UCUM code is a warning; codes of other unit systems are not checked."""
    resource = observation(valueQuantity={"value": 1, "unit": "x", "system": system, "code": "tbl"})
    assert rules(resource, severity="warning") == expected
    assert rules(resource) == []
