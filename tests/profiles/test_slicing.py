"""Profiles: cardinality, fixed values, patterns, and slicing by every discriminator type of R4."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.profiles.resources import HL7, OURS, UCUM, Json, bundle, coded, element, observation, patient, profile, rules

MRN, NHS = "http://hospital.example.org/mrn", "http://nhs.example.org/number"


def sliced(kind: str, path: str, rule: str = "open", **more: Any) -> Json:
    """The slicing of an element."""
    return {"slicing": {"discriminator": [{"type": kind, "path": path}], "rules": rule, **more}}


def identifiers(*systems: str) -> Json:
    """A patient with identifiers from these systems."""
    return patient(identifier=[{"system": system, "value": "1"} for system in systems])


def by_system(rule: str = "open", kind: str = "value", **more: Any) -> Json:
    """A profile that requires one medical record number and allows one national number."""
    return profile(
        "Patient",
        element("Patient.identifier", min=1, **sliced(kind, "system", rule, **more)),
        element("Patient.identifier:mrn", min=1, max="1"),
        element("Patient.identifier:mrn.system", min=1, fixedUri=MRN),
        element("Patient.identifier:mrn.value", min=1, maxLength=3),
        element("Patient.identifier:nhs", max="1"),
        element("Patient.identifier:nhs.system", min=1, patternUri=NHS),
    )


BY_SYSTEM: dict[str, tuple[Json, Json, list[str]]] = {
    "the wanted one": (by_system(), identifiers(MRN), []),
    "both": (by_system(), identifiers(NHS, MRN), []),
    "others beside them": (by_system(), identifiers(MRN, "http://x", "http://y"), []),
    "the wanted one missing": (by_system(), identifiers(NHS), ["slice-cardinality"]),
    "one too many": (by_system(), identifiers(MRN, MRN), ["slice-cardinality"]),
    "none at all": (by_system(), patient(identifier=None) | {}, ["null", "cardinality", "slice-cardinality"]),
    "an other where slicing is closed": (by_system("closed"), identifiers(MRN, "http://x"), ["slice-closed"]),
    "an other before the end": (by_system("openAtEnd"), identifiers("http://x", MRN), ["slice-order"]),
    "an other at the end": (by_system("openAtEnd"), identifiers(MRN, "http://x"), []),
    "in order": (by_system(ordered=True), identifiers(MRN, NHS), []),
    "out of order": (by_system(ordered=True), identifiers(NHS, MRN), ["slice-order"]),
    "by pattern": (by_system(kind="pattern"), identifiers(NHS), ["slice-cardinality"]),
    "a slice's own rule": (by_system(), patient(identifier=[{"system": MRN, "value": "1234"}]), ["max-length"]),
}


@pytest.mark.parametrize(("asked", "resource", "expected"), BY_SYSTEM.values(), ids=BY_SYSTEM.keys())
def test_slices_told_apart_by_a_value(asked: Json, resource: Json, expected: list[str]) -> None:
    """Identifiers are assigned to slices by system; each slice has its own cardinality and rules."""
    assert rules(resource, asked) == expected


CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = profile(
    "Observation",
    element("Observation.category", **sliced("pattern", "$this")),
    element("Observation.category:lab", min=1, max="1", patternCodeableConcept=coded(CATEGORY, "laboratory")),
)
TYPED = profile(
    "Observation",
    element("Observation.value[x]", **sliced("type", "$this")),
    element("Observation.value[x]:valueQuantity", min=1, type=[{"code": "Quantity"}]),
    element("Observation.value[x]:valueQuantity.code", min=1),
)
SHORT = profile(
    "Observation", element("Observation.valueQuantity", min=1), element("Observation.valueQuantity.unit", min=1)
)
EXISTS = profile(
    "Patient",
    element("Patient.telecom", **sliced("exists", "rank", "closed")),
    element("Patient.telecom:ranked", max="1"),
    element("Patient.telecom:ranked.rank", min=1),
    element("Patient.telecom:plain", max="1"),
    element("Patient.telecom:plain.rank", max="0"),
)
PATIENTS = profile("Patient", element("Patient.birthDate", min=1), name="patient")
ENTRIES = profile(
    "Bundle",
    element("Bundle.entry", **sliced("profile", "resource", "closed")),
    element("Bundle.entry:patient", min=1, max="1"),
    element("Bundle.entry:patient.resource", min=1, type=[{"code": "Patient", "profile": [OURS + "patient"]}]),
)
BY_TYPE = profile(
    "Bundle",
    element("Bundle.entry", **sliced("type", "resource")),
    element("Bundle.entry:observation", min=1),
    element("Bundle.entry:observation.resource", min=1, type=[{"code": "Observation"}]),
)
RESOLVED = profile(
    "List",
    element("List.entry", **sliced("type", "item.resolve()")),
    element("List.entry:condition", max="1"),
    element("List.entry:condition.item", type=[{"code": "Reference", "targetProfile": [HL7 + "Condition"]}]),
)
RESLICED = profile(
    "Patient",
    element("Patient.identifier", **sliced("value", "use")),
    element("Patient.identifier:official", **sliced("value", "system")),
    element("Patient.identifier:official.use", min=1, fixedCode="official"),
    element("Patient.identifier:official/mrn", min=1),
    element("Patient.identifier:official/mrn.system", min=1, fixedUri=MRN),
)


def by_own(what: str, path: str = "system") -> Json:
    """Slices that are told apart by a value of the slice itself, not of the discriminator's element."""
    return profile(
        "Patient",
        element("Patient.identifier", **sliced("value", path)),
        element("Patient.identifier:mrn", min=1, **{what: {"system": MRN, "type": coded(CATEGORY, "x")}}),
    )


