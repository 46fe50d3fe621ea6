"""The first step of a call: the body as received -> `HookRequest`, checked against CDS Hooks 2.0.1.

In: bytes. Out: a request whose FHIR content is still bytes. The body is walked once and only the few plain values
of the envelope are decoded, so the cost hardly grows with the size of the record.
Source: CDS Hooks 2.0.1, HTTP Request; the fields of each context are in `schemas/context/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cds_service.errors import RequestError, UnknownService
from cds_service.hooks.catalog import SERVICES
from cds_service.hooks.json_members import (
    Member,
    Members,
    plain_value,
    plain_values,
    read_body,
    texts_of,
    without_empty,
)
from cds_service.hooks.request import HookRequest, Service
from cds_service.hooks.schema_checks import check_context, check_envelope

_REFERENCE = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+/[A-Za-z0-9._-]{1,128})(?:/_history/[A-Za-z0-9._-]+)?")


def read_request(service_id: str, body: bytes) -> HookRequest:
    """One call, checked.

    Args:
        service_id: last part of the URL called.
        body: the JSON as received. A member that is null or empty text counts as not sent, but for prefetch,
            where null says that the client looked and found nothing.

    Raises:
        UnknownService: no service has this id.
        RequestError: the body is not JSON in UTF-8, gives a member twice, or breaks the envelope; the message says
            where (a JSON pointer), what, and what to send instead. It never repeats a value of the body.
    """
    service = SERVICES.get(service_id)
    if service is None:
        raise UnknownService(f"No service has this id. GET /cds-services lists them: {', '.join(SERVICES)}.")
    members = read_body(body)
    prefetch = _asked_prefetch(service, members)
    envelope = _envelope(members, prefetch)
    check_envelope(envelope)
    _check_hook(service, envelope["hook"])
    context = _order_as_dispatched_orders(_object(members, "context"))
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
    )


def _object(members: Mapping[str, Member], name: str) -> Members:
    value = members.get(name)
    return value if isinstance(value, dict) else {}


def _asked_prefetch(service: Service, members: Mapping[str, Member]) -> Members:
    """Only the keys that discovery asks for: clients send others as well, and those are ignored."""
    prefetch = _object(members, "prefetch")
    return {key: prefetch[key] for key in service.prefetch_keys if key in prefetch}


def _envelope(members: Mapping[str, Member], prefetch: Members) -> dict[str, Any]:
    """The request as the schema sees it: every object empty, but prefetch and authorization one level deep."""
    envelope = without_empty({name: {} if isinstance(value, dict) else value for name, value in members.items()})
    if isinstance(members.get("prefetch"), dict):
        envelope["prefetch"] = {key: plain_value(raw) for key, raw in prefetch.items()}
    sent = _object(members, "fhirAuthorization")
    authorization = plain_values(sent)
    if "access_token" in sent and "access_token" not in authorization:
        # Seen in the field: an open server gets an authorization whose token is empty. It opens nothing.
        del envelope["fhirAuthorization"]
    elif sent:
        envelope["fhirAuthorization"] = authorization
    return envelope


def _check_hook(service: Service, hook: str) -> None:
    """Source: CDS Hooks 2.0.1, Calling a CDS Service: a service answers only the hook that it was announced for."""
    if hook != service.hook:
        raise RequestError(
            f"/hook is another one than {service.hook}, the hook of {service.id}: "
            "call the service that GET /cds-services lists for the hook that fired."
        )


def _order_as_dispatched_orders(context: Members) -> Members:
    """Hook version 1.0 of order-dispatch named one `order`; 1.1 has an array of `dispatchedOrders`."""
    if "order" not in context or "dispatchedOrders" in context:
        return context
    return {**context, "dispatchedOrders": msgspec.Raw(b"[" + bytes(context["order"]) + b"]")}


def _encounter_id(context: dict[str, Any]) -> str | None:
    encounter_id: str | None = context.get("encounterId")
    return encounter_id.removeprefix("Encounter/") if encounter_id else None


def _references(context: Members, service: Service, focus: str) -> tuple[str, ...]:
    """The orders named by the field that this service looks at, as `Type/id` without server and version."""
    if service.focus != focus:
        return ()
    texts = texts_of(context[focus])
    matches = [_REFERENCE.fullmatch(text) for text in texts or []]
    if texts is None or None in matches or (focus == "dispatchedOrders" and not texts):
        raise RequestError(f"/context/{focus} names no order or not only orders: send texts like ServiceRequest/123.")
    return tuple(match[1] for match in matches if match)
