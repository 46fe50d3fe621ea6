"""Resources of another FHIR release: recognized by type and properties that R4 does not have, and called that.

Source: FHIR R4, Version History and "R3 Diff" of each resource; the definitions of DSTU2, STU3 and R5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Resource types that R4 does not have: the releases, and what R4 has instead.
_TYPES: dict[str, tuple[str, str]] = {
    "MedicationOrder": ("DSTU2", "MedicationRequest"),
    "DiagnosticOrder": ("DSTU2", "ServiceRequest"),
    "Conformance": ("DSTU2", "CapabilityStatement"),
    "ImagingObjectSelection": ("DSTU2", "ImagingStudy"),
    **dict.fromkeys(("Order", "OrderResponse"), ("DSTU2", "Task")),
    **dict.fromkeys(("ProcedureRequest", "ReferralRequest"), ("DSTU2 and STU3", "ServiceRequest")),
    "BodySite": ("DSTU2 and STU3", "BodyStructure"),
    "DeviceComponent": ("DSTU2 and STU3", "DeviceDefinition"),
    "EligibilityRequest": ("DSTU2 and STU3", "CoverageEligibilityRequest"),
    "EligibilityResponse": ("DSTU2 and STU3", "CoverageEligibilityResponse"),
    "DataElement": ("DSTU2 and STU3", "StructureDefinition"),
    **dict.fromkeys(("ProcessRequest", "ProcessResponse"), ("DSTU2 and STU3", "Task")),
    "ImagingManifest": ("STU3", "ImagingStudy"),
    "ServiceDefinition": ("STU3", "PlanDefinition"),
    "Sequence": ("STU3", "MolecularSequence"),
    **dict.fromkeys(("InventoryReport", "ActorDefinition", "Requirements", "Transport", "GenomicStudy"), ("R5", "")),
}
# Properties that R4 does not have, of the types that records hold most, by the release that has them.
_PROPERTIES: dict[str, dict[str, set[str]]] = {
    "DSTU2": {
        "AllergyIntolerance": {"substance", "lastOccurence"},
        "Condition": {"patient", "dateRecorded"},
        "Observation": {"comments"},
        "Patient": {"careProvider"},
        "Procedure": {"notPerformed", "reasonNotPerformed"},
        "MedicationStatement": {"wasNotTaken", "reasonForUseCodeableConcept"},
        "Immunization": {"wasNotGiven", "reported"},
    },
    "STU3": {
        "AllergyIntolerance": {"assertedDate"},
        "Condition": {"context", "assertedDate"},
        "Observation": {"context", "comment", "related"},
        "Patient": {"animal"},
        "Procedure": {"context", "definition", "notDone"},
        "MedicationRequest": {"context", "definition"},
        "MedicationStatement": {"taken"},
        "DiagnosticReport": {"context", "codedDiagnosis"},
        "Immunization": {"notGiven", "date"},
        "Encounter": {"incomingReferral"},
    },
    "R5": {
        "MedicationRequest": {"medication", "reason"},
        "Procedure": {"recorded"},
        "Condition": {"participant"},
        "Encounter": {"subjectStatus", "admission", "actualPeriod"},
        "Observation": {"instantiatesCanonical", "triggeredBy"},
        "ServiceRequest": {"reason"},
    },
}


def other_type(name: str) -> str | None:
    """Which release has a resource type that R4 does not have, as the end of a sentence; None if no release has it."""
    known = _TYPES.get(name)
    if known is None:
        return None
    release, instead = known
    remedy = f": convert it to R4, which has {instead}" if instead else ": convert it to R4"
    return f"is a resource type of FHIR {release}{remedy}"


def other_release(resource: Mapping[str, Any]) -> str | None:
    """Which release a resource of an R4 type is of, and why, as a sentence; None if nothing speaks for another one."""
    name = str(resource.get("resourceType"))
    for release, types in _PROPERTIES.items():
        if found := sorted(types.get(name, set()).intersection(resource)):
            return f"looks like FHIR {release}, which has {name}.{found[0]}: convert it to R4 (4.0.1)"
    if name in ("Condition", "AllergyIntolerance"):
        for status in ("clinicalStatus", "verificationStatus"):
            if isinstance(resource.get(status), str):
                return f"looks like FHIR STU3 or DSTU2, where {name}.{status} is a code: convert it to R4 (4.0.1)"
    return None
