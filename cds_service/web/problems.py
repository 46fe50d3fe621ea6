"""Every error answer of the service: an OperationOutcome, and nothing that is not safe to show.

This is the one place where errors are caught. An error never becomes an empty card list.
Source: CDS Hooks 3.0 ballot, CDS Service Response; FHIR R4 OperationOutcome.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from cds_service.errors import CdsError, TooManyCalls
from cds_service.web.call_log import note
from cds_service.web.logs import frames_of

_log = logging.getLogger(__name__)

_ISSUE_TYPES = {
    400: "invalid",
    404: "not-found",
    405: "not-supported",
    413: "too-long",
    415: "not-supported",
    503: "transient",
}


def problem(status: int, diagnostics: str, *, issue_type: str | None = None, severity: str = "error") -> Response:
    """An error answer.

    Args:
        status: the HTTP status.
        diagnostics: what is wrong, where, and what to do; shown to the caller.
        issue_type: code of FHIR issue-type; by default the one that fits the status.
        severity: `error`, or `fatal` where the fault is ours.
    """
    issue = {
        "severity": severity,
        "code": issue_type or _ISSUE_TYPES.get(status, "processing"),
        "diagnostics": diagnostics,
    }
    return Response(
        orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]}),
        status=status,
        mimetype="application/json",
    )


def answer_errors(app: Flask, new_id: Callable[[], str]) -> None:
    """Makes the application answer every error with an OperationOutcome.

    Args:
        app: the application.
        new_id: gives the correlation id of an unexpected error, which the answer and the log share.
    """

    @app.errorhandler(CdsError)
    def expected(error: CdsError) -> Response:
        if error.status >= 500:
            return unexpected(error)
        answer = problem(error.status, error.message, issue_type=error.issue_type)
        if error.status == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"  # and no reason, see RFC 6750, 3
        if isinstance(error, TooManyCalls):
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer

    @app.errorhandler(HTTPException)
    def protocol(error: HTTPException) -> Response:
        status = error.code or 500
        answer = problem(status, _http_diagnostics(status))
        if status == 405:
            answer.headers["Allow"] = error.get_response().headers.get("Allow", "")
        return answer

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        correlation_id = new_id()
        note(correlation_id=correlation_id)
        about = {"correlation_id": correlation_id, "endpoint": request.endpoint, "frames": list(frames_of(error))}
        _log.error("unexpected error", extra=about)
        return problem(
            500,
            f"The service failed on this call and judged nothing. Report the id {correlation_id}.",
            issue_type="exception",
            severity="fatal",
        )


def _http_diagnostics(status: int) -> str:
    match status:
        case 404:
            return "Nothing is served at this path. GET /cds-services lists the services."
        case 405:
            return "This path does not answer this method; the Allow header names those that it does."
        case 503:
            return "The service is not ready. Call again later."
        case _:
            return "The request can't be understood. See /openapi.json."
