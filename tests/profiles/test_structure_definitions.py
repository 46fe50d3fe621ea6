"""Validation of profiles against their base."""

from __future__ import annotations

from typing import Any

import pytest

from tests.profiles.resources import HL7, OURS, Json, element, profile, rules

BASE = profile("Extension", element("Extension.url", fixedUri=OURS + "base"), name="base") | {"context": []}


def by(path: str) -> Json:
    """A slicing."""
    return {"slicing": {"discriminator": [{"type": "value", "path": path}], "rules": "open"}}


FITTING = [
    element("Observation.value[x]", min=1),
    element("Observation.valueQuantity.unit", min=1),
    element("Observation.component:own.code.coding.system", min=1),
    element("Observation.subject.identifier.type", max="0"),
]
CASES: dict[str, tuple[str, list[Json], list[str]]] = {
    "elements of the base": ("Observation", FITTING, []),
    "another element": ("Observation", [element("Observation.values", min=1)], ["differential"]),
    "another element below a type": ("Observation", [element("Observation.subject.name", min=1)], ["differential"]),
    "another path than its id": (
        "Observation",
        [element("Observation.value[x]", path="Observation.valueBla")],
        ["differential"],
    ),
    "below a choice of several types": ("Observation", [element("Observation.value[x].unit", min=1)], []),
    "another fixed value": ("base", [element("Extension.url", fixedUri=OURS + "derived")], ["differential"]),
    "the same fixed value": ("base", [element("Extension.url", fixedUri=OURS + "base")], []),
    "a profile of its type": (
        "Observation",
        [element("Observation.value[x]", type=[{"code": "Quantity", "profile": [HL7 + "SimpleQuantity"]}])],
        [],
    ),
    "a profile of another type": (
        "Observation",
        [element("Observation.value[x]", type=[{"code": "Quantity", "profile": [HL7 + "Count"]}])],
        ["differential"],
    ),
    "sliced by what it has": ("Observation", [element("Observation.identifier", **by("type.coding"))], []),
    "sliced by what it has not": ("Observation", [element("Observation.identifier", **by("code"))], ["differential"]),
    "sliced by a target": ("Observation", [element("Observation.performer", **by("resolve().code"))], []),
    "of a base that is not at hand": ("http://x.org/y", [element("Observation.values", min=1)], []),
}


@pytest.mark.parametrize(("base", "elements", "expected"), CASES.values(), ids=CASES.keys())
def test_a_differential_fits_its_base(base: str, elements: list[Json], expected: list[str]) -> None:
    """A profile may change only elements that its base has, and not what the base fixes."""
    kind = "Extension" if base == "base" else "Observation"
    url = {"Observation": HL7 + "Observation", "base": OURS + "base"}.get(base, base)
    made: dict[str, Any] = profile(kind, *elements, name="checked", baseDefinition=url)
    made |= {"name": "Checked", "status": "draft", "kind": "complex-type" if kind == "Extension" else "resource"}
    made |= {"context": [{"type": "element", "expression": "Patient"}]} if kind == "Extension" else {}
    assert rules(made, BASE) == expected
