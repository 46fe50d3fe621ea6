"""The pre-procedure summary behind a card's link, as a page and as JSON; open to whoever has the link."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from cds_service.knowledge.tables import Knowledge
from cds_service.security.sealed_links import ExpiredLink, InvalidLink
from cds_service.settings import Settings
from cds_service.summary.build import link_words
from cds_service.summary.document import Summary, as_json
from cds_service.web.error_responses import error_response
from cds_service.web.summary_links import SummaryLinks

_NOT_FOUND, _GONE = 404, 410


def summary_routes(settings: Settings, knowledge: Knowledge, links: SummaryLinks | None) -> Blueprint:
    """`GET /summary/<token>` and `/summary/<token>.json`; 404 where links are off, or the link is none of ours."""
    routes = Blueprint("summary", __name__)
    words = link_words(knowledge, settings.language)

    @routes.get("/summary/<token>")
    def page(token: str) -> Response:
        try:
            summary = _opened(links, token)
        except InvalidLink as error:
            said, status = refused(error)
            refusal = render_template("no_summary.html", title=words.label, said=said, language=settings.language)
            return Response(refusal, status, mimetype="text/html")
        return Response(render_template("summary.html", summary=summary), mimetype="text/html")

    @routes.get("/summary/<token>.json")
    def document(token: str) -> Response:
        try:
            return Response(as_json(_opened(links, token)), mimetype="application/json")
        except InvalidLink as error:
            said, status = refused(error)
            return error_response(status, said)

    def refused(error: InvalidLink) -> tuple[str, int]:
        return (words.expired, _GONE) if isinstance(error, ExpiredLink) else (words.not_found, _NOT_FOUND)

    return routes


def _opened(links: SummaryLinks | None, token: str) -> Summary:
    if links is None:
        raise InvalidLink
    return links.open(token)
