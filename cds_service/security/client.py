"""Who is calling: the output of the security stage. Only types live here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """One registered EHR, as far as a call needs to know it.

    `issuer` names it in logs, metrics and records. `fhir_servers` are the base URLs that its calls may name.
    `shadow`: its calls are judged and recorded, and nothing is shown.
    """

    issuer: str
    fhir_servers: tuple[str, ...] = ()
    shadow: bool = False
