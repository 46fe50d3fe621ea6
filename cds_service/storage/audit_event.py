"""An audit record as a FHIR R4 AuditEvent, for a central audit repository.

In: a row of the table `calls`. Out: an AuditEvent by IHE BALP PatientRead: the service has read a patient's data from
an EHR. The patient appears as a keyed hash. The codes are in `audit_event.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_CODES: Mapping[str, Any] = tomllib.loads((Path(__file__).parent / "audit_event.toml").read_text("utf-8"))


def audit_event(call: Mapping[str, Any], observer: str) -> dict[str, Any]:
    """The AuditEvent of one call.

    Args:
        call: a row of the table `calls`.
        observer: URL of this service, as EHRs reach it.

    Source: IHE ITI BALP, IHE.BasicAudit.PatientRead. The profile is for successful reads, so the record of a call that
    could not be judged does not claim it.
    """
    judged = call["judged"]
    event: dict[str, Any] = {"resourceType": "AuditEvent", "id": call["id"]}
    if judged:
        event["meta"] = {"profile": [_CODES["profile"]]}
    event |= {
        "type": _CODES["type"],
        "subtype": [_CODES["subtype"]],
        "action": _CODES["action"],
        "recorded": call["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "outcome": _CODES["success"] if judged else _CODES["failure"],
    }
    if not judged:
        event["outcomeDesc"] = _CODES["failure_description"]
    return event | {
        "agent": [_ehr(call), _service(observer)],
        "source": {"observer": {"display": observer}, "type": [_CODES["source_type"]]},
        "entity": [_patient(call), _data(call), _decision(call)],
    }


def _ehr(call: Mapping[str, Any]) -> dict[str, Any]:
    network = {"address": call["peer"], "type": _CODES["network_type"]["ip_address"]} if call["peer"] else None
    agent = {
        "type": {"coding": [_CODES["agent"]["source"]]},
        "who": {"identifier": {"value": call["client"]}},
        "requestor": True,
    }
    return agent | ({"network": network} if network else {})


def _service(observer: str) -> dict[str, Any]:
    return {
        "type": {"coding": [_CODES["agent"]["destination"]]},
        "who": {"display": observer},
        "requestor": False,
        "network": {"address": observer, "type": _CODES["network_type"]["uri"]},
    }


def _patient(call: Mapping[str, Any]) -> dict[str, Any]:
    identifier = {"system": _CODES["patient_hash_system"], "value": call["patient"]}
    return {**_CODES["entity"]["patient"], "what": {"type": "Patient", "identifier": identifier}}


def _data(call: Mapping[str, Any]) -> dict[str, Any]:
    """The data that were read and the data that were unavailable."""
    details = [_detail(kind, f"{read['count']} from {read['source']}") for kind, read in call["read"].items()]
    details += [_detail(f"{kind} unavailable", ", ".join(keys)) for kind, keys in call["unavailable"].items()]
    entity = {**_CODES["entity"]["data"], "what": {"display": f"data for the hook {call['hook']}"}}
    return entity | ({"detail": details} if details else {})


def _decision(call: Mapping[str, Any]) -> dict[str, Any]:
    version = call["knowledge_version"]
    details = [_detail("knowledge version", version), _detail("service", call["service"])]
    details += [_detail(f"order {position}", _order(order)) for position, order in enumerate(call["orders"], start=1)]
    details += [_detail(f"milliseconds in {stage}", f"{time:g}") for stage, time in call["milliseconds"].items()]
    if call["shadow"]:
        details.append(_detail("shadow", "judged, nothing shown"))
    return {**_CODES["entity"]["decision"], "what": {"display": f"decision by the tables {version}"}, "detail": details}


def _order(order: Mapping[str, Any]) -> str:
    return "; ".join(_order_parts(order))


def _order_parts(order: Mapping[str, Any]) -> Iterator[str]:
    yield order["procedure"] or "no known procedure"
    if order["indication"]:
        yield f"indication {order['indication']}"
    yield from (f"{row} present ({indicator})" for row, indicator in order["present"].items())
    yield from (f"{row} unknown" for row in order["unknown"])


def _detail(kind: str, value: str) -> dict[str, str]:
    return {"type": kind, "valueString": value}
