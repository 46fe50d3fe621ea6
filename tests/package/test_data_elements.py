"""The elements by which published rules name their data are those of FHIR R4."""

from __future__ import annotations

import pytest

from cds_service.profiles.definitions import BASE, core_resources
from cds_service.publishing.data_elements import code_path, time_path

TYPES = ("AllergyIntolerance", "Condition", "MedicationRequest", "MedicationStatement", "Observation", "Procedure")


@pytest.mark.parametrize("kind", TYPES)
def test_code_and_time_are_elements_of_the_type(kind: str) -> None:
    """A tool that follows a published rule finds the code and the time where the rule says that they are."""
    structure = next(one for one in core_resources() if one["url"] == BASE + kind)
    types = {
        element["path"].removesuffix("[x]"): {of["code"] for of in element.get("type", ())}
        for element in structure["snapshot"]["element"]
    }
    assert "CodeableConcept" in types[f"{kind}.{code_path(kind)}"]
    assert "dateTime" in types[f"{kind}.{time_path(kind)}"]


def test_a_type_that_nobody_described_is_not_published() -> None:
    """No rule claims to read a type by an element that nobody has looked up."""
    with pytest.raises(KeyError):
        code_path("Immunization")
