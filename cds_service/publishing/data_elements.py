"""Which elements of a FHIR R4 resource type hold its code and its time: what a data requirement filters by.

A question that reads a type which is not here can't be published before somebody says where its code is.
Source: https://hl7.org/fhir/R4/metadatatypes.html#DataRequirement, and the definitions of the types.
"""

from __future__ import annotations

_ELEMENTS = {
    "AllergyIntolerance": ("code", "onset"),
    "Condition": ("code", "onset"),
    "MedicationRequest": ("medication", "authoredOn"),
    "MedicationStatement": ("medication", "effective"),
    "Observation": ("code", "effective"),
    "Procedure": ("code", "performed"),
}


def code_path(resource_type: str) -> str:
    """The element that says what a resource is about; a choice of types without its `[x]`.

    Raises:
        KeyError: nobody has said so of this type.
    """
    return _ELEMENTS[resource_type][0]


def time_path(resource_type: str) -> str:
    """The element that says when it was so, likewise."""
    return _ELEMENTS[resource_type][1]
