"""The protocol over HTTP: discovery, and the call of a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from cds_service.answer import answer
from cds_service.errors import BodyTooLarge, NotJson, UnknownService
from cds_service.hooks.catalog import SERVICES, discovery
from cds_service.hooks.envelope import read_request
from cds_service.hooks.response import encode_response
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.web.status import not_ready
from cds_service.web.validation import validate_in_background

# `application/json+fhir` is what clients of the DSTU2 era call FHIR JSON.
_JSON_TYPES = {"application/json", "application/fhir+json", "application/json+fhir"}


@dataclass(frozen=True, slots=True)
class Calls:
    """What a call is answered with: the tables, the hospital's clock, and a source of UUIDs."""

    knowledge: Knowledge
    clock: Callable[[], datetime]
    new_id: Callable[[], str]


def service_routes(settings: Settings, calls: Calls) -> Blueprint:
    """`GET /cds-services` and `POST /cds-services/<id>`."""
    routes = Blueprint("services", __name__)
    catalog = orjson.dumps(discovery(calls.knowledge.lab_codes))

    @routes.get("/cds-services")
    def discover() -> Response:
        return _json(catalog)

    @routes.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        if service_id not in SERVICES:
            raise UnknownService("No service has this id. GET /cds-services lists the ids.")
        if refusal := not_ready(calls.knowledge):
            return refusal
        hook_request = read_request(service_id, json_body(settings.max_body))
        try:
            found = answer(hook_request, calls.knowledge, now=calls.clock(), new_id=calls.new_id)
        finally:
            if settings.validate:
                validate_in_background(hook_request)
        return _json(encode_response(found.cards, found.decision if settings.decision_extension else None))

    return routes


def json_body(max_body: int) -> bytes:
    """The body of the request in hand.

    Args:
        max_body: its largest size, in bytes.

    Raises:
        NotJson: it is not declared as JSON, or is compressed.
        BodyTooLarge: it is larger than allowed.
    """
    if request.mimetype not in _JSON_TYPES:
        raise NotJson("The body is not declared as JSON: send Content-Type: application/json.")
    if request.content_encoding not in (None, "", "identity"):
        raise NotJson("The body is compressed: send it without Content-Encoding.")
    too_large = BodyTooLarge(f"The body is larger than {max_body} bytes (setting CDS_MAX_BODY): send less.")
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise too_large from None
    if len(body) > max_body:
        raise too_large
    return body


def _json(body: bytes) -> Response:
    return Response(body, mimetype="application/json")
