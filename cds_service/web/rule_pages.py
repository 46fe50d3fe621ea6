"""The tables for people and programs: a page and a JSON document for each row, a search, and everything on one page.

Addresses are stable: `/knowledge/<kind>/<id>`, where `source.url` of a card leads. No scripts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import orjson
from flask import Blueprint, Response, render_template, request
from msgspec.structs import replace

from cds_service.cards.context import card_settings_of
from cds_service.cases import case_folders
from cds_service.errors import SettingError, StoreUnavailable
from cds_service.knowledge.review import ORIGINS, ReviewLine, change_lines, contraindication_lines, procedure_lines
from cds_service.knowledge.tables import BEYOND, SITE, Knowledge
from cds_service.publishing.rule import Rule
from cds_service.publishing.rule_book import KINDS, RuleBook
from cds_service.settings import Settings
from cds_service.storage.report import Tally
from cds_service.storage.row_figures import row_figures
from cds_service.storage.store import Store
from cds_service.web.access import can_try
from cds_service.web.error_responses import error_response
from cds_service.web.languages import asked_language, varies_by_language
from cds_service.web.markdown import html_of
from cds_service.web.rule_cases import RuleCases

FIGURE_DAYS = 90
"""Figures of a row are of so many days."""
_ORIGIN_WORDS = {BEYOND: "beyond the source table", SITE: "of this hospital"}
_FIGURES_SECONDS, _FIGURES_KEPT_SECONDS = 1.0, 300.0


def rule_page_routes(
    settings: Settings, knowledge: Knowledge, store: Store | None, clock: Callable[[], datetime]
) -> Blueprint:
    """`GET /knowledge`, `/knowledge.json`, `/knowledge/tables`, and a page and a JSON document for each row."""
    routes = Blueprint("rules", __name__)
    routes.add_app_template_filter(html_of, "markdown")
    routes.add_app_template_global(lambda: can_try(settings), "can_try")
    cases = RuleCases(case_folders(settings.site))
    books: dict[str, RuleBook] = {}  # for people, who can wait 0.1 s for the first page: no call needs one
    card_settings = card_settings_of(settings, knowledge)
    routes.after_request(varies_by_language)

    def asked_book() -> tuple[str, RuleBook]:
        language = asked_language(settings, knowledge)
        if language not in books:
            books[language] = RuleBook(knowledge, language)
        return language, books[language]

    figures = _Figures(store, clock)

    @routes.get("/knowledge")
    def index() -> str:
        query, book = request.args.get("q", "").strip(), asked_book()[1]
        found = {
            heading: [rule for rule in _found(book, query) if rule.kind == kind] for kind, heading in KINDS.items()
        }
        return render_template("rules.html", query=query, found=found, knowledge=knowledge)

    @routes.get("/knowledge.json")
    def index_json() -> Response:
        query, book = request.args.get("q", "").strip(), asked_book()[1]
        rules = [_entry(rule) for rule in _found(book, query)]
        return _json({"knowledgeVersion": knowledge.version, "rules": rules})

    @routes.get("/knowledge/tables")
    def tables() -> str:
        return render_template(
            "tables.html",
            knowledge=knowledge,
            origins=_grouped(procedure_lines(knowledge), "origin", "region", "procedure"),
            headings=ORIGINS,
            rows=_grouped(contraindication_lines(knowledge), "row"),
            labels={row.id: row.label for row in knowledge.contraindications},
            changes=change_lines(knowledge),
            names={i.id: i.label for p in knowledge.procedures.values() for i in p.indications},
        )

    @routes.get("/knowledge/<kind>/<name>")
    def page(kind: str, name: str) -> Response | str:
        language, book = asked_book()
        rule = book.rule(kind, name)
        if rule is None:
            return _not_found()
        return render_template(
            "rule.html",
            rule=rule,
            heading=KINDS[rule.kind],
            knowledge=knowledge,
            speaks=cases.speaking(rule),
            silent=cases.silent(rule),
            shown=cases.shown(rule, knowledge, clock(), replace(card_settings, language=language)),
            otherwise=cases.otherwise(rule, knowledge, clock()),
            language=language,
            named=knowledge.wordings.get(language, {}).get(f"procedure.{rule.id}", ""),
            figures=figures.of(rule.id),
            days=FIGURE_DAYS,
            origins=_ORIGIN_WORDS,
        )

    @routes.get("/knowledge/<kind>/<name>.json")
    def page_json(kind: str, name: str) -> Response:
        rule = asked_book()[1].rule(kind, name)
        if rule is None:
            return _not_found()
        body = asdict(rule) | {
            "knowledgeVersion": knowledge.version,
            "cases": {"present": cases.speaking(rule), "other": cases.silent(rule)},
            "figures": figures.of(rule.id),
        }
        return _json(_filled(body))

    return routes


class _Figures:
    """Figures of the store by row, kept for some minutes; none where there is no store or it does not answer."""

    def __init__(self, store: Store | None, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock
        self._until, self._kept = 0.0, dict[str, Tally]()

    def of(self, row: str) -> Tally | None:
        if self._store is not None and time.monotonic() > self._until:
            self._kept = dict(self._read(self._store))
            self._until = time.monotonic() + _FIGURES_KEPT_SECONDS
        return self._kept.get(row)

    def _read(self, store: Store) -> Mapping[str, Tally]:
        try:
            return row_figures(store, self._clock() - timedelta(days=FIGURE_DAYS), seconds=_FIGURES_SECONDS)
        except (StoreUnavailable, SettingError):
            return {}


def _found(book: RuleBook, query: str) -> list[Rule]:
    return book.search(query) if query else list(book.rules.values())


def _entry(rule: Rule) -> dict[str, str]:
    """A row in brief, with the address of its JSON document, relative to `/knowledge.json`."""
    return {
        "kind": rule.kind,
        "id": rule.id,
        "label": rule.label,
        "status": rule.status,
        "url": f"knowledge/{rule.kind}/{rule.id}.json",
    }


def _filled(value: Any) -> Any:
    """Without members that are empty, at any depth; zero and false are values."""
    if isinstance(value, dict):
        filled = {name: _filled(member) for name, member in value.items()}
        return {name: member for name, member in filled.items() if member not in (None, "", [], {}, ())}
    return [_filled(item) for item in value] if isinstance(value, list | tuple) else value


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), mimetype="application/json")


def _not_found() -> Response:
    return error_response(
        404, "No row of the tables has this address. /knowledge lists the rows and finds retired ones."
    )


def _grouped(lines: list[ReviewLine], column: str, *inner: str) -> list[tuple[str, Any]]:
    """Consecutive lines with the same value in `column`, grouped by it; nested by the `inner` columns."""
    groups = [(value, list(group)) for value, group in groupby(lines, key=lambda line: line[column])]
    return [(value, _grouped(group, *inner) if inner else group) for value, group in groups]
