"""Valid resources of the types that the service reads, and small profiles, for validation tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cds_service.profiles.definitions import Definitions, core_resources
from cds_service.profiles.issues import Issue
from cds_service.profiles.validate import validate

Json = dict[str, Any]
HL7 = "http://hl7.org/fhir/StructureDefinition/"
OURS = "https://example.org/test/"
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml"><p>x</p></div>'
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


def patient(**more: Any) -> Json:
    """A Patient."""
    return {
        "resourceType": "Patient",
        "id": "p1",
        "text": {"status": "generated", "div": XHTML},
        "identifier": [{"use": "official", "system": "urn:oid:1.2.36.146.595.217.0.1", "value": "1"}],
        "active": True,
        "name": [{"use": "official", "family": "Chalmers", "given": ["Peter", "James"]}],
        "telecom": [{"system": "phone", "value": "1", "rank": 1, "period": {"start": "2020-01-01"}}],
        "gender": "male",
        "birthDate": "1974-12-25",
        "deceasedBoolean": False,
        "address": [{"use": "home", "type": "both", "line": ["534 Erewhon St"], "country": "AU"}],
        "maritalStatus": coded("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M"),
        "contact": [{"name": {"family": "du Marché"}, "gender": "female"}],
        "communication": [{"language": coded("urn:ietf:bcp:47", "en"), "preferred": True}],
        "managingOrganization": {"reference": "Organization/1"},
    } | more


def observation(**more: Any) -> Json:
    """A laboratory Observation."""
    return {
        "resourceType": "Observation",
        "id": "o1",
        "meta": {"lastUpdated": "2020-01-01T10:00:00.000Z", "versionId": "1"},
        "text": {"status": "generated", "div": XHTML},
        "status": "final",
        "category": [coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
        "code": coded(LOINC, "777-3"),
        "subject": {"reference": "Patient/p1", "type": "Patient"},
        "effectiveDateTime": "2020-01-01T10:00:00+01:00",
        "issued": "2020-01-01T10:00:00Z",
        "performer": [{"reference": "Practitioner/1"}],
        "valueQuantity": {"value": Decimal("40.0"), "unit": "10*9/L", "system": UCUM, "code": "10*9/L"},
        "interpretation": [coded("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "L")],
        "referenceRange": [{"low": {"value": 150, "unit": "10*9/L", "system": UCUM, "code": "10*9/L"}}],
    } | more


def condition(**more: Any) -> Json:
    """A Condition."""
    return {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
        "verificationStatus": coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        "category": [coded("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I80.2"}], "text": "thrombosis"},
        "subject": {"reference": "Patient/p1"},
        "onsetDateTime": "2020-02",
        "recordedDate": "2020",
        "note": [{"time": "2020-01-01T10:00:00Z", "text": "x"}],
    } | more


def allergy(**more: Any) -> Json:
    """An AllergyIntolerance."""
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "clinicalStatus": coded("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"),
        "verificationStatus": coded(
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "confirmed"
        ),
        "type": "allergy",
        "category": ["medication"],
        "criticality": "high",
        "code": {"text": "Iohexol"},
        "patient": {"reference": "Patient/p1"},
        "recordedDate": "2020-01-01",
        "reaction": [{"manifestation": [{"text": "hives"}], "severity": "severe", "onset": "2019-05-05"}],
    } | more


def order(**more: Any) -> Json:
    """A draft ServiceRequest."""
    return {
        "resourceType": "ServiceRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "priority": "urgent",
        "code": {"text": "Embolization"},
        "subject": {"reference": "Patient/p1"},
        "occurrencePeriod": {"start": "2020-01-01", "end": "2020-01-02"},
        "authoredOn": "2020-01-01T08:00:00Z",
        "requester": {"reference": "Practitioner/1"},
        "reasonReference": [{"reference": "Condition/c1"}],
    } | more


def medication_request(**more: Any) -> Json:
    """A MedicationRequest with a contained medication and a timing."""
    dose = {"value": Decimal("2.5"), "unit": "mg", "system": UCUM, "code": "mg"}
    repeat = {"frequency": 1, "period": 1, "periodUnit": "d", "timeOfDay": ["08:00:00"]}
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "contained": [{"resourceType": "Medication", "id": "med", "code": {"text": "Apixaban"}}],
        "status": "active",
        "intent": "order",
        "medicationReference": {"reference": "#med"},
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2020-01-01",
        "dosageInstruction": [{"sequence": 1, "timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": dose}]}],
    } | more


def bundle(*resources: Json, kind: str = "collection", **more: Any) -> Json:
    """A Bundle of resources with fullUrls of one server."""
    entries = [
        {"fullUrl": f"http://ehr.example.org/fhir/{r['resourceType']}/{r['id']}", "resource": r} for r in resources
    ]
    return {"resourceType": "Bundle", "id": "b1", "type": kind, "entry": entries} | more


def coded(system: str, code: str) -> Json:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code}]}


def profile(base: str, *elements: Json, name: str = "profile", **more: Any) -> Json:
    """A StructureDefinition with a differential on a type or resource."""
    return {
        "resourceType": "StructureDefinition",
        "url": OURS + name,
        "type": base,
        "kind": "resource",
        "abstract": False,
        "derivation": "constraint",
        "baseDefinition": HL7 + base,
        "differential": {"element": [{"id": base, "path": base}, *elements]},
    } | more


def element(identity: str, **more: Any) -> Json:
    """An element of a differential; path and slice name are derived from its id."""
    path = ".".join(part.partition(":")[0] for part in identity.split("."))
    last = identity.rpartition(".")[2].partition(":")[2]
    return {"id": identity, "path": path} | ({"sliceName": last} if last else {}) | more


def with_core(*resources: Json) -> Definitions:
    """The R4 core and some more definitions."""
    return Definitions([*core_resources(), *resources])


def rules(resource: Any, *more: Json, severity: str = "error", profiles: tuple[str, ...] = ()) -> list[str]:
    """The rules that a resource violates, with more definitions; checked against `profile()` if it is among them."""
    return [issue.rule for issue in found(resource, *more, profiles=profiles) if issue.severity == severity]


def found(resource: Any, *more: Json, profiles: tuple[str, ...] = ()) -> list[Issue]:
    """Every issue of a resource, with more definitions."""
    asked = profiles or tuple(one["url"] for one in more if one["url"] == OURS + "profile")
    return validate(resource, asked, with_core(*more) if more else None)


GOOD: dict[str, Json] = {
    "patient": patient(),
    "observation": observation(),
    "condition": condition(),
    "allergy": allergy(),
    "order": order(),
    "medication request": medication_request(),
    "bundle": bundle(patient(), observation(), link=[{"relation": "self", "url": "http://ehr.example.org/fhir"}]),
}
