"""Every error response of the service: an OperationOutcome with nothing that is unsafe to show.

Errors are caught only here. An error never becomes an empty card list.
Source: CDS Hooks 3.0 ballot, CDS Service Response; FHIR R4 OperationOutcome.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from cds_service.errors import CdsError, TooManyBodies, TooManyCalls
from cds_service.web.call_log import add_log_fields
from cds_service.web.logs import traceback_frames

_log = logging.getLogger(__name__)

_ISSUE_TYPES = {
    400: "invalid",
    404: "not-found",
    405: "not-supported",
    408: "timeout",
    413: "too-long",
    414: "too-long",
    415: "not-supported",
    417: "not-supported",
    431: "too-long",
    501: "not-supported",
    503: "transient",
}


def error_response(
    status: int, diagnostics: str, *, issue_type: str | None = None, severity: str = "error"
) -> Response:
    """An OperationOutcome with one issue.

    Args:
        status: the HTTP status.
        diagnostics: what is wrong, where, and what to do; shown to the caller.
        issue_type: code of FHIR issue-type; by default the one that fits the status.
        severity: `error`, or `fatal` for a failure of the service itself.
    """
    body = operation_outcome(status, diagnostics, issue_type=issue_type, severity=severity)
    return Response(body, status=status, mimetype="application/json")


def operation_outcome(
    status: int, diagnostics: str, *, issue_type: str | None = None, severity: str = "error"
) -> bytes:
    """The body of `error_response`, as JSON."""
    issue = {
        "severity": severity,
        "code": issue_type or _ISSUE_TYPES.get(status, "processing"),
        "diagnostics": diagnostics,
    }
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})


def register_error_handlers(app: Flask, new_id: Callable[[], str]) -> None:
    """Answer every error with an OperationOutcome.

    Args:
        app: the application.
        new_id: returns the correlation id of an unexpected error, which is in the response and in the log.
    """

    @app.errorhandler(CdsError)
    def expected(error: CdsError) -> Response:
        if error.status >= 500 and not isinstance(error, TooManyBodies):
            return unexpected(error)
        response = error_response(error.status, error.message, issue_type=error.issue_type)
        if error.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"  # without error details, see RFC 6750, 3
        if isinstance(error, (TooManyCalls, TooManyBodies)):
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        response = error_response(status, _http_diagnostics(status))
        if status == 405:
            response.headers["Allow"] = error.get_response().headers.get("Allow", "")
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        correlation_id = new_id()
        add_log_fields(correlation_id=correlation_id)
        fields = {
            "correlation_id": correlation_id,
            "endpoint": request.endpoint,
            "frames": list(traceback_frames(error)),
        }
        _log.error("unexpected error", extra=fields)
        return error_response(
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
            return "This path does not allow this method; the Allow header lists the allowed ones."
        case 503:
            return "The service is not ready. Call again later."
        case _:
            return "The request is not valid. See /openapi.json."
