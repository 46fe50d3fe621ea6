"""One call of a service as an EHR would make it: in this process, or over HTTP to a running service.

In: a body and a service id. Out: a `Reply`, the same for both ways.
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
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.errors import RequestError, SetupError
from cds_service.hooks.envelope import read_request
from cds_service.hooks.response import encode_response
from cds_service.knowledge.tables import Knowledge

Signer = Callable[[str], str]
"""The URL that is called -> a signed token for it."""

_SECONDS = 60
"""How long to wait for a running service; longer than any deadline that it keeps for itself."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered.

    `body` is the response JSON where `status` is 200; otherwise `problem` says in words what was wrong.
    """

    status: int
    body: bytes = b""
    problem: str = ""


def call_here(
    body: bytes,
    service_id: str,
    knowledge: Knowledge,
    now: datetime,
    *,
    with_decision: bool = True,
    fhir: FhirServers | None = None,
) -> Reply:
    """Judge a request in this process, through the same stages as the web service.

    With `fhir` the FHIR server that it names is asked for what its prefetch lacks.
    """
    try:
        request = read_request(service_id, body)
        result = answer(request, knowledge, now=now, new_id=lambda: str(uuid4()), fhir=fhir)
    except RequestError as error:
        return Reply(error.status, problem=error.message)
    return Reply(200, encode_response(result.cards, result.decision if with_decision else None))


def call_service(body: bytes, service_id: str, base_url: str, sign: Signer | None = None) -> Reply:
    """Send a request to a running service.

    Args:
        body: the request.
        service_id: last part of the URL.
        base_url: what discovery stands under, `http://127.0.0.1:8080`; one ending in `/cds-services` is understood.
        sign: makes the token for a URL, where the service wants to know who calls.

    Raises:
        SetupError: nothing answers there.
    """
    return _sent("POST", f"{_discovery_url(base_url)}/{service_id}", sign, body)


def ask_discovery(base_url: str, sign: Signer | None = None) -> list[dict[str, Any]]:
    """The services that a running service announces, as its discovery document lists them.

    Raises:
        SetupError: nothing answers there, or with no discovery document.
    """
    url = _discovery_url(base_url)
    reply = _sent("GET", url, sign)
    try:
        services = orjson.loads(reply.body)["services"]
        found = [dict(entry) for entry in services]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise SetupError(f"{url}: answered {reply.status} and no discovery document. {reply.problem}") from None
    return found


def _discovery_url(base_url: str) -> str:
    return f"{base_url.rstrip('/').removesuffix('/cds-services')}/cds-services"


def _sent(method: str, url: str, sign: Signer | None, body: bytes | None = None) -> Reply:
    if not url.startswith(("http://", "https://")):
        raise SetupError(f"{url}: is no URL; write it with its scheme, such as http://127.0.0.1:8080")
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if sign is not None:
        headers["Authorization"] = f"Bearer {sign(url)}"
    try:
        response = requests.request(method, url, data=body, headers=headers, timeout=_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise SetupError(
            f"{url}: no answer ({type(error).__name__}). Is the service running? Start one with: cds-service serve"
        ) from error
    problem = "" if response.status_code == requests.codes.ok else outcome_text(response.content)
    return Reply(response.status_code, response.content, problem)


def outcome_text(body: bytes) -> str:
    """What an OperationOutcome says, its issues joined; of another body, that it was none."""
    try:
        issues: list[dict[str, Any]] = orjson.loads(body)["issue"]
        said = [i.get("diagnostics") or i.get("details", {}).get("text") or i.get("code", "") for i in issues]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "the answer is no OperationOutcome"
    return "; ".join(str(text) for text in said if text) or "the OperationOutcome says nothing"
