"""One line in the log for each call: who, what, how it ended, how long it took; of the patient only a pseudonym."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any

from flask import Flask, Response, g, request

from cds_service.security.pseudonym import pseudonym
from cds_service.web.callers import calling_client

_log = logging.getLogger(__name__)

# Asked every few seconds by machines.
_QUIET = {"/healthz", "/readyz", "/metrics"}


def log_calls(app: Flask, key: bytes) -> None:
    """Makes the application log each call once it is answered.

    Args:
        app: the application; to be called before anything else looks at a call.
        key: the key of pseudonyms.
    """

    @app.before_request
    def start() -> None:
        g.started = perf_counter()

    @app.after_request
    def line(response: Response) -> Response:
        level = logging.DEBUG if request.path in _QUIET else logging.INFO
        if _log.isEnabledFor(level):
            _log.log(level, "call", extra=_facts(response, key))
        return response


def note(**facts: Any) -> None:
    """Adds to the line of this call: ids of ours and counts only. `patient_id` becomes a pseudonym."""
    g.setdefault("facts", {}).update(facts)


def _facts(response: Response, key: bytes) -> dict[str, Any]:
    client = calling_client()
    facts: dict[str, Any] = dict(g.get("facts", {}))
    if "patient_id" in facts:
        facts["patient"] = pseudonym(key, client.issuer if client else "", facts.pop("patient_id"))
    return {
        "method": request.method if request.url_rule else "OTHER",
        # The rule and not the path: whoever calls can write anything into a path.
        "path": request.url_rule.rule if request.url_rule else "unknown",
        "status": response.status_code,
        "milliseconds": round((perf_counter() - g.started) * 1000, 1) if "started" in g else None,
        "client": client.name if client else None,
        "bytes_in": request.content_length,
        "bytes_out": response.calculate_content_length(),
    } | facts
