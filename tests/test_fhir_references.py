"""FHIR references are compared by type and id."""

from __future__ import annotations

import pytest

from cds_service.fhir_references import local_reference


@pytest.mark.parametrize(
    ("reference", "local"),
    [
        ("Condition/c1", "Condition/c1"),
        ("https://ehr.example.org/fhir/Condition/c1", "Condition/c1"),
        ("https://ehr.example.org/fhir/Condition/c1/_history/2", "Condition/c1"),
        ("Condition/c1/", "Condition/c1"),
        ("c1", "c1"),
        ("urn:uuid:1-2", "urn:uuid:1-2"),
        ("#contained", "#contained"),
        ("", ""),
    ],
)
def test_a_reference_by_type_and_id(reference: str, local: str) -> None:
    """Server and version of a reference do not matter; references that name no type stay as they are."""
    assert local_reference(reference) == local
