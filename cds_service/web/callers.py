"""Who is calling, for as long as the call lasts."""

from __future__ import annotations

from flask import g

from cds_service.security.client import Client


def calling_client() -> Client | None:
    """The client whose token this call carried; None where nobody has to say who they are."""
    client: Client | None = g.get("client")
    return client
