"""Constraints: every error constraint of R4, checked with a value that satisfies it and one that violates it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cds_service.profiles.constraints import is_met, is_true
from cds_service.profiles.definitions import Definitions, core_resources
from cds_service.profiles.elements import Constraint, Element
from cds_service.profiles.validation_run import Node, NotEvaluable, Scope, ValidationRun
from cds_service.profiles.walk import conforms
from tests.profiles.resources import LOINC, Json, bundle, coded, element, found, observation, patient, profile, rules

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


def test_the_core_constraints_tell_good_from_bad(definitions: Definitions) -> None:
    """A value that satisfies a constraint of FHIR R4 passes it, one that violates it fails it."""
    wrong = []
    for path, key, good, bad, *resource in SAMPLES:
        around = resource[0] if resource else None
        told = (met(definitions, path, key, good, around), met(definitions, path, key, bad, around))
        if told != (True, key in UNBREAKABLE):
            wrong.append((path, key, told))
    assert wrong == []


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


TRUE_OF_A_NAME = [
    "%context.family = 'Chalmers'",
    "%context.type().name = 'HumanName'",
    "%resource.type().name = 'Patient'",
    "(family as String) = 'Chalmers'",
    "family is String",
    "family is string",
    "family.toString() is String",
    "'x' is String and 1 is Integer and true is Boolean",
    "%resource.active is Boolean and %resource.active is boolean",
    "(%resource.birthDate as Date) = @1974-12-25",
    "family != 'x as String'",
    "family.is(String) and family.as(String) = 'Chalmers'",
    "family.matches('hal') and family.matches('^C.*s$')",
    "family.matchesFull('Chal.*')",
    "%loinc = 'http://loinc.org' and %sct = 'http://snomed.info/sct'",
    "%`vs-administrative-gender` = 'http://hl7.org/fhir/ValueSet/administrative-gender'",
    "%\"ext-data-absent-reason\" = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason'",
]


@pytest.mark.parametrize("expression", TRUE_OF_A_NAME)
def test_types_and_the_context_of_an_expression(expression: str) -> None:
    """A FHIR string is also a FHIRPath String; %context is the value that the constraint is on."""
    assert rules(patient(), constrained("Patient.name", expression)) == []
    assert rules(patient(), constrained("Patient.name", f"({expression}).not()")) == ["own-1"]


def constrained(path: str, expression: str) -> Json:
    """A profile with one constraint."""
    constraint = {"key": "own-1", "severity": "error", "human": "x", "expression": expression}
    return profile(path.partition(".")[0], element(path, constraint=[constraint]))


def test_a_constraint_on_what_is_elsewhere_is_not_checked() -> None:
    """A reference to a resource that was not sent leaves a constraint open; one within the resource does not."""
    asked = constrained("Observation.subject", "resolve() is Patient")
    [issue] = [one for one in found(observation(), asked) if one.rule == "own-1"]
    assert (issue.severity, "Patient/p1 is not at hand" in issue.message) == ("information", True)
    inside = observation(contained=[{"resourceType": "Group", "id": "g"}], subject={"reference": "#g"})
    assert "own-1" in rules(inside, asked)


TRUE_OF_PRIMITIVES = [
    "name.given[1].extension('http://x.org/y').exists()",
    "name.given.first().extension.empty()",
    "name.given.where(hasValue() and extension('http://x.org/y').exists()) = 'b'",
    "name.given.extension.value.count() = 2",
    "(name.given[1].extension('http://x.org/y').value as String) = 'n'",
    "name.given.where(hasValue()).count() = 2",
    "birthDate.extension('http://x.org/y').value = 'n'",
]


@pytest.mark.parametrize("expression", TRUE_OF_PRIMITIVES)
def test_a_primitive_and_its_extensions_are_one(expression: str) -> None:
    """A primitive is found with its extensions, also one of several; one without a value has them only."""
    added = {"extension": [{"url": "http://x.org/y", "valueString": "n"}]}
    resource = patient(name=[{"given": ["a", "b", None], "_given": [None, added, added]}], _birthDate=added)
    assert rules(resource, constrained("Patient", expression)) == []
    assert rules(resource, constrained("Patient", f"({expression}).not()")) == ["own-1"]


def test_a_constraint_of_a_bundle_finds_what_an_entry_contains() -> None:
    """`#x` in an entry is resolved in that entry, also by a constraint of the Bundle."""
    contained = [{"resourceType": "Device", "id": "d"}]
    entries = [observation(id=f"o{n}", contained=contained, device={"reference": "#d"}) for n in (1, 2)]
    asked = constrained("Bundle", "entry.resource.ofType(Observation).all(device.resolve() is Device)")
    assert rules(bundle(*entries), asked) == []
    del entries[1]["contained"]
    assert "own-1" in rules(bundle(*entries), asked)


def test_a_constraint_in_a_contained_resource() -> None:
    """%resource is the contained resource there, and %rootResource the one that contains it."""
    expression = "%resource.type().name = 'Organization' and %rootResource.type().name = 'Patient'"
    constraint = {"key": "own-1", "severity": "error", "human": "x", "expression": expression}
    inside = profile(
        "Patient",
        element("Patient.contained", type=[{"code": "Organization"}]),
        element("Patient.contained.name", constraint=[constraint]),
    )
    organization = {"resourceType": "Organization", "id": "o", "name": "x"}
    assert rules(patient(contained=[organization], managingOrganization={"reference": "#o"}), inside) == []


def test_an_unreadable_expression_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The engine's complaint about an expression would be in the middle of the output."""
    assert rules(patient(), constrained("Patient.name", 'family = "x"'), severity="information") == ["own-1"]
    assert capsys.readouterr() == ("", "")


