"""Validation of SearchParameters against the definitions of R4."""

from __future__ import annotations

from typing import Any

import pytest

from tests.profiles.resources import Json, rules

NAME = "http://hl7.org/fhir/SearchParameter/Organization-name"


def search_parameter(**more: Any) -> Json:
    """A SearchParameter derived from an R4 one."""
    return {
        "resourceType": "SearchParameter",
        "url": "http://x.org/SearchParameter/name",
        "name": "Name",
        "status": "draft",
        "description": "x",
        "code": "name",
        "derivedFrom": NAME,
        "base": ["Organization"],
        "type": "string",
    } | more


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"type": "token"}, ["search-parameter"]),
        ({"base": ["Organization", "Patient"]}, ["search-parameter"]),
        ({"type": "token", "derivedFrom": "http://x.org/SearchParameter/other"}, []),
    ],
)
def test_what_is_derived_is_consistent(more: Json, expected: list[str]) -> None:
    """A derived SearchParameter must have the type of its definition, and no additional base resources."""
    assert rules(search_parameter(**more)) == expected


CAPABILITIES = {
    "the same": ({}, "string", {}),
    "another": ({}, "date", {"error": ["search-parameter"]}),
    "another, in a statement of HL7": (
        {"url": "http://hl7.org/fhir/CapabilityStatement/x"},
        "date",
        {"warning": ["search-parameter"]},
    ),
}


@pytest.mark.parametrize(("more", "kind", "expected"), CAPABILITIES.values(), ids=CAPABILITIES.keys())
def test_capabilities_name_the_type(more: Json, kind: str, expected: dict[str, list[str]]) -> None:
    """A CapabilityStatement must have the type of an R4 search parameter; HL7's own get a warning."""
    named = {"name": "name", "definition": NAME, "type": kind}
    statement = {
        "resourceType": "CapabilityStatement",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        "name": "X",
        "status": "draft",
        "date": "2020",
        "kind": "requirements",
        "description": "x",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": [{"type": "Organization", "searchParam": [named]}]}],
    }
    for severity in ("error", "warning"):
        found = [rule for rule in rules(statement | more, severity=severity) if rule == "search-parameter"]
        assert found == expected.get(severity, [])
