"""One hook call as an EHR makes it: in this process, or over HTTP to a running service.

In: a body and a service id. Out: a `Reply`, the same for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
import requests

from cds_service.answer import answer
from cds_service.cards.context import DEFAULT_CARD_SETTINGS, CardSettings
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.errors import RequestError, SetupError
from cds_service.hooks.envelope import read_request
from cds_service.hooks.response import encode_response
from cds_service.knowledge.tables import Knowledge

Signer = Callable[[str], str]
"""The URL to call -> a signed token for it."""

_SECONDS = 60
"""Timeout for a running service; longer than any deadline of the service itself."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a service: `body` is the response JSON if `status` is 200, else `error` says what is wrong."""

    status: int
    body: bytes = b""
    error: str = ""


def call_in_process(
    body: bytes,
    service_id: str,
    knowledge: Knowledge,
    now: datetime,
    *,
    with_decision: bool = True,
    card_settings: CardSettings = DEFAULT_CARD_SETTINGS,
    fhir: FhirServers | None = None,
) -> Reply:
    """Judge a request in this process, through the same stages as the web service.

    With `fhir`, data missing from prefetch are retrieved from the FHIR server named in the request.
    """
    try:
        request = read_request(service_id, body)
        result = answer(
            request, knowledge, now=now, new_id=lambda: str(uuid4()), fhir=fhir, card_settings=card_settings
        )
    except RequestError as error:
        return Reply(error.status, error=error.message)
    return Reply(200, encode_response(result.cards, result.decision if with_decision else None))


def call_service(body: bytes, service_id: str, base_url: str, sign: Signer | None = None) -> Reply:
    """Send a request to a running service.

    Args:
        body: the request.
        service_id: last part of the URL.
        base_url: base URL of the service, `http://127.0.0.1:8080`; with or without `/cds-services`.
        sign: creates the token for a URL, if the service requires one.

    Raises:
        SetupError: the service does not answer.
    """
    return _send("POST", f"{_discovery_url(base_url)}/{service_id}", sign, body)


def fetch_discovery(base_url: str, sign: Signer | None = None) -> list[dict[str, Any]]:
    """The entries of a running service's discovery document.

    Raises:
        SetupError: the service does not answer, or not with a discovery document.
    """
    url = _discovery_url(base_url)
    reply = _send("GET", url, sign)
    try:
        services = orjson.loads(reply.body)["services"]
        found = [dict(entry) for entry in services]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise SetupError(f"{url}: answered {reply.status} without a discovery document. {reply.error}") from None
    return found


def _discovery_url(base_url: str) -> str:
    return f"{base_url.rstrip('/').removesuffix('/cds-services')}/cds-services"


def _send(method: str, url: str, sign: Signer | None, body: bytes | None = None) -> Reply:
    if not url.startswith(("http://", "https://")):
        raise SetupError(f"{url}: is not a URL; write it with its scheme, such as http://127.0.0.1:8080")
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if sign is not None:
        headers["Authorization"] = f"Bearer {sign(url)}"
    try:
        response = requests.request(method, url, data=body, headers=headers, timeout=_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise SetupError(
            f"{url}: no answer ({type(error).__name__}); start the service with cds-service serve"
        ) from error
    message = "" if response.status_code == requests.codes.ok else outcome_text(response.content)
    return Reply(response.status_code, response.content, message)


def outcome_text(body: bytes) -> str:
    """The texts of the issues in an OperationOutcome, joined; for any other body, a text that says so."""
    try:
        issues: list[dict[str, Any]] = orjson.loads(body)["issue"]
        texts = [i.get("diagnostics") or i.get("details", {}).get("text") or i.get("code", "") for i in issues]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "the answer is not an OperationOutcome"
    return "; ".join(str(text) for text in texts if text) or "the OperationOutcome has no text"
