"""The EHR's side of a hook call: resolve the service's prefetch templates at a FHIR server and build the request."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from cds_service.case_checks import SYSTEMS
from cds_service.cli.fhir_source import FhirSource
from cds_service.clinical_data.data_request import DataQuery
from cds_service.clinical_data.retrieved import RetrievedData
from cds_service.clinical_data.searches import query_of
from cds_service.errors import SetupError
from cds_service.hooks.catalog import SERVICES
from cds_service.knowledge.tables import Knowledge

_FOCUS = {service.hook: service.focus for service in SERVICES.values()}
"""Hook -> where its context names orders; `none` where it has none."""
_DRAFT = "draft-1"
_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True)
class HookCall:
    """One hook call to make: FHIR server, hook, patient, user and order."""

    source: FhirSource
    hook: str
    patient_id: str
    user: str
    order: Mapping[str, Any] | None
    """The ServiceRequest: a draft, or one that is on the server."""


def order_of(text: str | None, hook: str, patient_id: str, source: FhirSource, knowledge: Knowledge) -> Any:
    """The ServiceRequest of the call; None for a hook without orders.

    Args:
        text: id of a procedure of the tables, `SYSTEM|CODE`, or `ServiceRequest/ID` of an order on the server.
        hook: the hook that fires.
        patient_id: bare id.
        source: the server to read an existing order from.
        knowledge: the tables with the procedures.

    Raises:
        SetupError: a required order is missing, unknown, or not on the server.
    """
    if _FOCUS[hook] == "none":
        return None
    if not text:
        raise SetupError(
            f"{hook} needs an order: give --order with a procedure such as {next(iter(knowledge.procedures))}, "
            "SYSTEM|CODE, or ServiceRequest/ID of an order on the server"
        )
    if text.startswith("ServiceRequest/"):
        return source.resource(f"ServiceRequest/{bare_id(text, 'ServiceRequest', '--order')}")
    if _FOCUS[hook] == "dispatchedOrders":
        raise SetupError(f"{hook} needs an order on the server: give --order ServiceRequest/ID")
    return draft(text, _DRAFT, patient_id, knowledge)


def bare_id(text: str, resource_type: str, option: str) -> str:
    """The id in `Type/id` or `id`.

    Raises:
        SetupError: it is not an id. Source: FHIR R4 id; longer ids and `_` are allowed, because real servers use them.
    """
    found = text.removeprefix(f"{resource_type}/")
    if not _ID.fullmatch(found):
        raise SetupError(f'{option} "{text}": is not a FHIR id; write letters, digits, "-" and "."')
    return found


def draft(text: str, order_id: str, patient_id: str, knowledge: Knowledge) -> dict[str, Any]:
    """A draft ServiceRequest for a procedure of the tables, or for `SYSTEM|CODE`.

    Raises:
        SetupError: the tables have no such procedure.
    """
    return {
        "resourceType": "ServiceRequest",
        "id": order_id,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient_id}"},
        "code": {"coding": [_coding(text, knowledge)]},
    }


def _coding(text: str, knowledge: Knowledge) -> dict[str, str]:
    system, bar, code = text.rpartition("|")
    if bar:
        return {"system": SYSTEMS.get(system, system), "code": code}
    if code not in knowledge.procedures:
        near = [key for key in knowledge.procedures if code in key][:3]
        near = near or difflib.get_close_matches(code, knowledge.procedures, 3, 0.4)
        hint = f"did you mean {', '.join(near)}?" if near else "cds-service tables lists the procedures."
        raise SetupError(f'--order {code} is not a procedure of the tables; {hint} Write a code as "SYSTEM|CODE".')
    return {"system": SYSTEMS["procedure"], "code": code, "display": knowledge.procedures[code].label}


def name_of(order: Mapping[str, Any]) -> str:
    """The text, display or code of an order."""
    code = order.get("code")
    codings = code.get("coding") if isinstance(code, dict) else None
    coding = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], dict) else {}
    text = code.get("text") if isinstance(code, dict) else None
    return str(text or coding.get("display") or coding.get("code") or "without a code")


def wanted(templates: Mapping[str, str], patient_id: str) -> list[DataQuery]:
    """The queries for the prefetch templates of a service."""
    queries = {key: query_of(template, patient_id) for key, template in templates.items()}
    return [DataQuery(key, (query.path.partition("/")[0],), (query,)) for key, query in queries.items()]


def prefetch_of(by_kind: Mapping[str, RetrievedData]) -> dict[str, Any]:
    """The prefetch that an EHR sends for the retrieved data.

    A key that could not be retrieved at all is left out, as EHRs do. A key that is incomplete gets an
    OperationOutcome among its entries.
    """
    return {
        key: _value(retrieved, is_read=key == "patient") for key, retrieved in by_kind.items() if retrieved.obtained
    }


def _value(retrieved: RetrievedData, *, is_read: bool) -> Any:
    bodies = [orjson.Fragment(record.body) for record in retrieved.records]  # as received, digit for digit
    if is_read:
        return bodies[0] if bodies else None
    entries: list[dict[str, Any]] = [{"resource": body, "search": {"mode": "match"}} for body in bodies]
    if not retrieved.complete:
        issue = {"severity": "error", "code": "incomplete"}
        outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
    return {"resourceType": "Bundle", "type": "searchset", **({"entry": entries} if entries else {})}


def hook_request(call: HookCall, prefetch: Mapping[str, Any]) -> bytes:
    """The request to send to the service."""
    request: dict[str, Any] = {
        "hook": call.hook,
        "hookInstance": str(uuid4()),
        "fhirServer": call.source.base,
        "context": _context(call),
    }
    if call.source.token:
        request["fhirAuthorization"] = _authorization(call.source.token)
    if prefetch:
        request["prefetch"] = prefetch
    return orjson.dumps(request, option=orjson.OPT_INDENT_2)


def _authorization(token: str) -> dict[str, Any]:
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "ir-cds",
    }


def with_token(body: bytes, token: str) -> tuple[bytes, str]:
    """A saved request with a token for its FHIR server, and the URL of that server.

    Raises:
        SetupError: it is not a hook request, or has no fhirServer.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        request = None
    if not isinstance(request, dict) or not request.get("fhirServer"):
        raise SetupError("--token is for the fhirServer of the request, but the request has none")
    return orjson.dumps(request | {"fhirAuthorization": _authorization(token)}), str(request["fhirServer"])


