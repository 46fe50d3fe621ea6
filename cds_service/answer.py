"""The whole line, once: a hook request in, cards and the decision out. Every caller goes through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds_service.call_summary import CallSummary, summarize
from cds_service.cards.render import render
from cds_service.cards.wording import Wording
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.clinical_data.gather import gather
from cds_service.errors import NothingJudged
from cds_service.facts.extract import KINDS, extract
from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.evaluate import evaluate
from cds_service.findings.finding import Findings
from cds_service.hooks.request import HookRequest
from cds_service.knowledge.tables import Knowledge


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call is answered: cards for people, the whole decision for machines, and an account for the records.

    `fetched` are the resources that came from a FHIR server, as received.
    """

    cards: list[dict[str, Any]]
    decision: dict[str, Any]
    account: CallSummary
    fetched: tuple[bytes, ...] = ()


def answer(
    request: HookRequest,
    knowledge: Knowledge,
    *,
    now: datetime,
    new_id: Callable[[], str],
    fhir: FhirServers | None = None,
    lap: Callable[[str], None] = lambda stage: None,
) -> Answer:
    """Answer one call.

    Args:
        request: the call, checked against the protocol.
        knowledge: the effective tables.
        now: the time of the call, aware, in the hospital's zone.
        new_id: gives a new UUID for each card and suggestion.
        fhir: the way to FHIR servers, for what prefetch left out; None judges on prefetch alone.
        lap: is told the name of each stage when it is done, for those who time them.

    Raises:
        NothingJudged: there is something to judge, and none of its data could be retrieved.
    """
    data = gather(request, fhir, knowledge.lab_codes)
    lap("clinical_data")
    facts = extract(data, now=now, reads=knowledge.codes.holds, encounter_id=request.encounter_id)
    lap("facts")
    findings = evaluate(facts, knowledge, options=request.service.focus == "none")
    _refuse_if_nothing_was_retrieved(request, facts, findings, knowledge)
    lap("findings")
    told = render(findings, knowledge, request.service, new_id)
    lap("cards")
    account = summarize(data, findings, told.accounts, knowledge.version)
    return Answer(told.cards, told.decision, account, data.fetched)


def _refuse_if_nothing_was_retrieved(
    request: HookRequest, facts: PatientFacts, findings: Findings, knowledge: Knowledge
) -> None:
    judged = request.service.focus == "none" or any(order.procedure for order in findings.orders)
    if judged and not facts.obtained:
        wording, gaps = Wording(knowledge.wording), [gap for gap in facts.unavailable if gap.data in KINDS]
        why = "; ".join(dict.fromkeys(wording.reason(gap.reason, data=gap.data) for gap in gaps))
        raise NothingJudged(f"Nothing could be judged: {why}.", tuple(dict.fromkeys(gap.reason.key for gap in gaps)))
