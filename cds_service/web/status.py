"""Liveness, readiness and the OpenAPI document."""

from __future__ import annotations

import threading
import time

import orjson
from flask import Blueprint, Response

from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.storage.writer import Writer
from cds_service.web.error_responses import error_response
from cds_service.web.openapi import openapi_document

_FRESH_SECONDS = 0.5


class StoreState:
    """Whether records and feedback can be stored now. Asked often, it tries a write twice a second at most."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._problem: str | None = None

    def problem(self) -> str | None:
        """Why nothing can be stored; None if all is well."""
        if self._lock.acquire(blocking=False):  # else another thread is asking
            try:
                if time.monotonic() - self._asked_at > _FRESH_SECONDS:
                    self._problem = self._writer.store.problem()
                    self._asked_at = time.monotonic()
            finally:
                self._lock.release()
        return self._problem or self._writer.problem


def status_routes(settings: Settings, knowledge: Knowledge, store: StoreState | None) -> Blueprint:
    """`GET /healthz`, `GET /readyz`, `GET /openapi.json`."""
    routes = Blueprint("status", __name__)
    openapi = orjson.dumps(openapi_document(settings.public_url))

    @routes.get("/healthz")
    def alive() -> Response:
        return Response(orjson.dumps({"status": "alive"}), mimetype="application/json")

    @routes.get("/readyz")
    def ready() -> Response:
        state = {"status": "ready", "knowledgeVersion": knowledge.version}
        if refusal := not_ready(knowledge):
            return refusal
        if store is not None and (problem := store.problem()):
            return error_response(503, f"{problem} Calls are answered, but feedback and records are not stored.")
        return Response(orjson.dumps(state), mimetype="application/json")

    @routes.get("/openapi.json")
    def describe() -> Response:
        return Response(openapi, mimetype="application/json")

    return routes


def not_ready(knowledge: Knowledge) -> Response | None:
    """A 503 response if a table is empty, else None.

    With an empty table every call would get an empty card list, which means "looked, found nothing".
    """
    if knowledge.procedures and knowledge.contraindications:
        return None
    return error_response(503, "The tables are empty, so nothing can be judged: run `cds-service check` on the server.")
