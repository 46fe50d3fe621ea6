"""Resources of other FHIR releases."""

from __future__ import annotations

from importlib import import_module

import pytest

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.releases import _PROPERTIES, _TYPES
from tests.profiles.resources import GOOD, Json, allergy, condition, found, observation, patient, rules

OLD: dict[str, tuple[Json, str]] = {
    "an order of DSTU2": ({"resourceType": "MedicationOrder"}, "DSTU2: convert it to R4, which has MedicationRequest"),
    "an order of STU3": ({"resourceType": "ProcedureRequest"}, "DSTU2 and STU3"),
    "a type of R5": ({"resourceType": "ActorDefinition"}, "R5: convert it to R4"),
    "a condition of STU3": (condition(clinicalStatus="active"), "looks like FHIR STU3"),
    "a condition of DSTU2": (condition(dateRecorded="2015-01-01"), "looks like FHIR DSTU2"),
    "an allergy of STU3": (allergy(verificationStatus="confirmed"), "looks like FHIR STU3"),
    "an allergy of DSTU2": (allergy(substance={"text": "x"}), "looks like FHIR DSTU2"),
    "an observation of STU3": (observation(context={"reference": "Encounter/1"}), "looks like FHIR STU3"),
    "a patient of STU3": (patient(animal={"species": {"text": "dog"}}), "looks like FHIR STU3"),
    "a medication request of R5": (GOOD["medication request"] | {"medication": {}}, "looks like FHIR R5"),
}


@pytest.mark.parametrize(("resource", "told"), OLD.values(), ids=OLD.keys())
def test_a_resource_of_another_release_is_called_that(resource: Json, told: str) -> None:
    """A resource of DSTU2, STU3 or R5 is named as such, with what to do."""
    assert any(told in issue.message for issue in found(resource) if issue.is_error)


@pytest.mark.parametrize("resource", GOOD.values(), ids=GOOD.keys())
def test_a_resource_of_r4_is_not(resource: Json) -> None:
    """A resource with a fault of its own is not taken for another release."""
    assert "release" not in rules(resource | {"surname": "x"})


def test_what_other_releases_have_is_not_in_r4(definitions: Definitions) -> None:
    """The types and properties by which a release is recognised are in that release, and not in R4."""
    for release, types in _PROPERTIES.items():
        for name, properties in types.items():
            tree = definitions.type_tree(name)
            assert tree is not None
            assert not properties.intersection(tree.keys), (release, name)
            if release != "DSTU2":
                package = "fhir.resources.STU3" if release == "STU3" else "fhir.resources"
                model = getattr(import_module(f"{package}.{name.lower()}"), name)
                known = {one.alias or key for key, one in model.model_fields.items()}
                assert properties <= known, (release, name)
    for name, (_, instead) in _TYPES.items():
        assert not definitions.is_resource(name)
        assert not instead or definitions.is_resource(instead)