def without_token(body: bytes) -> bytes:
    """The request to save in a file: without the access token.

    Raises:
        SetupError: the request is not JSON.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SetupError(f"The request is not JSON, so it is not saved: {error}") from None
    request.pop("fhirAuthorization", None)
    return orjson.dumps(request, option=orjson.OPT_INDENT_2)


def _context(call: HookCall) -> dict[str, Any]:
    context: dict[str, Any] = {"patientId": call.patient_id, "userId": call.user}
    order = call.order
    if order is None:
        return context
    reference = f"ServiceRequest/{order.get('id', _DRAFT)}"
    focus = _FOCUS[call.hook]
    if focus == "dispatchedOrders":
        del context["userId"]
        return context | {"dispatchedOrders": [reference], "performer": call.user}
    if focus == "appointments":
        return context | {"appointments": bundle([_appointment(order, call.patient_id)])}
    context["draftOrders"] = bundle([order])
    return context | ({"selections": [reference]} if focus == "selections" else {})


def _appointment(order: Mapping[str, Any], patient_id: str) -> dict[str, Any]:
    """A proposed appointment: `basedOn` an order on the server, or with the code of a draft as `serviceType`."""
    is_draft = order.get("id") == _DRAFT
    about = {"serviceType": [order["code"]]} if is_draft else {"basedOn": [_reference(order)]}
    participant = [{"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}]
    return {"resourceType": "Appointment", "id": _DRAFT, "status": "proposed", "participant": participant} | about


def _reference(order: Mapping[str, Any]) -> dict[str, str]:
    return {"reference": f"ServiceRequest/{order['id']}"}


def bundle(resources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A collection Bundle, as used in hook contexts."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
