"""Who gets in: with registered clients every call needs a token, but for a few paths that say nothing of anybody.

The token is looked at before anything of the body is read. An answer never says what was wrong with it; the log does.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, g, request

from cds_service.errors import NotAllowed, NotAuthenticated, RequestError, SettingError
from cds_service.hooks.catalog import SERVICES
from cds_service.security.clients_file import read_clients
from cds_service.security.fhir_servers import is_loopback
from cds_service.security.replay import LocalMemory, RedisMemory
from cds_service.security.tokens import TokenRefused, TokenVerifier
from cds_service.settings import Settings

_log = logging.getLogger(__name__)

OPEN_PATHS = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/knowledge", "/pages.css"}
"""What anyone may read: machines that watch the service, and pages that hold the tables. Everything else is closed."""


def token_verifier(settings: Settings, used_tokens: Path | None) -> TokenVerifier | None:
    """Who lets registered clients in; None where none are registered.

    Args:
        settings: the settings in force.
        used_tokens: a folder of this service alone, shared by the processes of one machine; None makes a new one.

    Raises:
        ClientsError: the file of clients is wrong.
        SettingError: a setting that clients need is missing or unsafe.
    """
    if settings.clients is None:
        return None
    _check_public_url(settings.public_url)
    registrations = read_clients(settings.clients, SERVICES)
    names = ", ".join(registration.client.name for registration in registrations.values())
    _log.info("Only registered clients get in: %s", names)
    local = LocalMemory(used_tokens or Path(tempfile.mkdtemp(prefix="cds-service-")))
    memory = RedisMemory(settings.redis_url, local) if settings.redis_url else local
    return TokenVerifier(registrations, memory.first_use)


def ask_who_calls(app: Flask, settings: Settings, keeper: TokenVerifier | None) -> None:
    """Makes every call that isn't on an open path prove who sends it; sets `g.client`.

    Args:
        app: the application; preflights must have been answered before.
        settings: the settings in force.
        keeper: who lets clients in; None asks nobody.
    """
    if keeper is None:
        if is_loopback(settings.host):
            _answer_to_own_names(app, settings.public_url)
        return

    @app.before_request
    def identify() -> None:
        if request.path in OPEN_PATHS:
            return
        try:
            g.client = keeper.identify(request.headers.get("Authorization"), f"{settings.public_url}{request.path}")
        except TokenRefused as refused:
            about = {"iss": refused.issuer, "kid": refused.key_id, "jti": refused.token_id}
            _log.warning("token refused", extra={"reason": refused.reason, **about})
            raise NotAuthenticated("This call needs a bearer token of a registered client.") from None
        # Whatever is called of a service: the call, and what the EHR reports of its cards.
        service_id = (request.view_args or {}).get("service_id")
        if service_id in SERVICES and not g.client.may_call(service_id):
            raise NotAllowed("The client is not registered for this service (clients file, services).")


def _answer_to_own_names(app: Flask, public_url: str | None) -> None:
    """Refuses calls by the name of another machine.

    A web page can make a name of its own lead to this machine, and so reach an open service from a visitor's browser.
    """
    public = _host_of(public_url)

    @app.before_request
    def check_host() -> None:
        host = _host_of(f"//{request.host}")
        if host != public and not is_loopback(host):
            raise RequestError(
                "The service answers callers on this machine only, and the Host header names another. "
                "Register clients (CDS_CLIENTS), or set CDS_PUBLIC_URL to the address that is called."
            )


def _check_public_url(public_url: str | None) -> None:
    if public_url is None:
        raise SettingError(
            "CDS_CLIENTS is set and CDS_PUBLIC_URL is not; the tokens of clients are made out to it: "
            "write the URL that they call, without /cds-services"
        )
    if public_url.endswith("/cds-services"):
        raise SettingError(f'CDS_PUBLIC_URL is "{public_url}"; write it without /cds-services, which is added to it')
    if not public_url.startswith("https://") and not is_loopback(_host_of(public_url)):
        raise SettingError(
            f'CDS_PUBLIC_URL is "{public_url}"; records and tokens would travel in clear: '
            "write an https URL and put a proxy with TLS before the service, see docs/operations.md"
        )


def _host_of(url: str | None) -> str:
    return urlsplit(url or "").hostname or ""
