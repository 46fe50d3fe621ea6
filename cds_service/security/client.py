"""The calling client: the output of the security stage. Types only."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Client(msgspec.Struct, frozen=True):
    """One registered EHR.

    `issuer` identifies it in the protocol (`iss`); `name` is for people, in logs, metrics and records, and defaults to
    the issuer. `fhir_servers` are the base URLs its calls may name, `services` the ids it may call, `tenants` the
    tenants it may act for; empty `services` or `tenants` mean all. Cards for a `shadow` client are recorded, not shown.
    `language` is that of its cards, None for the service's.
    `ca_file` holds the CA certificates for fetching its keys; None for the public CAs.
    """

    issuer: str
    fhir_servers: tuple[str, ...] = ()
    name: str = ""
    services: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    shadow: bool = False
    language: str | None = None
    ca_file: Path | None = None

    def may_call(self, service_id: str) -> bool:
        """Whether the client is registered for this service."""
        return not self.services or service_id in self.services
