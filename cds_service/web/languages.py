"""The language in which a page shows what the tables word: cards, limits, advice, reasons. Pages are in English."""

from __future__ import annotations

from flask import Response, request

from cds_service.cards.wording import Wording
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings


def asked_language(settings: Settings, knowledge: Knowledge) -> str:
    """What the browser asks for (`Accept-Language`) of the languages of the tables; else that of the settings."""
    known = sorted(knowledge.wordings)
    return request.accept_languages.best_match(known, settings.language) or settings.language


def wording_in(language: str, knowledge: Knowledge) -> Wording:
    """The sentences of a language of the tables."""
    return Wording(knowledge.wordings.get(language, knowledge.wording), language)


def varies_by_language(response: Response) -> Response:
    """Say that the page depends on `Accept-Language`."""
    response.vary.add("Accept-Language")
    return response
