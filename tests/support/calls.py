"""Hook calls for tests: the smallest valid body of each hook, with changes by the test."""

from __future__ import annotations

from typing import Any

import orjson

from cds_service.kinds import KINDS

CONTEXTS: dict[str, dict[str, Any]] = {
    "ir-order-select": {
        "userId": "Practitioner/p1",
        "patientId": "pat-1",
        "selections": ["ServiceRequest/draft-1"],
        "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": []},
    },
    "ir-order-sign": {
        "userId": "Practitioner/p1",
        "patientId": "pat-1",
        "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": []},
    },
    "ir-order-dispatch": {
        "patientId": "pat-1",
        "dispatchedOrders": ["ServiceRequest/order-1"],
        "performer": "Organization/ir-suite",
    },
    "ir-appointment-book": {
        "userId": "Practitioner/p1",
        "patientId": "pat-1",
        "appointments": {"resourceType": "Bundle", "type": "collection", "entry": []},
    },
    "ir-patient-view": {"userId": "Practitioner/p1", "patientId": "pat-1"},
}
"""Service id -> a valid context of its hook."""

EMPTY_BUNDLE = {"resourceType": "Bundle", "type": "searchset", "total": 0}
NOTHING_RECORDED: dict[str, Any] = {
    **dict.fromkeys(KINDS, EMPTY_BUNDLE),
    "patient": {"resourceType": "Patient", "id": "pat-1"},
}
"""Prefetch of a client that searched for everything and found nothing."""


def a_call(service_id: str = "ir-order-sign", **changes: Any) -> dict[str, Any]:
    """A valid hook request.

    Args:
        service_id: the service that it is for.
        changes: members of the request to replace; `context` is merged into the smallest valid one.
    """
    context = CONTEXTS[service_id] | changes.pop("context", {})
    hook = service_id.removeprefix("ir-")
    return {"hook": hook, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context} | changes


def an_order(text: str, order_id: str = "draft-1") -> dict[str, Any]:
    """A draft ServiceRequest with its procedure as text."""
    return {
        "resourceType": "ServiceRequest",
        "id": order_id,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/pat-1"},
        "code": {"text": text},
    }


def drafts(*orders: dict[str, Any]) -> dict[str, Any]:
    """A context with these orders as `draftOrders`."""
    entries = [{"resource": order} for order in orders]
    return {"draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": entries}}


def as_json(body: Any) -> bytes:
    """A body as bytes."""
    return orjson.dumps(body)
