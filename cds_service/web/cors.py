"""CORS: which web pages may call the service from a browser.

Source: CDS Hooks 2.0.1, Cross-Origin Resource Sharing. A preflight carries no token. Error responses need the headers
too, or the page can't read them.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask, Response, request

from cds_service.security.fhir_servers import is_loopback

_PROTOCOL_PATH = "/cds-services"


def register_cors(app: Flask, origins: Collection[str], *, allow_loopback: bool = False) -> None:
    """Answer preflights under `/cds-services` and add CORS headers to every response there.

    Args:
        app: the application.
        origins: such as `https://ehr.example.org`; `*` allows every origin.
        allow_loopback: also allow pages served by this machine, on any port.
    """

    def allowed(origin: str) -> bool:
        return origin in origins or "*" in origins or (allow_loopback and _is_loopback_origin(origin))

    @app.before_request
    def preflight() -> Response | None:
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return Response(status=204) if is_preflight and _is_protocol_path() else None

    @app.after_request
    def add_headers(response: Response) -> Response:
        if not (origins or allow_loopback) or not _is_protocol_path():
            return response
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin and allowed(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Methods"] = "GET, POST"
                response.headers["Access-Control-Allow-Headers"] = "authorization, content-type"
                response.headers["Access-Control-Max-Age"] = "600"
                if "Access-Control-Request-Private-Network" in request.headers:
                    # Browsers ask for this when a page from the internet calls a service on this machine.
                    response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response


def _is_loopback_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def _is_protocol_path() -> bool:
    return request.path == _PROTOCOL_PATH or request.path.startswith(f"{_PROTOCOL_PATH}/")
