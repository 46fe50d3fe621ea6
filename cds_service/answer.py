"""The whole line, once: a hook request in, cards and the decision out. Every caller goes through here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from cds_service.call_summary import CallSummary, summarize
from cds_service.cards.context import DEFAULT_CARD_SETTINGS, CardSettings
from cds_service.cards.render import render
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.clinical_data.gather import gather
from cds_service.clinical_data.retrieved import ClinicalData
from cds_service.errors import NothingJudged
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.evaluate import evaluate
from cds_service.findings.finding import Findings
from cds_service.hooks.request import HookRequest
from cds_service.knowledge.tables import Knowledge


class Answer(msgspec.Struct, frozen=True):
    """What one call is answered: cards for people, the whole decision for machines, and a summary for the records.

    Beside it, for those who show how it came about: `findings` (rows in shadow included), the `facts` and `data` they
    were found in, and `fetched`, the resources as a FHIR server sent them. `nothing_judged` is there where nothing of
    the record could be retrieved: the cards say so, and a client may want the error instead.
    """

    cards: list[dict[str, Any]]
    decision: dict[str, Any]
    summary: CallSummary
    findings: Findings
    facts: PatientFacts
    data: ClinicalData
    fetched: tuple[bytes, ...] = ()
    nothing_judged: NothingJudged | None = None


def answer(
    request: HookRequest,
    knowledge: Knowledge,
    *,
    now: datetime,
    new_id: Callable[[], str],
    fhir: FhirServers | None = None,
    card_settings: CardSettings = DEFAULT_CARD_SETTINGS,
    lap: Callable[[str], None] = lambda stage: None,
) -> Answer:
    """Answer one call.

    Args:
        request: the call, checked against the protocol.
        knowledge: the effective tables.
        now: the time of the call, aware, in the hospital's zone.
        new_id: gives a new UUID for each card and suggestion.
        fhir: the way to FHIR servers, for what prefetch left out; None judges on prefetch alone.
        card_settings: what the site or client chooses about cards.
        lap: is told the name of each stage when it is done, for those who time them.
    """
    data = gather(request, fhir, knowledge.search_codes, knowledge.not_connected)
    lap("clinical_data")
    facts = extract(data, now=now, reads=knowledge.lab_index.reads, encounter_id=request.encounter_id)
    lap("facts")
    focus = request.service.focus
    findings = evaluate(facts, knowledge, options=focus == "none", planning=focus != "selections")
    lap("findings")
    rendered = render(findings, knowledge, request.service, new_id, card_settings)
    lap("cards")
    summary = summarize(data, findings, rendered.summaries, knowledge.version)
    shown, nothing = (rendered.cards, rendered.decision), rendered.nothing_judged
    return Answer(*shown, summary, findings, facts, data, data.fetched, nothing)
