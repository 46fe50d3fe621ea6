"""Synthetic hook requests of any size for benchmarks: one order and a record with realistic resources.

Most Conditions and Observations in real records do not concern the tables, so here one in ten does. There are few
allergies, however large the record.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import orjson

SCT, LOINC, ICD10CM = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"
_PATIENT = {"reference": "Patient/bench", "display": "Bench Synthetic"}
_ENCOUNTER = {"reference": "Encounter/7d1f0c2a-5e1b-4a53-9a59-2f4b1c0d9e77"}
_META = {
    "versionId": "1",
    "lastUpdated": "2026-01-05T10:12:44.123+00:00",
    "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"],
}
_LABS = [
    ("777-3", "Platelets [#/volume] in Blood by Automated count", 212, "10*3/uL"),
    ("6301-6", "INR in Platelet poor plasma by Coagulation assay", 1.1, "{INR}"),
    ("98979-8", "Glomerular filtration rate (CKD-EPI 2021)", 71, "mL/min/{1.73_m2}"),
    ("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", 0.8, "mg/dL"),
]
_OTHER_LABS = [
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", 182, "mg/dL"),
    ("8302-2", "Body height", 171, "cm"),
    ("29463-7", "Body weight", 74, "kg"),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", 5.9, "%"),
    ("2947-0", "Sodium [Moles/volume] in Blood", 139, "mmol/L"),
]
_CONDITIONS = [(SCT, "95315005", "Uterine leiomyoma"), (ICD10CM, "I50.9", "Heart failure, unspecified")]
_OTHER_CONDITIONS = [
    (SCT, "444814009", "Viral sinusitis"),
    (SCT, "195662009", "Acute viral pharyngitis"),
    (SCT, "59621000", "Hypertensive disorder, systemic arterial"),
    (ICD10CM, "M54.50", "Low back pain, unspecified"),
]


def build_request(resources: int, today: date) -> bytes:
    """An order-sign request with one order and about `resources` resources in its prefetch, as JSON."""
    allergies = [_allergy(i) for i in range(min(5, resources // 10))]
    conditions = [_condition(i) for i in range(resources // 5)]
    observations = [_observation(i, today) for i in range(resources - len(conditions) - len(allergies))]
    order = {
        "resourceType": "ServiceRequest",
        "id": "order",
        "status": "draft",
        "intent": "order",
        "code": {"text": "Uterine fibroid embolization"},
        "subject": _PATIENT,
    }
    prefetch = {
        "patient": {"resourceType": "Patient", "id": "bench", "gender": "female", "birthDate": "1979-03-14"},
        "conditions": _bundle("searchset", conditions),
        "allergies": _bundle("searchset", allergies),
        "observations": _bundle("searchset", observations),
    }
    drafts = _bundle("collection", [order])
    context = {"userId": "Practitioner/example", "patientId": "bench", "draftOrders": drafts}
    instance = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
    return orjson.dumps({"hook": "order-sign", "hookInstance": instance, "context": context, "prefetch": prefetch})


def _bundle(kind: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [{"fullUrl": f"https://fhir.example.org/{r['resourceType']}/{r['id']}", "resource": r} for r in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _status(kind: str, element: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{kind}-{element}", "code": code}]}


def _pick(wanted: list[Any], others: list[Any], place: int) -> Any:
    return wanted[place // 10 % len(wanted)] if place % 10 == 0 else others[place % len(others)]


def _observation(place: int, today: date) -> dict[str, Any]:
    code, display, value, unit = _pick(_LABS, _OTHER_LABS, place)
    when = f"{today - timedelta(days=1 + place)}T08:10:27+00:00"
    return {
        "resourceType": "Observation",
        "id": f"observation-{place}",
        "meta": _META,
        "status": "final",
        "category": [
            _concept("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "Laboratory")
        ],
        "code": _concept(LOINC, code, display),
        "subject": _PATIENT,
        "encounter": _ENCOUNTER,
        "effectiveDateTime": when,
        "issued": when,
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def _condition(place: int) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"condition-{place}",
        "meta": _META,
        "clinicalStatus": _status("condition", "clinical", "active"),
        "verificationStatus": _status("condition", "ver-status", "confirmed"),
        "category": [
            _concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item", "Problem")
        ],
        "code": _concept(*_pick(_CONDITIONS, _OTHER_CONDITIONS, place)),
        "subject": _PATIENT,
        "encounter": _ENCOUNTER,
        "recordedDate": "2021-06-11T09:30:00+00:00",
    }


def _allergy(place: int) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance",
        "id": f"allergy-{place}",
        "meta": _META,
        "criticality": "low",
        "clinicalStatus": _status("allergyintolerance", "clinical", "active"),
        "verificationStatus": _status("allergyintolerance", "verification", "confirmed"),
        "code": _concept(SCT, "91936005", "Allergy to penicillin"),
        "patient": _PATIENT,
        "reaction": [{"manifestation": [_concept(SCT, "271807003", "Eruption of skin")], "severity": "mild"}],
    }
