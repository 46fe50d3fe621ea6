"""The base walk: valid R4 passes; violations are reported with their path and rule."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.profiles.validate import validate
from tests.profiles.resources import (
    GOOD,
    Json,
    bundle,
    coded,
    found,
    medication_request,
    observation,
    order,
    patient,
    rules,
)

ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}


@pytest.mark.parametrize("resource", GOOD.values(), ids=GOOD.keys())
def test_a_good_resource_has_no_error(resource: Json) -> None:
    """A typical resource from an EHR is valid."""
    assert rules(resource) == []


OF_R5 = {"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Patient.gender", "valueCode": "x"}
ALLOWED = {
    "a choice that only says why it is missing": observation()
    | {"_effectiveDateTime": ABSENT, "effectiveDateTime": None},
    "a year alone as a date": patient(birthDate="1974"),
    "year and month": patient(birthDate="1974-12"),
    "a required binding without a value in an array": patient(name=[{"given": ["A", None], "_given": [None, ABSENT]}]),
    "a local code beside a known one": observation(
        category=[
            {
                "coding": [
                    *coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")["coding"],
                    {"system": "http://local.example.org", "code": "L"},
                ]
            }
        ]
    ),
    "a code of an extensible binding as text": observation(category=[{"text": "lab"}]),
    "an unknown extension": patient(extension=[{"url": "http://elsewhere.example.org/x", "valueString": "y"}]),
    "a whole number for a decimal": observation(valueQuantity={"value": 40, "unit": "x"}),
    "an absolute reference": observation(subject={"reference": "http://ehr.example.org/fhir/Patient/1"}),
    "a reference by identifier only": observation(subject={"identifier": {"value": "1"}, "type": "Patient"}),
    "a profile that is not at hand": observation(meta={"profile": ["http://elsewhere.example.org/p"]}),
    "parameters of nothing": {"resourceType": "Parameters"},
    "a leap day": patient(birthDate="2020-02-29"),
    "a code of another release in place of one that R4 lacks": patient(_gender={"extension": [OF_R5]}, gender=None),
}
ALLOWED["a choice that only says why it is missing"].pop("effectiveDateTime")
ALLOWED["a code of another release in place of one that R4 lacks"].pop("gender")


@pytest.mark.parametrize("resource", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_r4_allows(resource: Json) -> None:
    """What FHIR R4 allows is not rejected."""
    assert rules(resource) == []


FORBIDDEN: dict[str, tuple[Any, str]] = {
    "no resource type": ({"id": "1"}, "resource-type"),
    "a resource type of no release": ({"resourceType": "Patientt"}, "resource-type"),
    "a resource type of R5": ({"resourceType": "ActorDefinition"}, "resource-type"),
    "an abstract resource type": ({"resourceType": "DomainResource"}, "resource-type"),
    "an array": ([], "resource-type"),
    "a text": ("Patient", "resource-type"),
    "null": (None, "resource-type"),
    "an unknown property": (patient(surname="x"), "unknown-element"),
    "a property of JSON tools": (patient(fhir_comments=["x"]), "unknown-element"),
    "a choice without its type": (observation(value="x"), "unknown-element"),
    "two values of a choice": (observation(valueString="x"), "choice"),
    "a status of no value set": (observation(status="bogus"), "binding"),
    "a status of the wrong case": (observation(status="Final"), "binding"),
    "a coded status of another system": (
        GOOD["condition"] | {"clinicalStatus": coded("http://x.org", "active")},
        "binding",
    ),
    "a required concept as text only": (GOOD["condition"] | {"clinicalStatus": {"text": "active"}}, "binding"),
    "a required code that is only excused": (
        {name: value for name, value in order().items() if name != "status"} | {"_status": ABSENT},
        "binding",
    ),
    "an empty text": (patient(gender=""), "primitive"),
    "an empty object": (patient(maritalStatus={}), "json-type"),
    "an empty array": (patient(name=[]), "empty"),
    "null for a value": (patient(gender=None), "null"),
    "null in an array of objects": (patient(name=[None]), "null"),
    "a number as text": (observation(valueQuantity={"value": "1.1"}), "primitive"),
    "a boolean as text": (patient(active="true"), "primitive"),
    "a text as number": (patient(gender=1), "primitive"),
    "a fraction for a whole number": (patient(telecom=[{"system": "phone", "value": "1", "rank": 1.5}]), "primitive"),
    "rank 0": (patient(telecom=[{"system": "phone", "value": "1", "rank": 0}]), "primitive"),
    "month 13": (patient(birthDate="1974-13-01"), "primitive"),
    "30 February": (patient(birthDate="1974-02-30"), "primitive"),
    "29 February of no leap year": (patient(birthDate="1975-02-29"), "primitive"),
    "a time without a zone": (observation(effectiveDateTime="2020-01-01T10:00:00"), "primitive"),
    "an instant without a time": (observation(issued="2020-01-01"), "primitive"),
    "one value where an array belongs": (patient(name={"family": "x"}), "json-array"),
    "an array where one value belongs": (patient(gender=["male"]), "json-array"),
    "an object where a text belongs": (patient(gender={"code": "male"}), "primitive"),
    "a text where an object belongs": (observation(code="777-3"), "json-type"),
    "an element with an id only": (patient(maritalStatus={"id": "1"}), "ele-1"),
    "an excuse without content": (patient(_gender={"id": "1"}) | {"gender": None}, "null"),
    "extensions of unequal length": (patient(name=[{"given": ["A"], "_given": [None, ABSENT]}]), "json-array"),
    "extensions of an object": (patient(_name=[ABSENT]), "unknown-element"),
    "an id with a blank": (patient(id="a b"), "primitive"),
    "an id that is too long": (patient(id="x" * 65), "primitive"),
    "a missing required element": ({"resourceType": "Observation", "status": "final"}, "cardinality"),
    "two elements with one id": (patient(name=[{"id": "1", "family": "a"}, {"id": "1", "family": "b"}]), "element-id"),
    "a system that is not absolute": (observation(code=coded("loinc", "1")), "coding-system"),
    "a code that its system has not": (
        observation(code=coded("http://hl7.org/fhir/observation-status", "over")),
        "coding-code",
    ),
    "a value set as system": (
        observation(code=coded("http://hl7.org/fhir/ValueSet/observation-codes", "1")),
        "coding-system",
    ),
    "a page as system": (observation(code=coded("http://hl7.org/fhir/R4/codesystem-x.html", "1")), "coding-system"),
    "a type of reference that is none": (observation(subject={"type": "Nobody", "display": "x"}), "reference-type"),
    "a language that is none": (patient(language="deutsch lang"), "binding"),
    "an identifier's system that is not absolute": (
        patient(identifier=[{"system": "mrn", "value": "1"}]),
        "identifier-system",
    ),
    "an attachment of another size": (
        patient(photo=[{"contentType": "image/png", "data": "QUJD", "size": 7}]),
        "attachment-size",
    ),
    "an attachment with the hash of another": (
        patient(photo=[{"contentType": "image/png", "data": "QUJD", "hash": "LEZwlbCg5nvlH2vQD4DLIRiEbdw="}]),
        "attachment-hash",
    ),
    "data that are not base64": (patient(photo=[{"contentType": "image/png", "data": "%%%"}]), "primitive"),
    "a security label twice": (
        patient(meta={"security": [{"system": "http://x.org", "code": "1"}] * 2}),
        "meta-duplicate",
    ),
    "a wrong resource inside": (bundle(patient(gender="bogus")), "binding"),
    "no resource inside": (bundle() | {"entry": [{"resource": {"id": "1"}}]}, "resource-type"),
    "a broken contained resource": (
        medication_request(contained=[{"resourceType": "Medication", "id": "med", "x": 1}]),
        "unknown-element",
    ),
}


@pytest.mark.parametrize(("resource", "rule"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_r4_forbids(resource: Any, rule: str) -> None:
    """What FHIR R4 forbids is an error, named by its rule."""
    assert rule in rules(resource)


@pytest.mark.parametrize(
    ("resource", "expression"),
    [
        (patient(name=[{"family": "a"}, {"given": ["b", ""]}]), "Patient.name[1].given[1]"),
        (observation(valueQuantity={"value": "x"}), "Observation.value.ofType(Quantity).value"),
        (bundle(patient(gender="bogus")), "Bundle.entry[0].resource.gender"),
        (patient(_birthDate={"extension": [{"url": "x y"}]}), "Patient.birthDate.extension[0].url"),
    ],
)
def test_where_it_stands(resource: Json, expression: str) -> None:
    """An issue has its location as FHIRPath from the root."""
    assert expression in [issue.expression for issue in validate(resource) if issue.is_error]


def test_white_space_alone_is_doubtful() -> None:
    """A string of only white space is a warning, because the specification says SHOULD."""
    assert rules(patient(name=[{"family": "  "}]), severity="warning") == ["white-space"]


@pytest.mark.parametrize(
    ("system", "now"),
    [
        ("http://hl7.org/fhir/v2/0203", "v2-0203"),
        ("http://hl7.org/fhir/v3/ActCode", "v3-ActCode"),
        ("http://hl7.org/fhir/observation-category", "observation-category"),
    ],
)
def test_a_code_system_of_stu3_is_doubtful(system: str, now: str) -> None:
    """The STU3 name of an HL7 code system is a warning with its new name, because real records have it."""
    issues = found(observation(code=coded(system, "MR")))
    assert [(one.severity, one.rule) for one in issues if one.severity != "information"] == [
        ("warning", "coding-system")
    ]
    assert issues[0].message.endswith(f"write http://terminology.hl7.org/CodeSystem/{now}")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (patient(identifier=[{"system": "urn:ietf:rfc:3986", "value": "1.2.3"}]), ["identifier-value"]),
        (patient(identifier=[{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}]), []),
        (patient(extension=[{"url": "http://x.org/a", "valueCanonical": "Questionnaire/a"}]), ["canonical"]),
        (patient(extension=[{"url": "http://x.org/a", "valueCanonical": "http://x.org/Questionnaire/a|1"}]), []),
    ],
)
def test_what_should_be_absolute(resource: Json, expected: list[str]) -> None:
    """A canonical, and the value of an identifier that says so, is a whole URI; a warning, as HL7's examples differ."""
    assert rules(resource) == []
    assert rules(resource, severity="warning") == expected


def test_narrative_is_only_recommended() -> None:
    """A resource without narrative is valid, with a warning."""
    assert rules(order(), severity="warning") == ["dom-6"]


def test_a_resource_nested_in_itself_ends() -> None:
    """Endlessly nested data are reported without a crash."""
    item: Json = {"linkId": "1", "type": "group"}
    for number in range(400):
        item = {"linkId": f"x{number}", "type": "group", "item": [item]}
    questionnaire = {"resourceType": "Questionnaire", "status": "draft", "item": [item]}
    assert [issue.rule for issue in validate(questionnaire) if issue.is_error] in ([], ["json"])


def test_the_gravest_comes_first() -> None:
    """Errors come before warnings, and each issue is reported once."""
    severities = [issue.severity for issue in validate(order(status="bogus"))]
    assert severities == sorted(severities, key=["fatal", "error", "warning", "information"].index)
