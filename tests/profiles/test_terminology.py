"""Value set membership: yes, no, or unknown."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.terminology import value_set_contains
from tests.profiles.resources import (
    HL7,
    OURS,
    Json,
    coded,
    element,
    found,
    observation,
    patient,
    profile,
    rules,
    with_core,
)

SYSTEM, FAR = "http://x.org/cs", "http://x.org/far"
ICD = "http://hl7.org/fhir/sid/icd-10"


def value_set(name: str, *include: Json, exclude: tuple[Json, ...] = (), **more: Any) -> Json:
    """A ValueSet."""
    compose = {"include": list(include)} | ({"exclude": list(exclude)} if exclude else {})
    return {"resourceType": "ValueSet", "url": f"http://x.org/vs/{name}", "compose": compose, **more}


def where(op: str, value: str, name: str = "concept") -> list[Json]:
    """A filter."""
    return [{"property": name, "op": op, "value": value}]


CODES = {
    "resourceType": "CodeSystem",
    "url": SYSTEM,
    "content": "complete",
    "concept": [
        {"code": "a", "concept": [{"code": "a1", "concept": [{"code": "a11"}]}, {"code": "a2"}]},
        {"code": "b", "property": [{"code": "parent", "valueCode": "a"}]},
        {"code": "c"},
    ],
}
EXPANDED = {"total": 1, "contains": [{"system": FAR, "code": "f1"}]}
SETS = [
    value_set("all", {"system": SYSTEM}),
    value_set("listed", {"system": SYSTEM, "concept": [{"code": "c"}]}, {"system": FAR, "concept": [{"code": "f1"}]}),
    value_set("below", {"system": SYSTEM, "filter": where("is-a", "a")}),
    value_set("only-below", {"system": SYSTEM, "filter": where("descendent-of", "a")}),
    value_set("not-below", {"system": SYSTEM, "filter": where("is-not-a", "a")}),
    value_set("pattern", {"system": SYSTEM, "filter": where("regex", "a1.*", "code")}),
    value_set("imported", {"valueSet": ["http://x.org/vs/below", "http://x.org/vs/pattern"]}),
    value_set("without", {"system": SYSTEM}, exclude=({"system": SYSTEM, "concept": [{"code": "c"}]},)),
    value_set("far", {"system": FAR}),
    value_set("far-expanded", {"system": FAR}, expansion=EXPANDED),
    value_set("far-below", {"system": FAR, "filter": where("is-a", "x")}),
    value_set("icd", {"system": ICD, "filter": where("is-a", "I80")}),
    value_set("odd", {"system": SYSTEM, "filter": where("exists", "true", "x")}),
    value_set("itself", {"valueSet": ["http://x.org/vs/itself"]}),
]
ANSWERS = [
    *[("all", SYSTEM, code, code in ("a", "a11", "b")) for code in ("a", "a11", "b", "z")],
    ("all", FAR, "a", False),
    ("all", None, "a", True),
    ("listed", SYSTEM, "c", True),
    ("listed", SYSTEM, "a", False),
    ("listed", FAR, "f1", True),
    *[("below", SYSTEM, code, code != "c") for code in ("a", "a1", "a11", "b", "c")],
    ("only-below", SYSTEM, "a", False),
    ("only-below", SYSTEM, "b", True),
    ("not-below", SYSTEM, "c", True),
    ("not-below", SYSTEM, "a1", False),
    ("pattern", SYSTEM, "a11", True),
    ("pattern", SYSTEM, "b", False),
    ("imported", SYSTEM, "a1", True),
    ("imported", SYSTEM, "b", False),
    ("without", SYSTEM, "a", True),
    ("without", SYSTEM, "c", False),
    ("far", FAR, "f1", None),
    ("far", SYSTEM, "a", False),
    ("far-expanded", FAR, "f1", True),
    ("far-expanded", FAR, "f2", False),
    ("far-below", FAR, "f1", None),
    ("icd", ICD, "I80.2", True),
    ("icd", ICD, "I81", False),
    ("odd", SYSTEM, "a", None),
    ("itself", SYSTEM, "a", None),
    ("nowhere", SYSTEM, "a", None),
]


@pytest.fixture(scope="module")
def known() -> Definitions:
    """The R4 core and the value sets above."""
    return with_core(CODES, *SETS)


@pytest.mark.parametrize(("name", "system", "code", "expected"), ANSWERS)
def test_membership(known: Definitions, name: str, system: str | None, code: str, expected: bool | None) -> None:
    """A code is in a value set, is not, or that is unknown with the available definitions."""
    assert value_set_contains(known, f"http://x.org/vs/{name}", system, code) is expected


@pytest.mark.parametrize(
    ("url", "system", "code", "expected"),
    [
        ("http://hl7.org/fhir/ValueSet/mimetypes", None, "text/plain; charset=utf-8", True),
        ("http://hl7.org/fhir/ValueSet/mimetypes", None, "plain text", False),
        ("http://hl7.org/fhir/ValueSet/all-languages", "urn:ietf:bcp:47", "de-CH", True),
        ("http://hl7.org/fhir/ValueSet/all-languages", "urn:ietf:bcp:47", "de_CH", False),
        ("http://hl7.org/fhir/ValueSet/currencies", None, "EUR", True),
        ("http://hl7.org/fhir/ValueSet/currencies", None, "euro", False),
        ("http://snomed.info/sct?fhir_vs", "http://snomed.info/sct", "1", None),
        ("http://snomed.info/sct?fhir_vs", "http://loinc.org", "1", False),
    ],
)
def test_codes_that_follow_a_grammar(
    definitions: Definitions, url: str, system: str | None, code: str, expected: bool | None
) -> None:
    """Media types, languages and currencies are checked by their grammar; `?fhir_vs` means a whole system."""
    assert value_set_contains(definitions, url, system, code) is expected


BINDINGS = [
    ("required", "all", coded(SYSTEM, "a"), "error", []),
    ("required", "all", coded(SYSTEM, "z"), "error", ["binding"]),
    ("required", "all", {"text": "x"}, "error", ["binding"]),
    ("required", "all", {"coding": [{"code": "a"}]}, "error", ["binding"]),
    ("required", "far", coded(FAR, "f1"), "error", []),
    ("required", "far", coded(FAR, "f1"), "information", ["binding-unknown"]),
    ("extensible", "all", coded(SYSTEM, "z"), "error", []),
    ("extensible", "all", coded(FAR, "z"), "warning", ["binding"]),
    ("preferred", "all", coded(FAR, "z"), "warning", []),
    ("preferred", "all", coded(SYSTEM, "z"), "warning", ["coding-code"]),
]


@pytest.mark.parametrize(("strength", "name", "code", "severity", "expected"), BINDINGS)
def test_bindings(strength: str, name: str, code: Json, severity: str, expected: list[str]) -> None:
    """A code outside a required value set is an error, outside an extensible one a warning, unknown is information."""
    asked = profile(
        "Observation",
        element("Observation.code", binding={"strength": strength, "valueSet": f"http://x.org/vs/{name}"}),
    )
    assert rules(observation(code=code), asked, CODES, *SETS, severity=severity) == expected


ALL = "http://x.org/vs/all"
ADDITIONAL = "http://hl7.org/fhir/tools/StructureDefinition/additional-binding"


def additional(purpose: str, *more: Json) -> Json:
    """An additional binding to all codes."""
    return {
        "url": ADDITIONAL,
        "extension": [{"url": "purpose", "valueCode": purpose}, {"url": "valueSet", "valueCanonical": ALL}, *more],
    }


@pytest.mark.parametrize(
    ("further", "expected"),
    [
        ({"url": HL7 + "elementdefinition-maxValueSet", "valueCanonical": ALL}, ["error"]),
        (additional("required"), ["error"]),
        (additional("extensible"), ["warning"]),
        (additional("candidate"), []),
        (additional("required", {"url": "usage", "valueUsageContext": {}}), []),
    ],
)
def test_further_bindings(further: Json, expected: list[str]) -> None:
    """maxValueSet and additional bindings hold beside the binding itself, unless they are for a usage only."""
    binding = {"strength": "preferred", "valueSet": "http://x.org/vs/listed", "extension": [further]}
    asked = profile("Observation", element("Observation.code", binding=binding))
    assert rules(observation(code=coded(SYSTEM, "a")), asked, CODES, *SETS) == []
    issues = found(observation(code=coded(SYSTEM, "z")), asked, CODES, *SETS)
    assert [one.severity for one in issues if one.rule == "binding"] == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"content": "complete"}, ["supplement"]),
        ({"concept": [{"code": "a11"}, {"code": "z"}]}, ["supplement"]),
        ({"supplements": FAR, "concept": [{"code": "z"}]}, []),
    ],
)
def test_a_supplement_adds_to_codes_that_are_there(more: Json, expected: list[str]) -> None:
    """A supplement must have the content `supplement` and may not define new codes."""
    supplement = {"resourceType": "CodeSystem", "status": "active", "content": "supplement", "supplements": SYSTEM}
    assert rules(supplement | more, CODES) == expected


@pytest.mark.parametrize("content", ["supplement", "complete"])
def test_a_supplement_is_no_system_of_a_coding(content: str) -> None:
    """A Coding must use the supplemented system, not the supplement, whatever content that claims."""
    supplement = CODES | {"url": "http://x.org/more", "supplements": SYSTEM, "content": content}
    assert rules(observation(code=coded("http://x.org/more", "a")), supplement) == ["coding-system"]


@pytest.mark.parametrize(("content", "expected"), [("not-present", ["code-system-content"]), ("fragment", [])])
def test_a_code_system_without_content_has_no_concepts(content: str, expected: list[str]) -> None:
    """Content not-present means that none of the concepts are there."""
    system = {"resourceType": "CodeSystem", "status": "active", "content": content, "concept": [{"code": "a"}]}
    assert rules(system) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{SYSTEM}#a", []),
        (f"{SYSTEM}|1.0#a", []),
        (f"{SYSTEM}|a", []),
        (f"{FAR}#x", []),
        (f"{SYSTEM}#z", ["value-set-filter"]),
        ("a", ["value-set-filter"]),
    ],
)
def test_a_filter_by_a_coding(value: str, expected: list[str]) -> None:
    """A property of type Coding is filtered by system#code, whose code exists if the system is known."""
    system = CODES | {"url": "http://x.org/with", "property": [{"code": "of", "type": "Coding"}]}
    include = {"system": "http://x.org/with", "filter": where("=", value, "of")}
    resource = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [include]}}
    assert rules(resource, CODES, system) == expected


