"""Who is calling: the output of the security stage. Only types live here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Client:
    """One registered EHR, as far as a call needs to know it.

    `issuer` names it to the protocol (`iss`), `name` to people: in logs, metrics and records; where no name is
    registered it is the issuer. `fhir_servers` are the base URLs that its calls may name, `services` the ids that it
    may call, `tenants` the ones that it may speak for; the last two say "all" where they are empty. The cards of a
    `shadow` client are recorded and not shown. `ca_file` holds the certificates that the server of its keys is
    checked by; None for the public ones.
    """

    issuer: str
    fhir_servers: tuple[str, ...] = ()
    name: str = ""
    services: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    shadow: bool = False
    ca_file: Path | None = None

    def may_call(self, service_id: str) -> bool:
        """Whether it is registered for this service."""
        return not self.services or service_id in self.services
