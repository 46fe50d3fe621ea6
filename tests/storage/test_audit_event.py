"""Audit records as FHIR AuditEvents, checked against the R4B model and the requirements of IHE BALP PatientRead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from msgspec.structs import replace

from cds_service.storage.audit_event import audit_event
from cds_service.storage.records import CallRecord, read_calls
from cds_service.storage.store import Store
from tests.support.kept import a_call, save_call
from tests.support.responses import find_empty

OBSERVER = "https://cds.example.org"
DCM = "http://dicom.nema.org/resources/ontology/DCM"


def exported(record: CallRecord, folder: Path) -> dict[str, Any]:
    """The AuditEvent of a call that was stored and read back."""
    store = Store(f"sqlite:///{folder}/records.db")
    save_call(store, record, seconds=1.0)
    (row,) = read_calls(store, None, None)
    store.close()
    return audit_event(row, OBSERVER)


def entity(event: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The only entity of a type."""
    (found,) = [entity for entity in event["entity"] if entity["type"]["code"] == kind]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("judged", [True, False])
def test_an_event_is_valid_fhir(tmp_path: Path, judged: bool) -> None:
    """Every exported record is a valid AuditEvent, without empty members."""
    record = a_call() if judged else replace(a_call(), summary=None)
    event = exported(record, tmp_path)
    AuditEvent.model_validate(event)
    assert list(find_empty(event)) == []


def test_an_event_follows_the_profile_of_a_patient_read(tmp_path: Path) -> None:
    """The event has what BALP PatientRead requires: codes, source and destination with addresses, patient, data."""
    event = exported(a_call(), tmp_path)
    assert event["meta"]["profile"] == [
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
    ]
    assert (event["type"]["code"], event["subtype"][0]["code"]) == ("rest", "read")
    assert (event["action"], event["outcome"], event["recorded"]) == ("R", "0", "2026-11-24T03:00:00.000Z")
    codings = [agent["type"]["coding"][0] for agent in event["agent"]]
    assert [(coding["system"], coding["code"]) for coding in codings] == [(DCM, "110153"), (DCM, "110152")]
    assert all(agent["network"]["address"] for agent in event["agent"])
    assert event["agent"][0]["who"]["identifier"]["value"] == "https://ehr.example.org"
    assert entity(event, "1")["what"]["identifier"]["value"] == "0" * 32
    assert entity(event, "1")["role"]["code"] == "1"
    assert entity(event, "2")["role"]["code"] == "4"


def test_an_event_says_what_was_read_and_decided(tmp_path: Path) -> None:
    """The event names what was read, what was unavailable, the decision and the version of the tables."""
    event = exported(a_call(), tmp_path)
    data = {detail["type"]: detail["valueString"] for detail in entity(event, "2")["detail"]}
    decision = {detail["type"]: detail["valueString"] for detail in entity(event, "4")["detail"]}
    assert data == {"conditions": "2 from prefetch", "observations unavailable": "not-sent"}
    assert decision["knowledge version"] == "2026.11+x"
    assert decision["order 1"] == (
        "tips; indication present; iodine-allergy present (critical); bleeding-tendency unknown"
    )
    assert decision["milliseconds in facts"] == "1.25"


def test_a_call_that_could_not_be_judged_is_a_failure(tmp_path: Path) -> None:
    """A call without a decision is recorded as a failure and does not claim the profile of successful reads."""
    event = exported(replace(a_call(), summary=None), tmp_path)
    assert (event["outcome"], "meta" in event) == ("4", False)
    assert "nothing was judged" in event["outcomeDesc"]


def test_shadow_is_on_record(tmp_path: Path) -> None:
    """The record of a call in shadow mode says so."""
    decision = entity(exported(replace(a_call(), shadow=True), tmp_path), "4")
    assert {"type": "shadow", "valueString": "judged, nothing shown"} in decision["detail"]