BY_OWN_CODE = profile(
    "Observation",
    element("Observation.component", **sliced("value", "code.coding.code")),
    element("Observation.component:a", min=1),
    element("Observation.component:a.code", patternCodeableConcept=coded(CATEGORY, "a")),
)
COMPONENT = {"code": coded(CATEGORY, "a"), "valueInteger": 1}
OTHER = {"code": coded(CATEGORY, "b"), "valueInteger": 1}
OF_TYPE = {"system": MRN, "type": coded(CATEGORY, "x")}
DEFAULT = profile(
    "Patient",
    element("Patient.identifier", **sliced("value", "system", "closed")),
    element("Patient.identifier:mrn.system", min=1, fixedUri=MRN),
    element("Patient.identifier:@default"),
    element("Patient.identifier:@default.assigner", min=1),
)


def a_list(*kinds: str) -> Json:
    """A List of contained resources."""
    contained = [{"resourceType": kind, "id": f"x{i}"} | _CONTENT[kind] for i, kind in enumerate(kinds)]
    entries = [{"item": {"reference": f"#x{i}"}} for i in range(len(kinds))]
    return {"resourceType": "List", "status": "current", "mode": "working", "contained": contained, "entry": entries}


_CONTENT: dict[str, Json] = {"Condition": {"subject": {"reference": "Patient/1"}}, "Patient": {"active": True}}

