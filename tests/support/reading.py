"""Resources as plain JSON -> the facts read from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cds_service.clinical_data.retrieved import ClinicalData, RawResource, RetrievedData
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import PatientFacts
from cds_service.kinds import CLINICAL

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def retrieved_of(resource_type: str, resources: list[Mapping[str, Any]]) -> RetrievedData:
    """Complete data of one kind; the type and missing ids are added."""
    full = [{"resourceType": resource_type, "id": str(number), **r} for number, r in enumerate(resources, 1)]
    return RetrievedData(tuple(_raw(r) for r in full))


def _raw(resource: Mapping[str, Any]) -> RawResource:
    kind = resource["resourceType"]
    return RawResource(f"{kind}/{resource['id']}", kind, as_bytes(resource))


def as_bytes(resource: Mapping[str, Any]) -> bytes:
    """One resource as bytes."""
    return json.dumps(resource).encode()


def read(
    *,
    patient: Mapping[str, Any] | None = None,
    orders: list[Mapping[str, Any]] | None = None,
    sources: list[Mapping[str, Any]] | None = None,
    beside: list[Mapping[str, Any]] | None = None,
    **clinical: list[Mapping[str, Any]] | None,
) -> PatientFacts:
    """The facts of a record with only these resources.

    `clinical` has those of each clinical kind by its key.
    `sources` are orders that appointments are based on, `beside` are ServiceRequests that are not in focus.
    """
    by_kind = {
        **{kind.key: retrieved_of(kind.resource_type, clinical.pop(kind.key, None) or []) for kind in CLINICAL},
        "patient": retrieved_of("Patient", [patient] if patient is not None else []),
        "orders": retrieved_of("ServiceRequest", sources or []),
    }
    assert not clinical, "no clinical kind has this key"
    in_focus = retrieved_of("ServiceRequest", orders or [])
    others = retrieved_of("ServiceRequest", beside or []).records
    return extract(ClinicalData(in_focus, by_kind, beside=others), now=NOW)
