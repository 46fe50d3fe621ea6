"""Constraints: every error constraint of R4, checked with a value that satisfies it and one that violates it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cds_service.profiles.constraints import NotEvaluable, is_met, is_true
from cds_service.profiles.definitions import Definitions, core_resources
from cds_service.profiles.elements import Constraint, Element
from cds_service.profiles.validation_run import Node, Scope, ValidationRun
from cds_service.profiles.walk import conforms

SAMPLES = [
    json.loads(line, parse_float=Decimal)
    for line in Path(__file__).with_name("invariants.jsonl").read_text("utf-8").splitlines()
]
# The expression tests only whether a comparison has a result, which is always true: nothing can violate it.
UNBREAKABLE = {"eld-11"}
# Checked by the walk itself: empty elements, and narrative.
BY_THE_WALK = {"ele-1", "txt-1", "txt-2"}


def element_at(definitions: Definitions, path: str) -> Element:
    """An element of a core definition."""
    root, *steps = path.split(".")
    element = definitions.type_tree(root)
    assert element is not None
    for step in steps:
        assert element.children is not None
        element = element.children[step.removesuffix("[x]")]
    return element


def constraint_of(definitions: Definitions, path: str, key: str) -> Constraint:
    """A constraint of the core, by element and key."""
    return next(one for one in element_at(definitions, path).constraints if one.key == key)


def place_of(path: str, value: Any) -> Node:
    """A value at a path, without its parents."""
    root, *steps = path.split(".")
    place = Node(value, root, root)
    for step in steps:
        place = Node(value, "BackboneElement", step.removesuffix("[x]"), place)
    if path in ("ElementDefinition.max", "RiskAssessment.prediction.probability[x]"):
        place.type = "string" if path.endswith("max") else "Range"
    return place


def met(definitions: Definitions, path: str, key: str, value: Any, resource: Any) -> bool:
    """Whether a value satisfies a constraint of the core."""
    run = ValidationRun(definitions, conforms)
    around = resource or value
    run.scope = Scope(around, around)
    return is_met(run, place_of(path, value), constraint_of(definitions, path, key).expression)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s[0]} {s[1]}")
def test_a_core_constraint_tells_good_from_bad(sample: list[Any], definitions: Definitions) -> None:
    """A value that satisfies a constraint of FHIR R4 passes it, one that violates it fails it."""
    path, key, good, bad, *resource = sample
    around = resource[0] if resource else None
    assert met(definitions, path, key, good, around)
    assert met(definitions, path, key, bad, around) is (key in UNBREAKABLE)


def test_every_core_constraint_has_its_samples() -> None:
    """Every error constraint of a FHIR R4 type or resource has a valid and an invalid sample."""
    sampled = {sample[1] for sample in SAMPLES}
    keys = {
        constraint["key"]
        for structure in core_resources()
        if structure["resourceType"] == "StructureDefinition" and structure.get("derivation") == "specialization"
        for element in structure["snapshot"]["element"]
        for constraint in element.get("constraint", ())
        if constraint["severity"] == "error"
    }
    assert keys - sampled - BY_THE_WALK == set()


@pytest.mark.parametrize(
    ("result", "expression", "expected"),
    [
        ([True], "a", True),
        ([False], "a", False),
        ([], "a", False),
        ([], "start <= end", True),
        (["x"], "a", True),
    ],
)
def test_what_a_result_means(result: list[Any], expression: str, expected: bool) -> None:
    """An empty result is false, except for a comparison, which dates of different precision leave undecided."""
    assert is_true(result, expression) is expected


@pytest.mark.parametrize("expression", ["noSuchFunction()", "name.where(", "%unknown.exists()"])
def test_an_expression_that_cannot_be_evaluated(expression: str, definitions: Definitions) -> None:
    """An expression that the engine can't evaluate is neither true nor false."""
    run = ValidationRun(definitions, conforms)
    with pytest.raises(NotEvaluable):
        is_met(run, Node({"name": [{"family": "x"}]}, "Patient", "Patient"), expression)


BIRTH = {"birthDate": "1974-12-25", "_birthDate": {"extension": [{"url": "http://x.org/y", "valueCode": "z"}]}}


@pytest.mark.parametrize(
    "expression",
    ["birthDate.hasValue()", "birthDate.toString() = '1974-12-25'", "birthDate.extension('http://x.org/y').exists()"],
)
def test_a_primitive_with_an_extension_is_still_one_value(expression: str, definitions: Definitions) -> None:
    """A value and its extensions are one element for a constraint."""
    patient = {"resourceType": "Patient"} | BIRTH
    run = ValidationRun(definitions, conforms)
    run.scope = Scope(patient, patient)
    assert is_met(run, Node(patient, "Patient", "Patient"), expression)