LISTED = {
    "resourceType": "ValueSet",
    "url": "http://x.org/vs",
    "compose": {"include": [{"system": LOINC, "concept": [{"code": "777-3"}]}]},
}


@pytest.mark.parametrize(
    ("path", "expression"),
    [
        ("Observation", "code.memberOf('http://x.org/vs')"),
        ("Observation", "code.coding.memberOf('http://x.org/vs')"),
        ("Observation.code", "$this.memberOf('http://x.org/vs')"),
        ("Observation.code", "memberOf('http://x.org/vs')"),
        ("Observation.code.coding", "$this.memberOf('http://x.org/vs')"),
        ("Observation.code.coding.code", "$this.memberOf('http://x.org/vs')"),
    ],
)
def test_member_of(path: str, expression: str) -> None:
    """memberOf works on a code, a Coding and a CodeableConcept, also as $this."""
    assert rules(observation(), constrained(path, expression), LISTED) == []
    assert rules(observation(code=coded(LOINC, "1-8")), constrained(path, expression), LISTED) == ["own-1"]


PERIODS = {
    ("2020-01-02", "2020-01-02"): [],
    ("2020-01-02", "2020-01-01"): ["error"],
    ("2021", "2020-12-31"): ["error"],
    ("2020-02", "2020-01-31T10:00:00Z"): ["error"],
    ("2020-01-15", "2020"): ["warning"],
    ("2020", "2020-01-15"): ["warning"],
    ("2012-02-03T10:00:00Z", "2012-02-03"): ["warning"],
    ("2020-01-02T10:00:00Z", "2020-01-02T10:30:00+01:00"): ["error"],
    ("2020-01-02T10:00:00+01:00", "2020-01-02T09:00:00Z"): [],
    ("2020-01-02T23:59:60Z", "2020-01-02T10:00:00Z"): ["error"],
    ("2020-01-02T10:00:00.123456789Z", "2020-01-02T10:00:00.2Z"): [],
}


@pytest.mark.parametrize(("period", "expected"), PERIODS.items())
def test_periods_of_any_precision(period: tuple[str, str], expected: list[str]) -> None:
    """A start after the end is an error, in any precision; where they overlap in different precision it is said."""
    issues = found(patient(name=[{"family": "x", "period": dict(zip(("start", "end"), period, strict=True))}]))
    assert [issue.severity for issue in issues if issue.rule == "per-1"] == expected


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
