"""Authentication: with registered clients every request needs a token, except for a few paths without client data.

The token is verified before any of the body is read. The response never says what is wrong with it; the log does.
"""

from __future__ import annotations

import logging
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, g, request

from cds_service.errors import NotAllowed, NotAuthenticated, RequestError, SettingError
from cds_service.hooks.catalog import SERVICES
from cds_service.security.fhir_servers import is_loopback
from cds_service.settings import Settings

if TYPE_CHECKING:
    from cds_service.security.tokens import TokenVerifier

_log = logging.getLogger(__name__)

OPEN_PATHS = {
    *("/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/connect", "/pages.css"),
    *("/knowledge", "/knowledge.json", "/knowledge/tables"),
}
"""Paths that anyone may read: probes, metrics and pages with the tables. All others need a token."""
OPEN_ROUTES = {"/knowledge/<kind>/<name>", "/knowledge/<kind>/<name>.json"}
"""Routes with parts that vary and that anyone may read: one row of the tables."""
TRY_ROUTES = {"/try", "/try/request.json"}
"""Open where people may try orders, see `can_try`."""

SUMMARY_ROUTES = {"/summary/<token>", "/summary/<token>.json"}
"""Open where cards link to summaries (`CDS_SUMMARY_LINKS`): the link is the key, see `security/sealed_links.py`."""


def can_try(settings: Settings) -> bool:
    """Whether the page `/try` is there: by its setting, else where only this machine can call, without a token."""
    if settings.try_ is not None:
        return settings.try_
    return settings.clients is None and is_loopback(settings.host)


def create_token_verifier(settings: Settings, used_tokens_folder: Path | None) -> TokenVerifier | None:
    """The verifier for the tokens of registered clients; None if no clients are registered.

    Args:
        settings: the settings in force.
        used_tokens_folder: a private folder shared by the processes on one machine; None creates a new one.

    Raises:
        ClientsError: the clients file is wrong.
        SettingError: a setting that clients need is missing or unsafe.
    """
    if settings.clients is None:
        return None
    # Where no clients are registered, nothing of tokens and keys is loaded: 0.1 s of a start.
    from cds_service.security.clients_file import read_clients
    from cds_service.security.replay import LocalReplayCache, RedisReplayCache
    from cds_service.security.tokens import TokenVerifier

    _check_public_url(settings.public_url)
    registrations = read_clients(settings.clients, SERVICES)
    names = ", ".join(registration.client.name for registration in registrations.values())
    _log.info("Only registered clients are admitted: %s", names)
    local_cache = LocalReplayCache(used_tokens_folder or Path(tempfile.mkdtemp(prefix="cds-service-")))
    cache = RedisReplayCache(settings.redis_url, local_cache) if settings.redis_url else local_cache
    return TokenVerifier(registrations, cache.first_use)


def require_authentication(app: Flask, settings: Settings, verifier: TokenVerifier | None) -> None:
    """Require a valid token on every path that is not open; sets `g.client`.

    Args:
        app: the application; CORS preflights must be answered before.
        settings: the settings in force.
        verifier: verifies the tokens; None lets everyone in.
    """
    if verifier is None:
        if is_loopback(settings.host):
            _check_host_header(app, settings.public_url)
        return
    from cds_service.security.tokens import InvalidToken

    open_routes = OPEN_ROUTES | (TRY_ROUTES if can_try(settings) else set())
    open_routes |= SUMMARY_ROUTES if settings.summary_links else set()

    @app.before_request
    def authenticate() -> None:
        if request.path in OPEN_PATHS or (request.url_rule is not None and request.url_rule.rule in open_routes):
            return
        try:
            g.client = verifier.verify(request.headers.get("Authorization"), f"{settings.public_url}{request.path}")
        except InvalidToken as error:
            claims = {"iss": error.issuer, "kid": error.key_id, "jti": error.token_id}
            _log.warning("token refused", extra={"reason": error.reason, **claims})
            raise NotAuthenticated("This call needs a bearer token of a registered client.") from None
        # For hook calls and for feedback alike.
        service_id = (request.view_args or {}).get("service_id")
        if service_id in SERVICES and not g.client.may_call(service_id):
            raise NotAllowed("The client is not registered for this service (clients file, services).")


def _check_host_header(app: Flask, public_url: str | None) -> None:
    """Reject requests whose Host header names another machine.

    A web page can point its own host name at this machine (DNS rebinding) and so call an open service from a visitor's
    browser.
    """
    public = _hostname(public_url)

    @lru_cache(maxsize=256)
    def is_ours(host: str) -> bool:
        return (name := _hostname(f"//{host}")) == public or is_loopback(name)

    @app.before_request
    def check_host() -> None:
        if not is_ours(request.host):
            raise RequestError(
                "The service answers callers on this machine only, and the Host header names another. "
                "Register clients (CDS_CLIENTS), or set CDS_PUBLIC_URL to the URL that is called."
            )


def _check_public_url(public_url: str | None) -> None:
    if public_url is None:
        raise SettingError(
            "CDS_CLIENTS is set but CDS_PUBLIC_URL is not, which the tokens of clients have as audience; "
            "write the URL that clients call, without /cds-services"
        )
    if public_url.endswith("/cds-services"):
        raise SettingError(f'CDS_PUBLIC_URL is "{public_url}"; write it without /cds-services, which is added to it')
    if not public_url.startswith("https://") and not is_loopback(_hostname(public_url)):
        raise SettingError(
            f'CDS_PUBLIC_URL is "{public_url}", over which records and tokens would travel unencrypted; '
            "write an https URL and put a TLS proxy in front of the service, see docs/operations.md"
        )


def _hostname(url: str | None) -> str:
    return urlsplit(url or "").hostname or ""
