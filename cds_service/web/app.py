"""The web application: the line behind HTTP, pages for people, and every error as an OperationOutcome."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from flask import Flask, Response

from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.profiles.background import VALIDATOR
from cds_service.security.fhir_servers import is_loopback
from cds_service.settings import Settings
from cds_service.storage.store import Store
from cds_service.web.access import ask_who_calls, token_verifier
from cds_service.web.call_log import log_calls
from cds_service.web.cors import allow_origins
from cds_service.web.feedback import feedback_routes
from cds_service.web.metrics import Metrics, metrics_routes
from cds_service.web.pages import page_routes
from cds_service.web.problems import answer_errors
from cds_service.web.rate_limits import limit_calls
from cds_service.web.records import Records
from cds_service.web.services import Calls, service_routes
from cds_service.web.status import status_routes
from cds_service.web.validation import validation_routes

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Answers are about one patient at one moment.
    "Cache-Control": "no-store",
}


def create_app(
    settings: Settings,
    knowledge: Knowledge | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    store: Store | None = None,
    metrics: Metrics | None = None,
    used_tokens: Path | None = None,
) -> Flask:
    """The WSGI application.

    Args:
        settings: the settings in force.
        knowledge: the effective tables; None loads the shipped ones with the site folder of the settings.
        clock: gives the time in the hospital's zone; None for the machine's clock.
        new_id: gives a new UUID; None for random ones.
        store: where feedback and records are kept; None for the database of the settings, if they name one.
        metrics: where is counted; None for a count of this process alone.
        used_tokens: folder in which used tokens are remembered; None makes a new one where clients are registered.

    Raises:
        ClientsError, SettingError: the registered clients can't be let in.
        TableError: the tables to be loaded are wrong.
        SettingError: the database can't be what the settings say.
    """
    app = Flask(__name__, static_folder=None)
    # One more than allowed: Werkzeug cuts a chunked body off at its limit without a word, and so it is seen.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 1
    # A redirect breaks the preflight of a browser, and discovery must never redirect.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    log_key = settings.log_key or secrets.token_bytes()
    log_calls(app, log_key)
    knowledge = knowledge or load_knowledge(settings.site)
    new_id = new_id or _random_id
    clock = clock or _clock(settings)
    store = store or (Store(settings.database_url) if settings.database_url else None)
    metrics = metrics or Metrics()
    VALIDATOR.report = metrics.count_fault
    records = Records(store, metrics, log_key, _random_id)
    calls = Calls(knowledge, clock, new_id, records, _fhir_servers(settings, metrics))
    app.register_blueprint(service_routes(settings, calls))
    app.register_blueprint(feedback_routes(settings, records, clock))
    app.register_blueprint(status_routes(settings, knowledge, store))
    app.register_blueprint(
        metrics_routes(
            metrics,
            settings.metrics_token,
            lambda: knowledge.version,
            lambda: store is not None and store.is_reachable(),
        )
    )
    app.register_blueprint(page_routes(settings, knowledge))
    app.register_blueprint(validation_routes(settings))
    answer_errors(app, new_id)
    open_here = settings.clients is None and is_loopback(settings.host)
    allow_origins(app, settings.cors_origins, of_this_machine=open_here)
    ask_who_calls(app, settings, token_verifier(settings, used_tokens))
    limit_calls(app, settings)
    app.after_request(_guard(settings.public_url))
    return app


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


def _guard(public_url: str | None) -> Callable[[Response], Response]:
    """Headers that keep a browser from making more of an answer than it is."""
    secure = {"Strict-Transport-Security": "max-age=31536000"} if (public_url or "").startswith("https://") else {}
    headers = _HEADERS | secure

    def add(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    return add