PHONE = {"system": "phone", "value": "1"}
WAYS: dict[str, tuple[Json, Json, list[str]]] = {
    "pattern met": (LAB, observation(), []),
    "pattern with a local code beside": (
        LAB,
        observation(category=[{"coding": [{"code": "x"}, *coded(CATEGORY, "laboratory")["coding"]]}]),
        [],
    ),
    "pattern not met": (LAB, observation(category=[coded(CATEGORY, "imaging")]), ["slice-cardinality"]),
    "type met": (TYPED, observation(), []),
    "type of another kind": (
        TYPED,
        {name: value for name, value in observation().items() if name != "valueQuantity"} | {"valueString": "x"},
        ["slice-cardinality"],
    ),
    "rule below a type": (TYPED, observation(valueQuantity={"value": 1}), ["cardinality"]),
    "type written short": (SHORT, observation(), []),
    "rule below a type written short": (SHORT, observation(valueQuantity={"value": 1}), ["cardinality"]),
    "existence": (EXISTS, patient(telecom=[PHONE, PHONE | {"rank": 1}]), []),
    "existence, too many": (EXISTS, patient(telecom=[PHONE, PHONE]), ["slice-cardinality"]),
    "profile": (ENTRIES, bundle(patient()), []),
    "profile not met": (
        ENTRIES,
        bundle({"resourceType": "Patient", "id": "p1"}),
        ["slice-cardinality", "slice-closed"],
    ),
    "type of a resource": (BY_TYPE, bundle(patient(), observation()), []),
    "type of a resource missing": (BY_TYPE, bundle(patient()), ["slice-cardinality"]),
    "type of what is referred to": (RESOLVED, a_list("Condition", "Patient"), []),
    "too many of the type referred to": (RESOLVED, a_list("Condition", "Condition"), ["slice-cardinality"]),
    "a slice of a slice": (RESLICED, patient(identifier=[{"use": "official", "system": MRN}]), []),
    "a slice of a slice missing": (
        RESLICED,
        patient(identifier=[{"use": "official", "system": NHS}]),
        ["slice-cardinality"],
    ),
    "own pattern": (by_own("patternIdentifier"), patient(identifier=[OF_TYPE | {"value": "1"}]), []),
    "own pattern missing": (by_own("patternIdentifier"), identifiers(NHS), ["slice-cardinality"]),
    "own pattern, rest of it": (by_own("patternIdentifier"), identifiers(MRN), ["pattern"]),
    "own fixed value": (by_own("fixedIdentifier"), patient(identifier=[OF_TYPE]), []),
    "own fixed value missing": (by_own("fixedIdentifier"), identifiers(NHS), ["slice-cardinality"]),
    "own pattern, deep": (by_own("patternIdentifier", "type.coding.code"), patient(identifier=[OF_TYPE]), []),
    "own pattern, deep, missing": (
        by_own("patternIdentifier", "type.coding.code"),
        identifiers(MRN),
        ["slice-cardinality"],
    ),
    "pattern between": (BY_OWN_CODE, observation(component=[COMPONENT, OTHER]), []),
    "pattern between, missing": (BY_OWN_CODE, observation(component=[OTHER]), ["slice-cardinality"]),
    "the rest without what it needs": (DEFAULT, identifiers(NHS), ["cardinality"]),
    "the rest with what it needs": (DEFAULT, patient(identifier=[{"assigner": {"display": "x"}}]), []),
}


@pytest.mark.parametrize(("asked", "resource", "expected"), WAYS.values(), ids=WAYS.keys())
def test_every_way_to_tell_slices_apart(asked: Json, resource: Json, expected: list[str]) -> None:
    """The discriminators value, pattern, exists, type and profile assign entries to slices, also through references."""
    assert rules(resource, asked, PATIENTS) == expected


def weight(value: str, unit: str) -> Json:
    """A Quantity in a UCUM unit."""
    return {"value": Decimal(value), "system": UCUM, "code": unit}


