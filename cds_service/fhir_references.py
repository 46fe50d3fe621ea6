"""FHIR references, compared by type and id."""

from __future__ import annotations


def local_reference(reference: str) -> str:
    """`Type/id` of a relative, absolute or versioned reference; other forms (`urn:uuid:`, `#id`) as they are.

    Source: FHIR R4 References; an id is unique per type on one server, and a call speaks of one server.
    """
    if reference.startswith(("urn:", "#")):
        return reference
    parts = reference.split("/_history/", 1)[0].rstrip("/").split("/")
    return "/".join(parts[-2:])


def names_patient(reference: str, patient_id: str) -> bool | None:
    """Whether a subject reference names the patient of the call; None where it can't be told.

    Args:
        reference: `subject.reference` or `patient.reference`.
        patient_id: bare id from the context.
    """
    if reference == f"Patient/{patient_id}":
        return True
    local = local_reference(reference)
    if local in (f"Patient/{patient_id}", patient_id, f"urn:uuid:{patient_id}"):
        return True
    return None if local.startswith(("urn:", "#")) else False
