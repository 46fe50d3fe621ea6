"""First step of a call: request body -> `HookRequest`, validated against CDS Hooks 2.0.1.

FHIR content stays bytes. The body is scanned once and only the few scalar values of the envelope are decoded, so the
cost hardly grows with the size of the record.
Source: CDS Hooks 2.0.1, HTTP Request; the fields of each context are in `schemas/context/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from cds_service.errors import RequestError, UnknownService
from cds_service.hooks.catalog import SERVICES
from cds_service.hooks.json_members import (
    Member,
    Members,
    plain_value,
    plain_values,
    read_body,
    string_list,
    without_empty,
)
from cds_service.hooks.request import HookRequest, Service
from cds_service.hooks.schema_checks import check_context, check_envelope

_REFERENCE = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+/[A-Za-z0-9._-]{1,128})(?:/_history/[A-Za-z0-9._-]+)?")


def read_request(service_id: str, body: bytes) -> HookRequest:
    """One validated call.

    Args:
        service_id: last part of the URL called.
        body: the JSON as received. A member that is null or an empty string counts as not sent, except in prefetch,
            where null means that the client searched and found nothing.

    Raises:
        UnknownService: no service has this id.
        RequestError: the body is not JSON in UTF-8, has a duplicate member, or violates the envelope; the message says
            where (JSON pointer), what, and what to send instead. It never quotes a value of the body.
    """
    service = SERVICES.get(service_id)
    if service is None:
        raise UnknownService(f"No service has this id. GET /cds-services lists them: {', '.join(SERVICES)}.")
    members = read_body(body)
    prefetch = _requested_prefetch(service, members)
    envelope = _envelope(members, prefetch)
    check_envelope(envelope)
    _check_hook(service, envelope["hook"])
    context = _upgrade_dispatch_context(_object(members, "context"))
    plain = plain_values(context)
    check_context(service.hook, plain)
    return HookRequest(
        service=service,
        patient_id=plain["patientId"].removeprefix("Patient/"),
        context={name: bytes(raw) for name, raw in context.items()},
        prefetch={name: bytes(raw) for name, raw in prefetch.items()},
        encounter_id=_encounter_id(plain),
        selections=_references(context, service, "selections"),
        dispatched_orders=_references(context, service, "dispatchedOrders"),
        fhir_server=envelope.get("fhirServer"),
        access_token=envelope.get("fhirAuthorization", {}).get("access_token"),
        hook_instance=_uuid(envelope.get("hookInstance")),
    )


def _uuid(text: Any) -> str | None:
    try:
        return str(UUID(text))
    except (ValueError, TypeError, AttributeError):
        return None


def _object(members: Mapping[str, Member], name: str) -> Members:
    value = members.get(name)
    return value if isinstance(value, dict) else {}


def _requested_prefetch(service: Service, members: Mapping[str, Member]) -> Members:
    """Only the keys announced in discovery; other keys are ignored."""
    prefetch = _object(members, "prefetch")
    return {key: prefetch[key] for key in service.prefetch_keys if key in prefetch}


def _envelope(members: Mapping[str, Member], prefetch: Members) -> dict[str, Any]:
    """The request as the schema sees it: objects are empty, except prefetch and authorization, one level deep."""
    envelope = without_empty({name: {} if isinstance(value, dict) else value for name, value in members.items()})
    if isinstance(members.get("prefetch"), dict):
        envelope["prefetch"] = {key: plain_value(raw) for key, raw in prefetch.items()}
    sent = _object(members, "fhirAuthorization")
    authorization = plain_values(sent)
    if "access_token" in sent and "access_token" not in authorization:
        # Some clients send fhirAuthorization with an empty token for an open server; it is ignored.
        del envelope["fhirAuthorization"]
    elif sent:
        envelope["fhirAuthorization"] = authorization
    return envelope


def _check_hook(service: Service, hook: str) -> None:
    """Reject a hook other than the service's own. Source: CDS Hooks 2.0.1, Calling a CDS Service."""
    if hook != service.hook:
        raise RequestError(
            f"/hook is not {service.hook}, the hook of {service.id}: "
            "call the service that GET /cds-services lists for the hook that fired."
        )


def _upgrade_dispatch_context(context: Members) -> Members:
    """Version 1.0 of order-dispatch has one `order`; 1.1 has an array `dispatchedOrders`."""
    if "order" not in context or "dispatchedOrders" in context:
        return context
    return {**context, "dispatchedOrders": msgspec.Raw(b"[" + bytes(context["order"]) + b"]")}


def _encounter_id(context: dict[str, Any]) -> str | None:
    encounter_id: str | None = context.get("encounterId")
    return encounter_id.removeprefix("Encounter/") if encounter_id else None


def _references(context: Members, service: Service, focus: str) -> tuple[str, ...]:
    """The orders named in the focus field of the service, as `Type/id` without server and version."""
    if service.focus != focus:
        return ()
    references = string_list(context[focus])
    matches = [_REFERENCE.fullmatch(text) for text in references or []]
    if references is None or None in matches or (focus == "dispatchedOrders" and not references):
        raise RequestError(f"/context/{focus} must name orders, and only orders: send texts like ServiceRequest/123.")
    return tuple(match[1] for match in matches if match)