LIGHTEST = profile("Observation", element("Observation.value[x]", minValueQuantity=weight("2", "kg")))
VALUES: dict[str, tuple[Json, Json, list[str]]] = {
    "required by the profile": (profile("Patient", element("Patient.photo", min=1)), patient(), ["cardinality"]),
    "forbidden by the profile": (profile("Patient", element("Patient.contact", max="0")), patient(), ["cardinality"]),
    "fixed": (profile("Patient", element("Patient.gender", fixedCode="female")), patient(), ["fixed"]),
    "fixed, all of it": (
        profile("Observation", element("Observation.code", fixedCodeableConcept={"coding": [{"code": "777-3"}]})),
        observation(),
        ["fixed"],
    ),
    "pattern, a part of it": (
        profile("Observation", element("Observation.code", patternCodeableConcept={"coding": [{"code": "777-3"}]})),
        observation(),
        [],
    ),
    "type of a choice": (
        profile("Observation", element("Observation.value[x]", type=[{"code": "string"}])),
        observation(),
        ["choice"],
    ),
    "smallest value": (
        profile("Observation", element("Observation.valueQuantity.value", minValueDecimal=50)),
        observation(),
        ["min-value"],
    ),
    "smallest value in another unit": (LIGHTEST, observation(valueQuantity=weight("1999", "g")), ["min-value"]),
    "as much as the smallest in another unit": (LIGHTEST, observation(valueQuantity=weight("2000000", "mg")), []),
    "a unit of another kind": (LIGHTEST, observation(valueQuantity=weight("1", "m")), []),
    "largest value": (
        profile("Patient", element("Patient.birthDate", maxValueDate="1970-01-01")),
        patient(),
        ["max-value"],
    ),
    "longest text": (profile("Patient", element("Patient.name.family", maxLength=3)), patient(), ["max-length"]),
    "a regular expression": (
        profile(
            "Patient",
            element("Patient.name.family", extension=[{"url": HL7 + "regex", "valueString": "[a-z]+"}]),
        ),
        patient(),
        ["regex"],
    ),
    "a constraint of its own": (
        profile(
            "Patient",
            element(
                "Patient",
                constraint=[{"key": "own-1", "severity": "error", "human": "x", "expression": "photo.exists()"}],
            ),
        ),
        patient(),
        ["own-1"],
    ),
    "a constraint by the name of the resource": (
        profile(
            "Patient",
            element(
                "Patient",
                constraint=[{"key": "own-1", "severity": "error", "human": "x", "expression": "Patient.name.exists()"}],
            ),
        ),
        patient(),
        [],
    ),
    "a profile of another type": (profile("Observation"), patient(), ["profile-type"]),
    "another type inside": (
        profile("Bundle", element("Bundle.entry.resource", type=[{"code": "Observation"}])),
        bundle(patient()),
        ["resource-type"],
    ),
}


@pytest.mark.parametrize(("asked", "resource", "expected"), VALUES.values(), ids=VALUES.keys())
def test_what_a_profile_adds(asked: Json, resource: Json, expected: list[str]) -> None:
    """A profile narrows cardinality, values, types and adds constraints."""
    assert rules(resource, asked) == expected


def pointing(reference: str) -> Json:
    """A List with a reference to another server."""
    return {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "entry": [{"item": {"reference": reference}}],
    }


AT_LEAST_ONE = profile(
    "List",
    element("List.entry", **sliced("type", "item.resolve()")),
    element("List.entry:condition", min=1),
    element("List.entry:condition.item", type=[{"code": "Reference", "targetProfile": [HL7 + "Condition"]}]),
)
BY_PROFILE = profile(
    "List",
    element("List.entry", **sliced("profile", "item.resolve()", "closed")),
    element("List.entry:patient", min=1),
    element("List.entry:patient.item", type=[{"code": "Reference", "targetProfile": [OURS + "patient"]}]),
)


@pytest.mark.parametrize(
    ("asked", "reference", "expected"),
    [
        (AT_LEAST_ONE, "Condition/1", []),
        (AT_LEAST_ONE, "https://x.org/fhir/Condition/1", []),
        (AT_LEAST_ONE, "Patient/1", ["slice-cardinality"]),
        (AT_LEAST_ONE, "https://x.org/7", []),
        (BY_PROFILE, "Patient/1", []),
    ],
)
def test_what_is_out_of_reach_fails_no_slice(asked: Json, reference: str, expected: list[str]) -> None:
    """A target that can't be resolved is assigned by the type in its reference; otherwise its slice stays undecided."""
    assert rules(pointing(reference), asked, PATIENTS) == expected


