"""The client that sent the current request."""

from __future__ import annotations

from flask import g

from cds_service.security.client import Client

ANONYMOUS = "open"
"""Client name in records and metrics where no clients are registered."""


def calling_client() -> Client | None:
    """The client whose token the request carried; None where no clients are registered."""
    client: Client | None = g.get("client")
    return client


def client_name() -> str:
    """The issuer of the calling client, or `ANONYMOUS`."""
    return calling_issuer() or ANONYMOUS


def calling_issuer() -> str:
    """The issuer of the calling client; empty where no clients are registered."""
    client = calling_client()
    return client.issuer if client is not None else ""
