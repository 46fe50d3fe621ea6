"""CDS Hooks over HTTP: discovery and hook calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import msgspec
import orjson
from flask import Blueprint, Response, request

from cds_service.answer import Answer, answer
from cds_service.cards.context import CardSettings, card_settings_of
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.errors import NotAllowed, NothingJudged, UnknownService
from cds_service.hooks.catalog import SERVICES, discovery
from cds_service.hooks.envelope import read_request
from cds_service.hooks.request import HookRequest
from cds_service.hooks.response import encode_response
from cds_service.knowledge.tables import Knowledge
from cds_service.profiles.background import BackgroundValidator
from cds_service.saved_request import fill_dates
from cds_service.security.fhir_servers import is_allowed_server, is_loopback
from cds_service.settings import Settings
from cds_service.web.bodies import json_body
from cds_service.web.call_log import add_log_fields
from cds_service.web.call_recorder import CallRecorder, Stopwatch, receive
from cds_service.web.calling_client import calling_client, client_name
from cds_service.web.status import not_ready
from cds_service.web.summary_links import SummaryLinks
from cds_service.web.validation import submit_for_validation

_UNAUTHORIZED = 401
_RELATIVE_DATE = b"{{today"
_HELD_BACK = ("shadowRows", "answered")
"""Members of the decision that say that cards were held back: no cards must not read as all clear."""


class CallDependencies(msgspec.Struct, frozen=True):
    """What hook calls need: tables, clock in the hospital's zone, source of UUIDs, recorder, validator, FHIR servers.

    `fhir` None judges calls on their prefetch alone; `links` None: cards lead to no summary.
    """

    knowledge: Knowledge
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    recorder: CallRecorder
    validator: BackgroundValidator
    fhir: FhirServers | None = None
    links: SummaryLinks | None = None


def service_routes(settings: Settings, dependencies: CallDependencies) -> Blueprint:
    """`GET /cds-services` and `POST /cds-services/<id>`."""
    routes = Blueprint("services", __name__)
    knowledge, recorder = dependencies.knowledge, dependencies.recorder
    catalog = discovery(knowledge.search_codes)
    # As they lie in examples/, so that a first try by curl works: never where a real EHR may call.
    is_first_try = settings.clients is None and is_loopback(settings.host)

    @routes.get("/cds-services")
    def discover() -> Response:
        client = calling_client()
        offered = [entry for entry in catalog["services"] if client is None or client.may_call(entry["id"])]
        return _json_response(orjson.dumps({"services": offered}))

    @routes.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        if service_id not in SERVICES:
            raise UnknownService("No service has this id. GET /cds-services lists the ids.")
        if refusal := not_ready(knowledge):
            return refusal
        today = dependencies.clock().date() if is_first_try else None
        hook_request, stopwatch = _read_call(service_id, settings.max_body, today)
        add_log_fields(hook=hook_request.service.hook, patient_id=hook_request.patient_id)
        hook_request = _with_allowed_server(hook_request)
        stopwatch.lap("hooks")
        received = receive(hook_request, dependencies.clock(), knowledge.version, shadow=settings.shadow)
        result, card_settings = None, _telling(settings, knowledge)
        try:
            result = answer(
                hook_request,
                knowledge,
                now=received.at,
                new_id=dependencies.new_id,
                fhir=dependencies.fhir,
                card_settings=card_settings,
                lap=stopwatch.lap,
            )
            _check_judged(result, settings)
            result = recorder.without_answered(received, result)
            if dependencies.links is not None and not received.shadow and hook_request.service.focus != "none":
                result = dependencies.links.with_link(result, hook_request.patient_id, card_settings.language)
            add_log_fields(cards=[card["indicator"] for card in result.cards], shadow=received.shadow)
            response_body = _encode(result, settings, shadow=received.shadow)
            stopwatch.lap("response")
        except NothingJudged:
            result = None  # its cards are not shown
            raise
        finally:
            recorder.record(received, result, stopwatch)
            if settings.validate:
                fetched = result.fetched if result is not None else ()
                submit_for_validation(dependencies.validator, hook_request, fetched)
        return _json_response(response_body)

    @routes.after_request
    def count(response: Response) -> Response:
        if request.endpoint == "services.call":
            service_id = (request.view_args or {}).get("service_id", "")
            known = service_id if service_id in SERVICES else "other"
            client = "refused" if response.status_code == _UNAUTHORIZED else client_name()
            recorder.metrics.count_call(known, response.status_code, client)
        return response

    return routes


def _read_call(service_id: str, max_body: int, today: date | None) -> tuple[HookRequest, Stopwatch]:
    """The call, and the time since its body was there. Nothing else keeps the body, which may be large.

    With `today` the dates of an example that count from the day of the call are filled in.
    """
    body, stopwatch = json_body(max_body), Stopwatch()
    if today is not None and _RELATIVE_DATE in body:
        body = fill_dates(body, today)
    return read_request(service_id, body), stopwatch


def _telling(settings: Settings, knowledge: Knowledge) -> CardSettings:
    """What the site and the calling client choose about cards."""
    client = calling_client()
    return card_settings_of(settings, knowledge, client.language if client is not None else None)


def _encode(result: Answer, settings: Settings, *, shadow: bool) -> bytes:
    """The response body. If cards are withheld, the extension always says so: no cards must not read as all clear."""
    if shadow:
        mark = {"knowledgeVersion": result.decision["knowledgeVersion"], "shadow": True}
        return encode_response([], mark)
    if settings.decision_extension:
        return encode_response(result.cards, result.decision)
    mark = {name: result.decision[name] for name in ("knowledgeVersion", *_HELD_BACK) if name in result.decision}
    return encode_response(result.cards, mark if len(mark) > 1 else None)


def _check_judged(result: Answer, settings: Settings) -> None:
    """Where nothing could be judged: the cards say so, unless the site's client shows the HTTP error instead."""
    if result.nothing_judged is None:
        return
    add_log_fields(unavailable=list(result.nothing_judged.reasons))
    if settings.nothing_retrieved == NothingJudged.status:
        raise result.nothing_judged


def _with_allowed_server(hook_request: HookRequest) -> HookRequest:
    """Runs before any connection is opened. Source: CDS Hooks 2.0.1, FHIR Resource Access.

    Where nobody is registered, a server that may not be read is left alone, and the call is judged on its prefetch.
    """
    client = calling_client()
    if not hook_request.fhir_server or is_allowed_server(client, hook_request.fhir_server):
        return hook_request
    if client is None:
        add_log_fields(fhir_server="not allowed")
        return replace(hook_request, fhir_server=None, access_token=None, fhir_server_refused=True)
    raise NotAllowed(
        "/fhirServer is not a FHIR server that may be read for this client (clients file, fhir_servers; "
        "without registered clients: https, or http on this machine)."
    )


def _json_response(body: bytes) -> Response:
    return Response(body, mimetype="application/json")
