"""A hook call, checked against the protocol but with its FHIR content still raw: the output of the hooks stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the service catalog (CDS Hooks 2.0.1, Discovery).

    `focus` says where the orders are: `draftOrders`, `selections`, `dispatchedOrders`, `appointments`, or `none`.
    """

    id: str
    hook: str
    description: str
    focus: str
    prefetch_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call. `context` and `prefetch` map names to the raw JSON bytes of each member.

    `prefetch` holds a key with the bytes `null` where the client sent null, and no key where it sent none:
    two different things. `patient_id` and `encounter_id` are bare ids, `selections` and `dispatched_orders` are
    `Type/id`.
    `access_token` is secret: it is never logged, stored or shown.
    """

    service: Service
    patient_id: str
    context: Mapping[str, bytes]
    prefetch: Mapping[str, bytes]
    encounter_id: str | None = None
    selections: tuple[str, ...] = ()
    dispatched_orders: tuple[str, ...] = ()
    fhir_server: str | None = None
    access_token: str | None = field(default=None, repr=False)
