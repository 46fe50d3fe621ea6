"""The web application: hook services, pages for people, and every error as an OperationOutcome."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from flask import Flask

from cds_service.cards.context import card_settings_of
from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.profiles.background import BackgroundValidator
from cds_service.security.fhir_servers import is_loopback
from cds_service.settings import Settings
from cds_service.storage.store import Store
from cds_service.storage.writer import Observers, Writer
from cds_service.web.access import create_token_verifier, require_authentication
from cds_service.web.call_log import register_call_log
from cds_service.web.call_recorder import CallRecorder
from cds_service.web.cors import register_cors
from cds_service.web.error_responses import register_error_handlers
from cds_service.web.feedback import feedback_routes
from cds_service.web.metrics import Metrics, metrics_routes
from cds_service.web.pages import page_routes
from cds_service.web.rate_limits import limit_rate
from cds_service.web.rule_pages import rule_page_routes
from cds_service.web.services import CallDependencies, service_routes
from cds_service.web.status import StoreState, status_routes
from cds_service.web.summary_links import SummaryLinks
from cds_service.web.summary_pages import summary_routes
from cds_service.web.try_page import try_routes
from cds_service.web.validation import validation_routes

TABLES = "tables"
"""Key of the extensions: what was loaded."""
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Responses are about one patient at one moment.
    "Cache-Control": "no-store",
}


_WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Application(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none is asynchronous, and Flask would look for that eight times a call."""
        return func


class LoadedTables(msgspec.Struct, frozen=True):
    """The tables of an application: version, the day for which they were loaded, and the day to load them again."""

    version: str
    day: date
    next_day: date | None


def create_app(
    settings: Settings,
    knowledge: Knowledge | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    writer: Writer | None = None,
    metrics: Metrics | None = None,
    validator: BackgroundValidator | None = None,
    used_tokens_folder: Path | None = None,
) -> Flask:
    """The WSGI application. It starts no thread and opens no connection before the first request.

    Args:
        settings: the settings in force.
        knowledge: the effective tables; None loads the shipped ones with the site folder of the settings.
        clock: returns the time in the hospital's zone; None for the machine's clock.
        new_id: returns a new UUID; None for random ones.
        writer: stores feedback and records; None for the database of the settings, if there is one.
        metrics: the counters; None for counters of this process alone.
        validator: validates the data of calls where `CDS_VALIDATE` is on; None for one that counts in `metrics`.
        used_tokens_folder: remembers used tokens; None creates a new folder if clients are registered.

    Raises:
        ClientsError: the clients file is wrong.
        SettingError: a setting that clients need, or the database URL, can't be used.
        TableError: the tables are wrong.
    """
    app = _Application(__name__, static_folder=None)
    # One byte above the limit: Werkzeug silently truncates a chunked body there, and the extra byte reveals it.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 1
    # A redirect breaks a browser's preflight, and discovery must never redirect.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    log_key = settings.log_key or secrets.token_bytes()
    register_call_log(app, log_key)
    clock = clock or _clock(settings)
    knowledge = knowledge or load_knowledge(settings.site, today=clock().date())
    app.extensions[TABLES] = LoadedTables(knowledge.version, clock().date(), knowledge.next_day)
    card_settings_of(settings, knowledge)  # a language without sentences stops the start
    new_id = new_id or _random_id
    metrics = metrics or Metrics()
    writer = writer or create_writer(settings, metrics)
    store = writer.store if writer is not None else None
    store_state = StoreState(writer) if writer is not None else None
    validator = validator or BackgroundValidator(on_fault=metrics.count_fault)
    recorder = CallRecorder(
        writer,
        metrics,
        (log_key, *settings.log_key_old),
        _random_id,
        settings.keep_references,
        settings.keep_words,
    )
    fhir_servers = _fhir_servers(settings, metrics)
    links = SummaryLinks(settings, knowledge, store, log_key, clock) if settings.summary_links and store else None
    app.register_blueprint(
        service_routes(settings, CallDependencies(knowledge, clock, new_id, recorder, validator, fhir_servers, links))
    )
    app.register_blueprint(summary_routes(settings, knowledge, links))
    app.register_blueprint(feedback_routes(settings, writer, metrics, clock))
    app.register_blueprint(status_routes(settings, knowledge, store_state))
    app.register_blueprint(
        metrics_routes(
            metrics,
            settings.metrics_token,
            lambda: knowledge.version,
            lambda: store_state is not None and store_state.problem() is None,
        )
    )
    app.register_blueprint(page_routes(settings, knowledge))
    app.register_blueprint(rule_page_routes(settings, knowledge, store, clock))
    app.register_blueprint(try_routes(settings, knowledge, clock, _random_id))
    app.register_blueprint(validation_routes(settings))
    register_error_handlers(app, new_id)
    register_cors(app, settings.cors_origins, allow_loopback=settings.clients is None and is_loopback(settings.host))
    verifier = create_token_verifier(settings, used_tokens_folder)
    for client in verifier.clients if verifier is not None else ():
        card_settings_of(settings, knowledge, client.language)
    require_authentication(app, settings, verifier)
    limit_rate(app, settings)
    app.wsgi_app = _with_security_headers(app.wsgi_app, settings.public_url)  # type: ignore[method-assign,assignment]  # as Flask says
    return app


def create_writer(settings: Settings, metrics: Metrics) -> Writer | None:
    """What stores feedback and records in the database of the settings; None if there is none.

    Raises:
        SettingError: the database URL can't be used.
    """
    if not settings.database_url:
        return None
    observers = Observers(metrics.count_lost_records, metrics.observe_stored_records)
    return Writer(Store(settings.database_url), settings.records_within, observers)


def _clock(settings: Settings) -> Callable[[], datetime]:
    zone = settings.timezone
    return lambda: datetime.now(zone) if zone else datetime.now().astimezone()


def _fhir_servers(settings: Settings, metrics: Metrics) -> FhirServers:
    return FhirServers(
        FetchLimits(deadline=settings.fhir_deadline),
        calls=settings.fhir_calls or max(1, settings.threads - 2),
        tokenless=settings.clients is None,
        verify=str(settings.fhir_ca) if settings.fhir_ca else True,
        observe=metrics.observe_fhir,
    )


def _random_id() -> str:
    return str(uuid4())


def _with_security_headers(app: _WsgiApp, public_url: str | None) -> _WsgiApp:
    """Every answer has the headers, unless a page has set its own."""
    hsts = {"Strict-Transport-Security": "max-age=31536000"} if (public_url or "").startswith("https://") else {}
    headers = [*_SECURITY_HEADERS.items(), *hsts.items()]

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, given: list[tuple[str, str]], *error: Any) -> Any:
            names = {name.lower() for name, _ in given}
            return start_response(status, given + [one for one in headers if one[0].lower() not in names], *error)

        return app(environ, start)

    return answer