def test_a_binding_is_of_the_coded_types_of_a_choice() -> None:
    """Of value[x] with a binding, a boolean is as it is, and a code must be in the value set."""
    value = element("Extension.value[x]", type=[{"code": "boolean"}, {"code": "code"}])
    bound = value | {"binding": {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/observation-status"}}
    known = profile("Extension", bound, name="own") | {"context": [{"type": "element", "expression": "Patient"}]}
    for given, expected in (
        ({"valueBoolean": True}, []),
        ({"valueCode": "final"}, []),
        ({"valueCode": "x"}, ["binding"]),
    ):
        assert rules(patient(extension=[{"url": OURS + "own", **given}]), known) == expected


BOOLEAN = {"code": "leaf", "type": "boolean"}


@pytest.mark.parametrize(
    ("defined", "used", "expected"),
    [
        ([BOOLEAN], {"code": "leaf", "valueBoolean": True}, []),
        ([BOOLEAN], {"code": "leaf", "valueString": "true"}, ["code-system-property"]),
        ([BOOLEAN, BOOLEAN], {"code": "leaf", "valueBoolean": True}, []),
        ([BOOLEAN], {"code": "notSelectable", "valueBoolean": True}, []),
        ([], {"code": "leaf", "valueString": "x"}, []),
    ],
)
def test_a_property_has_the_type_that_the_code_system_defines(
    defined: list[Json], used: Json, expected: list[str]
) -> None:
    """A property is used with its type, in nested concepts too; HL7's own use undefined ones, and define one twice."""
    nested = {"code": "a", "concept": [{"code": "b", "property": [used]}]}
    system = {"resourceType": "CodeSystem", "status": "active", "content": "complete", "concept": [nested]}
    assert rules(system | ({"property": defined} if defined else {})) == expected


@pytest.mark.parametrize(
    ("included", "expected"),
    [
        ({"system": "http://x.org/cs"}, []),
        ({"system": "urn:oid:1.2.3"}, []),
        ({"system": "#contained"}, ["value-set-system"]),
        ({"system": "cs/one"}, ["value-set-system"]),
        ({"system": "http://x.org/cs", "filter": [{"property": "notSelectable", "op": "=", "value": "false"}]}, []),
        (
            {"system": "http://x.org/cs", "filter": [{"property": "inactive", "op": "=", "value": "0"}]},
            ["value-set-filter"],
        ),
    ],
)
@pytest.mark.parametrize("step", ["include", "exclude"])
def test_a_value_set_names_systems_and_values_that_can_be(step: str, included: Json, expected: list[str]) -> None:
    """The system of a value set is an absolute URI, and what is filtered by a boolean is true or false."""
    compose = {"include": [{"system": "http://x.org/other"}]} | {step: [included]}
    assert rules({"resourceType": "ValueSet", "status": "active", "compose": compose}) == expected
