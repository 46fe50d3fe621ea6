"""The web application: the line behind HTTP, pages for people, and every error as an OperationOutcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from flask import Flask, Response

from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.web.cors import allow_origins
from cds_service.web.pages import page_routes
from cds_service.web.problems import answer_errors
from cds_service.web.services import Calls, json_body, service_routes
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
) -> Flask:
    """The WSGI application.

    Args:
        settings: the settings in force.
        knowledge: the effective tables; None loads the shipped ones with the site folder of the settings.
        clock: gives the time in the hospital's zone; None for the machine's clock.
        new_id: gives a new UUID; None for random ones.

    Raises:
        TableError: the tables to be loaded are wrong.
    """
    app = Flask(__name__, static_folder=None)
    # One more than allowed: Werkzeug cuts a chunked body off at its limit without a word, and so it is seen.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 1
    # A redirect breaks the preflight of a browser, and discovery must never redirect.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    knowledge = knowledge or load_knowledge(settings.site)
    new_id = new_id or _random_id
    calls = Calls(knowledge, clock or _clock(settings), new_id)
    app.register_blueprint(service_routes(settings, calls))
    app.register_blueprint(status_routes(settings, knowledge))
    app.register_blueprint(page_routes(settings, knowledge))
    app.register_blueprint(validation_routes(settings, json_body))
    answer_errors(app, new_id)
    allow_origins(app, settings.cors_origins)
    app.after_request(_guard)
    return app


def _clock(settings: Settings) -> Callable[[], datetime]:
    zone = settings.timezone
    return lambda: datetime.now(zone) if zone else datetime.now().astimezone()


def _random_id() -> str:
    return str(uuid4())


def _guard(response: Response) -> Response:
    """Headers that keep a browser from making more of an answer than it is."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
