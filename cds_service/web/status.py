"""Liveness, readiness and the OpenAPI document."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response

from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.storage.store import Store
from cds_service.web.error_responses import error_response
from cds_service.web.openapi import openapi_document


def status_routes(settings: Settings, knowledge: Knowledge, store: Store | None) -> Blueprint:
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
        if store is not None and not store.is_reachable():
            return error_response(
                503, "The database can't be reached: calls are answered, but feedback and records are not stored."
            )
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
