"""One log line per request: client, path, status, time. The patient appears only as a pseudonym."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any

from flask import Flask, Response, g, request

from cds_service.security.pseudonym import pseudonym
from cds_service.web.calling_client import calling_client, calling_issuer

_log = logging.getLogger(__name__)

# Polled every few seconds by probes and Prometheus: logged at DEBUG.
_POLLED_PATHS = {"/healthz", "/readyz", "/metrics"}


def register_call_log(app: Flask, key: bytes) -> None:
    """Log each request after it is answered.

    Args:
        app: the application; register before every other hook.
        key: the key of the pseudonyms.
    """

    @app.before_request
    def start() -> None:
        g.started = perf_counter()

    @app.after_request
    def log(response: Response) -> Response:
        level = logging.DEBUG if request.path in _POLLED_PATHS else logging.INFO
        if _log.isEnabledFor(level):
            _log.log(level, "call", extra=_fields(response, key))
        return response


def add_log_fields(**fields: Any) -> None:
    """Add fields to the log line of this request: our own ids and counts only. `patient_id` becomes a pseudonym."""
    g.setdefault("log_fields", {}).update(fields)


def _fields(response: Response, key: bytes) -> dict[str, Any]:
    client = calling_client()
    added: dict[str, Any] = dict(g.get("log_fields", {}))
    if "patient_id" in added:
        added["patient"] = pseudonym(key, calling_issuer(), added.pop("patient_id"))
    return {
        "method": request.method if request.url_rule else "OTHER",
        # The route, not the path: callers can write anything into a path.
        "path": request.url_rule.rule if request.url_rule else "unknown",
        "status": response.status_code,
        "milliseconds": round((perf_counter() - g.started) * 1000, 1) if "started" in g else None,
        "client": client.name if client else None,
        "bytes_in": request.content_length,
        "bytes_out": response.calculate_content_length(),
    } | added