def test_a_slice_may_be_silent_on_a_discriminator() -> None:
    """With two discriminators, a slice that constrains only one accepts any value for the other."""
    both = {"discriminator": [{"type": "value", "path": "system"}, {"type": "value", "path": "use"}], "rules": "open"}
    asked = profile(
        "Patient",
        element("Patient.identifier", slicing=both),
        element("Patient.identifier:mrn", min=1),
        element("Patient.identifier:mrn.system", min=1, fixedUri=MRN),
    )
    assert rules(patient(identifier=[{"system": MRN, "use": "usual"}]), asked) == []
    assert rules(identifiers(MRN), asked) == []
    assert rules(identifiers(NHS), asked) == ["slice-cardinality"]


def test_a_slicing_that_cannot_be_told_is_said() -> None:
    """If the entries of a slice can't be determined, that is reported as information, not as an error."""
    vague = profile(
        "Patient", element("Patient.identifier", **sliced("value", "system")), element("Patient.identifier:x", min=1)
    )
    assert rules(patient(), vague) == []
    assert "slice-unknown" in rules(patient(), vague, severity="information")


NAMED = profile("Patient", element("Patient.name", min=1), name="named")
BROKEN = profile("Patient", element("Patient.dateOfDeath", min=1), name="broken")
EITHER = profile(
    "Parameters",
    element("Parameters.parameter.resource", type=[{"code": "Resource", "profile": [OURS + "named", OURS + "broken"]}]),
)


@pytest.mark.parametrize(("name", "expected"), [([{"text": "x"}], []), ([], ["type-profile"])])
def test_a_profile_that_can_not_be_used_is_no_way_out(name: list[Json], expected: list[str]) -> None:
    """If one of two profiles is required, nothing conforms to one whose differential does not fit its base."""
    held = {"resourceType": "Patient", "id": "1"} | ({"name": name} if name else {})
    resource = {"resourceType": "Parameters", "parameter": [{"name": "one", "resource": held}]}
    assert rules(resource, EITHER, NAMED, BROKEN) == expected


OVERLAPPING = profile(
    "Patient",
    element("Patient.identifier", **sliced("pattern", "$this")),
    element("Patient.identifier:mrn", patternIdentifier={"system": MRN}),
    element("Patient.identifier:usual", patternIdentifier={"use": "usual"}),
)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ({"system": MRN}, []),
        ({"system": NHS, "use": "usual"}, []),
        ({"system": MRN, "use": "usual"}, ["slice-ambiguous"]),
    ],
)
def test_an_entry_belongs_to_one_slice(identifier: Json, expected: list[str]) -> None:
    """An entry that matches two slices is an error, because slices are exclusive."""
    assert rules(patient(identifier=[{"value": "1", **identifier}]), OVERLAPPING) == expected


NESTED = {
    "resourceType": "Questionnaire",
    "status": "draft",
    "item": [
        {"linkId": "1", "type": "group", "prefix": "a", "item": [{"linkId": "2", "type": "string", "text": "x"}]},
    ],
}
PREFIX = {"key": "own-1", "severity": "error", "human": "x", "expression": "prefix.exists()"}
INNER: dict[str, tuple[list[Json], list[str]]] = {
    "a required element": ([element("Questionnaire.item.prefix", min=1)], []),
    "a constraint": ([element("Questionnaire.item", constraint=[PREFIX])], []),
    "a length": ([element("Questionnaire.item.text", maxLength=0)], []),
    "an own rule, met": ([element("Questionnaire.item.item.linkId", fixedString="2")], []),
    "an own rule": ([element("Questionnaire.item.item.linkId", fixedString="3")], ["fixed"]),
    "an own rule beside one of the outer": (
        [element("Questionnaire.item.prefix", min=1), element("Questionnaire.item.item.linkId", fixedString="2")],
        [],
    ),
    "one of the outer": ([element("Questionnaire.item.prefix", max="0")], ["cardinality"]),
}


@pytest.mark.parametrize(("elements", "expected"), INNER.values(), ids=INNER.keys())
def test_rules_for_an_element_are_not_those_of_what_refers_to_it(elements: list[Json], expected: list[str]) -> None:
    """A profile's rules for `item` are not those of `item.item`, which has the content of `item` as R4 defines it."""
    assert rules(NESTED, profile("Questionnaire", *elements)) == expected
