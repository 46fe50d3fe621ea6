"""Resources as plain JSON -> the facts read of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cds_service.clinical_data.records import ClinicalData, Holding, Record
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import PatientFacts

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def holding_of(resource_type: str, resources: list[Mapping[str, Any]]) -> Holding:
    """A complete holding; the type is added, and an id where there is none."""
    full = [{"resourceType": resource_type, "id": str(number), **r} for number, r in enumerate(resources, 1)]
    return Holding(tuple(Record(f"{r['resourceType']}/{r['id']}", r["resourceType"], as_bytes(r)) for r in full))


def as_bytes(resource: Mapping[str, Any]) -> bytes:
    """One resource as received."""
    return json.dumps(resource).encode()


def read(
    *,
    conditions: list[Mapping[str, Any]] | None = None,
    allergies: list[Mapping[str, Any]] | None = None,
    observations: list[Mapping[str, Any]] | None = None,
    patient: Mapping[str, Any] | None = None,
    orders: list[Mapping[str, Any]] | None = None,
    sources: list[Mapping[str, Any]] | None = None,
) -> PatientFacts:
    """The facts of a record in which all else is empty; `sources` are orders that appointments are based on."""
    holdings = {
        "conditions": holding_of("Condition", conditions or []),
        "allergies": holding_of("AllergyIntolerance", allergies or []),
        "observations": holding_of("Observation", observations or []),
        "patient": holding_of("Patient", [patient] if patient is not None else []),
        "orders": holding_of("ServiceRequest", sources or []),
    }
    return extract(ClinicalData(holding_of("ServiceRequest", orders or []), holdings), now=NOW)
