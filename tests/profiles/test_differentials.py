"""Differentials without element ids: which slice an element belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.profiles.resources import HL7, LOINC, OURS, Json, coded, element, found, observation, profile, rules

BY_CODE = {"slicing": {"discriminator": [{"type": "pattern", "path": "code"}], "rules": "closed"}}


def component(code: str, **more: Any) -> Json:
    """A component with a LOINC code."""
    return {"code": coded(LOINC, code), **more}


def sliced(*, with_ids: bool) -> Json:
    """A profile with two slices of components: the first needs a value, the second an interpretation's text."""
    elements = [
        element("Observation.component", **BY_CODE),
        element("Observation.component:one", min=1),
        element("Observation.component:one.code", patternCodeableConcept=coded(LOINC, "1-8")),
        element("Observation.component:one.value[x]", min=1),
        element("Observation.component:two"),
        element("Observation.component:two.code", patternCodeableConcept=coded(LOINC, "2-6")),
        element("Observation.component:two.interpretation.text", min=1),
        element("Observation.method", min=1),
    ]
    if not with_ids:
        elements = [{name: value for name, value in one.items() if name != "id"} for one in elements]
    return profile("Observation", *elements)


METHOD = {"text": "x"}
SLICES: dict[str, tuple[Json, list[str]]] = {
    "as asked": ({"component": [component("1-8", valueInteger=1), component("2-6")]}, []),
    "a rule of the first slice": ({"component": [component("1-8"), component("2-6")]}, ["cardinality"]),
    "without the first slice": ({"component": [component("2-6")]}, ["slice-cardinality"]),
    "a rule below the second slice": (
        {"component": [component("1-8", valueInteger=1), component("2-6", interpretation=[coded(LOINC, "x")])]},
        ["cardinality"],
    ),
    "of no slice": ({"component": [component("1-8", valueInteger=1), component("9-1")]}, ["slice-closed"]),
    "a rule after the slices": ({"component": [component("1-8", valueInteger=1)], "method": None}, ["cardinality"]),
}


@pytest.mark.parametrize(("more", "expected"), SLICES.values(), ids=SLICES.keys())
def test_an_element_without_an_id_belongs_to_the_slice_above_it(more: Json, expected: list[str]) -> None:
    """A differential means the same with and without element ids, which R4 does not require."""
    resource = {name: value for name, value in (observation(method=METHOD) | more).items() if value is not None}
    said = [[one.rule for one in found(resource, sliced(with_ids=ids)) if one.is_error] for ids in (True, False)]
    assert said[0] == said[1]
    assert said[0] == expected


TYPED = profile(
    "Communication",
    {
        "path": "Communication.payload",
        "slicing": {"discriminator": [{"type": "type", "path": "content"}], "rules": "closed"},
    },
    {"path": "Communication.payload", "sliceName": "string"},
    {"path": "Communication.payload.contentString", "min": 1, "type": [{"code": "string"}]},
    {"path": "Communication.payload", "sliceName": "attachment", "max": "1"},
    {"path": "Communication.payload.contentAttachment", "type": [{"code": "Attachment"}]},
)
ATTACHED = {"contentAttachment": {"contentType": "text/plain", "url": "http://x.org/y"}}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ([{"contentString": "x"}, ATTACHED], []),
        ([ATTACHED, ATTACHED], ["slice-cardinality"]),
    ],
)
def test_slices_by_type_name_their_type_in_the_path(payload: list[Json], expected: list[str]) -> None:
    """`contentString` below a slice limits that slice, not the others."""
    assert rules({"resourceType": "Communication", "status": "completed", "payload": payload}, TYPED) == expected


def test_minimum_length_is_an_extension() -> None:
    """R4 has the extension minLength for what maxLength says of the other end."""
    shortest = [{"url": "http://hl7.org/fhir/StructureDefinition/minLength", "valueInteger": 5}]
    asked = profile("Patient", element("Patient.name.family", extension=shortest))
    named = {"resourceType": "Patient", "name": [{"family": "Meyer"}, {"family": "Li"}]}
    assert rules(named, asked, profiles=(OURS + "profile",)) == ["min-length"]


R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
NEEDED = {"url": R5 + "mustHaveValue", "valueBoolean": True}
INSTEAD = {"url": R5 + "valueAlternatives", "valueCanonical": HL7 + "data-absent-reason"}
ABSENT = {"url": HL7 + "data-absent-reason", "valueCode": "unknown"}
OTHER = {"url": "http://x.org/y", "valueCode": "x"}


@pytest.mark.parametrize(
    ("asked", "given", "expected"),
    [
        (NEEDED, {"birthDate": "2020"}, []),
        (NEEDED, {"_birthDate": {"extension": [ABSENT]}}, ["value-missing"]),
        (INSTEAD, {"_birthDate": {"extension": [ABSENT]}}, []),
        (INSTEAD, {"_birthDate": {"extension": [OTHER]}}, ["value-missing"]),
        (INSTEAD, {}, []),
    ],
)
def test_a_profile_may_ask_for_a_value(asked: Json, given: Json, expected: list[str]) -> None:
    """mustHaveValue and valueAlternatives of R5, as R4 writes them, say what may stand in place of a value."""
    made = profile("Patient", element("Patient.birthDate", extension=[asked]))
    assert rules({"resourceType": "Patient", "id": "1"} | given, made) == expected
