"""Feedback over HTTP: acknowledged only after it is stored.

Source: CDS Hooks 2.0.1, Feedback.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response

from cds_service.errors import StoreUnavailable, TooMuchFeedback, UnknownService
from cds_service.hooks.catalog import SERVICES
from cds_service.hooks.feedback import read_feedback
from cds_service.settings import Settings
from cds_service.storage.feedback import Batch, Sender
from cds_service.storage.store import RETRY_SECONDS
from cds_service.storage.writer import Writer
from cds_service.web.bodies import json_body
from cds_service.web.calling_client import client_name
from cds_service.web.error_responses import error_response
from cds_service.web.metrics import Metrics

_log = logging.getLogger(__name__)

_MAX_BODY = 1_048_576
_TIMEOUT_SECONDS = 5.0


def feedback_routes(
    settings: Settings, writer: Writer | None, metrics: Metrics, clock: Callable[[], datetime]
) -> Blueprint:
    """`POST /cds-services/<id>/feedback`."""
    routes = Blueprint("feedback", __name__)

    @routes.post("/cds-services/<service_id>/feedback")
    def receive(service_id: str) -> Response:
        if service_id not in SERVICES:
            raise UnknownService("No service has this id. GET /cds-services lists the ids.")
        entries = read_feedback(json_body(min(settings.max_body, _MAX_BODY)))
        if writer is None:
            return _unavailable("This service stores no feedback: ask its operator to set CDS_DATABASE_URL.")
        sender = Sender(client_name(), service_id, clock())
        try:
            result = writer.save_feedback(Batch(entries, sender, settings.keep_comments), _TIMEOUT_SECONDS)
        except StoreUnavailable:
            return _unavailable("The feedback was not stored, because the database can't be written: send it again.")
        except TooMuchFeedback as error:
            _log.warning("feedback of %s was refused: %s", sender.client, error.message)
            raise
        metrics.count_feedback(result, sender.client)
        response = Response(status=200)
        del response.headers["Content-Type"]
        return response

    @routes.after_request
    def count(response: Response) -> Response:
        metrics.count_feedback_request(response.status_code)
        return response

    return routes


def _unavailable(diagnostics: str) -> Response:
    response = error_response(503, diagnostics)
    response.headers["Retry-After"] = str(round(RETRY_SECONDS))
    return response
