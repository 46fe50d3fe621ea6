"""A hook call, validated against the protocol, its FHIR content still raw bytes: the output of the hooks stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


class Service(msgspec.Struct, frozen=True):
    """One entry of the service catalog (CDS Hooks 2.0.1, Discovery).

    `focus` is the context field with the orders: `draftOrders`, `selections`, `dispatchedOrders`, `appointments`, or
    `none`.
    """

    id: str
    hook: str
    description: str
    focus: str
    prefetch_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call. `context` and `prefetch` map names to the raw JSON bytes of each member.

    A prefetch key that the client sent as null has the bytes `null`; a key that it did not send is absent. The two
    differ in meaning. `patient_id` and `encounter_id` are bare ids, `selections` and `dispatched_orders` are `Type/id`.
    `access_token` is secret: never log, store or show it.
    """

    service: Service
    patient_id: str
    context: Mapping[str, bytes]
    prefetch: Mapping[str, bytes]
    encounter_id: str | None = None
    selections: tuple[str, ...] = ()
    dispatched_orders: tuple[str, ...] = ()
    fhir_server: str | None = None
    fhir_server_refused: bool = False
    """The call named a server that may not be read; it is judged on its prefetch alone."""
    access_token: str | None = field(default=None, repr=False)
    hook_instance: str | None = None
    """The id of this firing of the hook, where it is a UUID as the protocol asks for; else None."""
