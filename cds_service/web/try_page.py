"""`/try`: an order with a made-up patient, judged as a call is, with the cards as an EHR shows them.

Nothing is stored, counted or read from a FHIR server. The request can be saved as a file and opened again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import orjson
from flask import Blueprint, Response, render_template, request
from msgspec.structs import replace

from cds_service.answer import answer
from cds_service.cards.context import card_settings_of
from cds_service.cards.quantities import shown_unit
from cds_service.cases import case_folders, request_of
from cds_service.errors import RequestError, SetupError
from cds_service.hooks.envelope import read_request
from cds_service.hooks.response import encode_response
from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import Knowledge
from cds_service.saved_request import fill_dates, service_for
from cds_service.settings import Settings
from cds_service.web import try_form as fields
from cds_service.web.access import can_try
from cds_service.web.error_responses import error_response
from cds_service.web.languages import asked_language, varies_by_language, wording_in
from cds_service.web.rule_cases import RuleCases
from cds_service.web.status import not_ready
from cds_service.web.trace import TracedOrder, trace
from cds_service.web.try_examples import examples, form_of
from cds_service.web.try_form import TryForm

_FHIR_ACCESS = ("fhirServer", "fhirAuthorization")
_PLACES = re.compile(r"\{\{(?!today(?:[+-]\d+)?\}\})[^{}]*\}\}")
"""What looks like a relative date and is none."""


class _Shown(msgspec.Struct):
    """What the page shows beside the form: `problems` are for the person, `request` and `response` are JSON."""

    form: TryForm = msgspec.field(default_factory=TryForm)
    pasted: str = ""
    problems: list[str] = msgspec.field(default_factory=list)
    remarks: list[str] = msgspec.field(default_factory=list)
    request: str = ""
    response: str = ""
    cards: list[dict[str, Any]] | None = None
    orders: list[TracedOrder] = msgspec.field(default_factory=list)
    unavailable: list[dict[str, Any]] = msgspec.field(default_factory=list)


def try_routes(
    settings: Settings, knowledge: Knowledge, clock: Callable[[], datetime], new_id: Callable[[], str]
) -> Blueprint:
    """`GET /try`, `POST /try` and `POST /try/request.json`."""
    routes = Blueprint("try", __name__)
    cases = RuleCases(case_folders(settings.site))
    card_settings = card_settings_of(settings, knowledge)
    lists = {
        "procedures": sorted(procedure.label for procedure in knowledge.procedures.values()),
        "diagnoses": fields.proposals("conditions", knowledge),
        "allergies": fields.proposals("allergies", knowledge),
        "drugs": fields.drug_proposals(knowledge),
    }

    routes.after_request(varies_by_language)

    @routes.before_request
    def is_on() -> Response | None:
        request.max_form_memory_size = settings.max_body
        if not can_try(settings):
            return error_response(404, "This page is off; the setting CDS_TRY=on turns it on.")
        return not_ready(knowledge)

    @routes.get("/try")
    def form() -> str | tuple[str, int]:
        if "empty" in request.args:
            return _page(_Shown())
        wanted = request.args.get("case", next(iter(examples())))
        row = examples().get(wanted) or (cases.all[wanted].row if wanted in cases.all else None)
        if row is None:
            return _page(_Shown(), unknown=wanted), 404
        shown = _Shown(form=form_of(row, knowledge) or TryForm())
        body = request_of(row, clock()) | {"hookInstance": new_id()}
        if shown.form == TryForm():
            shown.pasted = _pretty(body)
        _judge(shown, body)
        return _page(shown, chosen=wanted)

    @routes.post("/try")
    def tried() -> str:
        shown = _Shown()
        body = _sent_request(shown)
        if body is not None:
            _judge(shown, body)
        return _page(shown)

    @routes.post("/try/request.json")
    def download() -> Response | str:
        shown = _Shown()
        body = _sent_request(shown)
        if body is None:
            return _page(shown)
        response = Response(orjson.dumps(body, option=orjson.OPT_INDENT_2), mimetype="application/json")
        response.headers["Content-Disposition"] = 'attachment; filename="request.json"'
        return response

    def _sent_request(shown: _Shown) -> dict[str, Any] | None:
        """The request of the form, or the one pasted or opened; None if it can't be made, which `problems` says."""
        file = request.files.get("file")
        opened = file.read() if file is not None else b""
        shown.pasted = opened.decode("utf-8", "replace") if opened else request.form.get("request", "").strip()
        if shown.pasted:
            return _pasted(shown, clock())
        shown.form = fields.read_form(request.form.to_dict(flat=False))
        shown.remarks += fields.remarks(shown.form, knowledge)
        row = fields.case_row(shown.form, knowledge, clock().date(), shown.problems)
        return None if shown.problems else request_of(row, clock()) | {"hookInstance": new_id()}

    def _judge(shown: _Shown, body: dict[str, Any]) -> None:
        shown.request = _pretty(body)
        language = asked_language(settings, knowledge)
        here = replace(card_settings, public_url=card_settings.public_url or request.url_root, language=language)
        raw = orjson.dumps(body)
        try:
            call = read_request(service_for(raw), raw)
            result = answer(call, knowledge, now=clock(), new_id=new_id, card_settings=here)
        except (RequestError, SetupError) as error:
            shown.problems.append(error.message)
            return
        shown.cards, shown.response = (
            result.cards,
            _pretty(orjson.loads(encode_response(result.cards, result.decision))),
        )
        shown.unavailable = result.decision.get("unavailable", [])
        shown.orders = trace(result.findings, knowledge, wording_in(language, knowledge))

    def _page(shown: _Shown, chosen: str = "", unknown: str = "") -> str:
        wording = wording_in(asked_language(settings, knowledge), knowledge)
        silent = {row.id: row.label for row in knowledge.silent_rows}
        return render_template(
            "try.html",
            shown=shown,
            chosen=chosen,
            unknown=unknown,
            examples=examples(),
            lists=lists,
            diagnoses=fields.with_blanks(shown.form.diagnoses),
            allergies=fields.with_blanks(shown.form.allergies),
            drugs=fields.with_blanks(shown.form.drugs),
            labs=fields.lab_lines(shown.form, knowledge),
            known_labs={lab.id: lab for lab in knowledge.labs.values() if not lab.coded},
            kinds=[kind.key for kind in CLINICAL],
            unit_words={lab.id: shown_unit(lab.unit, wording) or "no unit" for lab in knowledge.labs.values()},
            switched_off=[silent.get(name, name) for name in knowledge.switched_off],
            choices=fields,
            knowledge=knowledge,
            language=asked_language(settings, knowledge),
        )

    return routes


def _pasted(shown: _Shown, now: datetime) -> dict[str, Any] | None:
    """A request as pasted, its relative dates filled in, without the way to a FHIR server."""
    try:
        body = orjson.loads(fill_dates(shown.pasted.encode(), now.date()))
    except orjson.JSONDecodeError as error:
        shown.problems.append(f"The request is not JSON ({error}). Paste the whole body of a hook call.")
        return None
    if not isinstance(body, dict):
        shown.problems.append("The request is not a JSON object. Paste the whole body of a hook call, from { to }.")
        return None
    if left := _PLACES.findall(shown.pasted):
        shown.problems.append(f"{left[0]} is no date: write {{{{today}}}}, {{{{today-3}}}} or {{{{today+3}}}}.")
        return None
    if any(name in body for name in _FHIR_ACCESS):
        shown.remarks.append("This page reads no FHIR server: only the prefetch of the request is judged.")
    return {name: value for name, value in body.items() if name not in _FHIR_ACCESS}


def _pretty(body: Any) -> str:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
