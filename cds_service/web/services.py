"""The protocol over HTTP: discovery, and the call of a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from cds_service.answer import answer
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.errors import BodyTooLarge, NotAllowed, NotJson, UnknownService
from cds_service.hooks.catalog import SERVICES, discovery
from cds_service.hooks.envelope import read_request
from cds_service.hooks.request import HookRequest
from cds_service.hooks.response import encode_response
from cds_service.knowledge.tables import Knowledge
from cds_service.security.fhir_servers import may_be_asked
from cds_service.settings import Settings
from cds_service.web.call_log import note
from cds_service.web.callers import calling_client
from cds_service.web.status import not_ready

# `application/json+fhir` is what clients of the DSTU2 era call FHIR JSON.
_JSON_TYPES = {"application/json", "application/fhir+json", "application/json+fhir"}


@dataclass(frozen=True, slots=True)
class Calls:
    """What a call is answered with: the tables, the hospital's clock, a source of UUIDs, the way to FHIR servers."""

    knowledge: Knowledge
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    fhir: FhirServers | None = None


def service_routes(settings: Settings, calls: Calls) -> Blueprint:
    """`GET /cds-services` and `POST /cds-services/<id>`."""
    routes = Blueprint("services", __name__)
    catalog = discovery(calls.knowledge.lab_codes)

    @routes.get("/cds-services")
    def discover() -> Response:
        client = calling_client()
        offered = [entry for entry in catalog["services"] if client is None or client.may_call(entry["id"])]
        return _json(orjson.dumps({"services": offered}))

    @routes.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        if service_id not in SERVICES:
            raise UnknownService("No service has this id. GET /cds-services lists the ids.")
        if refusal := not_ready(calls.knowledge):
            return refusal
        hook_request = read_request(service_id, _body(settings.max_body))
        note(hook=hook_request.service.hook, patient_id=hook_request.patient_id)
        _check_fhir_server(hook_request)
        found = answer(hook_request, calls.knowledge, now=calls.clock(), new_id=calls.new_id, fhir=calls.fhir)
        note(cards=[card["indicator"] for card in found.cards])
        return _json(encode_response(found.cards, found.decision if settings.decision_extension else None))

    return routes


def _check_fhir_server(hook_request: HookRequest) -> None:
    """Before anything is connected to. Source: CDS Hooks 2.0.1, FHIR Resource Access."""
    if hook_request.fhir_server and not may_be_asked(calling_client(), hook_request.fhir_server):
        raise NotAllowed(
            "/fhirServer is none of the FHIR servers that may be read for this client (clients file, fhir_servers; "
            "without registered clients: https, or http on this machine)."
        )


def _body(max_body: int) -> bytes:
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
