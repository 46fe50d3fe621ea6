"""Feedback over HTTP: acknowledged only when it is kept.

Source: CDS Hooks 2.0.1, Feedback.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response

from cds_service.errors import SettingError, StoreUnavailable, UnknownService
from cds_service.hooks.catalog import SERVICES
from cds_service.hooks.feedback import read_feedback
from cds_service.settings import Settings
from cds_service.storage.feedback import Sender, keep_feedback
from cds_service.storage.store import PAUSE_SECONDS
from cds_service.web.bodies import json_body
from cds_service.web.problems import problem
from cds_service.web.records import Records, client_name

_MAX_BODY = 1_048_576
_PATIENCE_SECONDS = 5.0


def feedback_routes(settings: Settings, records: Records, clock: Callable[[], datetime]) -> Blueprint:
    """`POST /cds-services/<id>/feedback`."""
    routes = Blueprint("feedback", __name__)

    @routes.post("/cds-services/<service_id>/feedback")
    def take(service_id: str) -> Response:
        if service_id not in SERVICES:
            raise UnknownService("No service has this id. GET /cds-services lists the ids.")
        entries = read_feedback(json_body(min(settings.max_body, _MAX_BODY)))
        if records.store is None:
            return _later("This service keeps no feedback: its operator has to name a database (CDS_DATABASE_URL).")
        sender = Sender(client_name(), service_id, clock())
        try:
            kept = keep_feedback(
                records.store,
                entries,
                sender,
                with_comments=settings.keep_comments,
                seconds=_PATIENCE_SECONDS,
            )
        except (StoreUnavailable, SettingError):
            return _later("The feedback was not kept, because the store is away: send it again.")
        records.metrics.count_feedback(kept, sender.client)
        answer = Response(status=200)
        del answer.headers["Content-Type"]
        return answer

    @routes.after_request
    def count(response: Response) -> Response:
        records.metrics.count_feedback_request(response.status_code)
        return response

    return routes


def _later(diagnostics: str) -> Response:
    answer = problem(503, diagnostics)
    answer.headers["Retry-After"] = str(round(PAUSE_SECONDS))
    return answer
