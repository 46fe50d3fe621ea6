"""The protocol over HTTP: discovery, and the call of a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson
from flask import Blueprint, Response, request

from cds_service.answer import Answer, answer
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.errors import NotAllowed, NothingJudged, UnknownService
from cds_service.hooks.catalog import SERVICES, discovery
from cds_service.hooks.envelope import read_request
from cds_service.hooks.request import HookRequest
from cds_service.hooks.response import encode_response
from cds_service.knowledge.tables import Knowledge
from cds_service.security.fhir_servers import may_be_asked
from cds_service.settings import Settings
from cds_service.web.bodies import json_body
from cds_service.web.call_log import note
from cds_service.web.callers import calling_client
from cds_service.web.records import Call, Records, Stopwatch, client_name
from cds_service.web.status import not_ready
from cds_service.web.validation import validate_in_background

_REFUSED = 401


@dataclass(frozen=True, slots=True)
class Calls:
    """What a call is answered with: the tables, the hospital's clock, a source of UUIDs, the way to FHIR servers.

    `records` is where it is kept.
    """

    knowledge: Knowledge
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    records: Records
    fhir: FhirServers | None = None


def service_routes(settings: Settings, calls: Calls) -> Blueprint:
    """`GET /cds-services` and `POST /cds-services/<id>`."""
    routes = Blueprint("services", __name__)
    catalog = discovery(calls.knowledge.search_codes)

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
        body, watch = json_body(settings.max_body), Stopwatch()
        hook_request = read_request(service_id, body)
        note(hook=hook_request.service.hook, patient_id=hook_request.patient_id)
        _check_fhir_server(hook_request)
        watch.lap("hooks")
        asked = Call(hook_request, calls.clock(), calls.knowledge.version, _in_shadow(settings))
        found = None
        try:
            found = answer(
                hook_request, calls.knowledge, now=asked.at, new_id=calls.new_id, fhir=calls.fhir, lap=watch.lap
            )
            note(cards=[card["indicator"] for card in found.cards], shadow=asked.shadow)
            told = _encoded(found, settings, shadow=asked.shadow)
            watch.lap("response")
        except NothingJudged as nothing:
            note(unavailable=list(nothing.reasons))
            raise
        finally:
            calls.records.keep(asked, found, watch)
            if settings.validate:
                validate_in_background(hook_request, found.fetched if found is not None else ())
        return _json(told)

    @routes.after_request
    def count(response: Response) -> Response:
        if request.endpoint == "services.call":
            service_id = (request.view_args or {}).get("service_id", "")
            known = service_id if service_id in SERVICES else "other"
            client = "refused" if response.status_code == _REFUSED else client_name()
            calls.records.metrics.count_call(known, response.status_code, client)
        return response

    return routes


def _in_shadow(settings: Settings) -> bool:
    client = calling_client()
    return settings.shadow or (client is not None and client.shadow)


def _encoded(found: Answer, settings: Settings, *, shadow: bool) -> bytes:
    """The answer as JSON. No cards for another reason than that nothing was found is said in every case."""
    if shadow:
        mark = {"knowledgeVersion": found.decision["knowledgeVersion"], "shadow": True}
        return encode_response([], mark)
    if settings.decision_extension:
        return encode_response(found.cards, found.decision)
    mark = {name: found.decision[name] for name in ("knowledgeVersion", "shadowRows") if name in found.decision}
    return encode_response(found.cards, mark if "shadowRows" in mark else None)


def _check_fhir_server(hook_request: HookRequest) -> None:
    """Before anything is connected to. Source: CDS Hooks 2.0.1, FHIR Resource Access."""
    if hook_request.fhir_server and not may_be_asked(calling_client(), hook_request.fhir_server):
        raise NotAllowed(
            "/fhirServer is none of the FHIR servers that may be read for this client (clients file, fhir_servers; "
            "without registered clients: https, or http on this machine)."
        )


def _json(body: bytes) -> Response:
    return Response(body, mimetype="application/json")
