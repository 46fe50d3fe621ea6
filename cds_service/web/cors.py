"""Which web pages may call the service from a browser.

Source: CDS Hooks 2.0.1, Cross-Origin Resource Sharing. A preflight carries no token, and an error answer
needs the headers as well: without them the page can't read why it was refused.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask, Response, request

from cds_service.security.fhir_servers import is_loopback

_PATH = "/cds-services"


def allow_origins(app: Flask, origins: Collection[str], *, of_this_machine: bool = False) -> None:
    """Answers preflights under `/cds-services` and marks every answer there as readable by the origins listed.

    Args:
        app: the application.
        origins: such as `https://ehr.example.org`; `*` among them allows every origin.
        of_this_machine: also allow pages that this machine serves itself, on any port.
    """

    def allowed(origin: str) -> bool:
        return origin in origins or "*" in origins or (of_this_machine and _is_of_this_machine(origin))

    @app.before_request
    def preflight() -> Response | None:
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return Response(status=204) if asks and _is_ours() else None

    @app.after_request
    def mark(response: Response) -> Response:
        if not (origins or of_this_machine) or not _is_ours():
            return response
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin and allowed(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Methods"] = "GET, POST"
                response.headers["Access-Control-Allow-Headers"] = "authorization, content-type"
                response.headers["Access-Control-Max-Age"] = "600"
                if "Access-Control-Request-Private-Network" in request.headers:
                    # Asked by browsers where a page of the internet calls a service on this machine.
                    response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response


def _is_of_this_machine(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def _is_ours() -> bool:
    return request.path == _PATH or request.path.startswith(f"{_PATH}/")
