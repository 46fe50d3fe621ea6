"""`Findings` and facts of one call -> the pre-procedure summary. Pure; nothing is judged here.

It shows everything that the findings hold, what no card tells among it, except rows that a site only tries (shadow).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from cds_service.cards.context import CardContext
from cds_service.cards.dates import moment_of, planned_day
from cds_service.cards.escape import harmless, sentence_case
from cds_service.cards.order_names import doubts, order_reference, procedure_label, procedure_name, remaining
from cds_service.cards.shadow import rows_in_shadow, without_shadow
from cds_service.cards.wording import Wording
from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.knowledge.tables import Knowledge
from cds_service.summary.context import SummaryContext
from cds_service.summary.document import Fact, OrderList, Section, Summary
from cds_service.summary.not_read import not_read_section
from cds_service.summary.sections import sections_of

_WORDS = ("result", "value", "date", "limit", "says", "drug", "do", "last-dose", "restart", "steps", "by-hand")


def summary_of(
    findings: Findings, facts: PatientFacts, knowledge: Knowledge, *, patient_id: str, language: str
) -> Summary:
    """The pre-procedure summary of one call.

    Args:
        findings: everything that was found, rows in shadow included.
        facts: what they were found in, for the allergy list and the patient.
        knowledge: the tables that judged.
        patient_id: of the call.
        language: one of `Knowledge.wordings`.
    """
    wording = Wording(knowledge.wordings[language], language)
    cards = CardContext(without_shadow(findings), knowledge, wording)
    context = SummaryContext(cards, facts, rows_in_shadow(findings))
    return Summary(
        title=wording.say("summary.title"),
        language=language,
        made=facts.now.isoformat(timespec="seconds"),
        from_record=_from_record(facts.now, knowledge, wording),
        knowledge_version=knowledge.version,
        patient=tuple(_patient(patient_id, facts, wording)),
        orders=tuple(_order_list(order, context) for order in cards.findings.orders),
        not_read=not_read_section(context),
        words=_words(wording),
    )


class LinkWords(msgspec.Struct, frozen=True):
    """What is said around a link to a summary: its label, and what stands where it has expired or is none."""

    label: str
    expired: str
    not_found: str


def link_words(knowledge: Knowledge, language: str) -> LinkWords:
    """The words in one of `Knowledge.wordings`."""
    wording = Wording(knowledge.wordings[language], language)
    return LinkWords(wording.say("summary.title"), wording.say("summary.expired"), wording.say("summary.not-found"))


def _words(wording: Wording) -> dict[str, str]:
    columns = {name: wording.say(f"summary.column.{name}") for name in _WORDS}
    levels = {name: wording.say(f"summary.level.{name}") for name in ("critical", "warning", "info", "unknown")}
    return columns | levels


def _from_record(now: datetime, knowledge: Knowledge, wording: Wording) -> str:
    day = wording.day(now.date(), "day-of-year")
    return wording.say("summary.from-record", date=day, time=f"{now:%H:%M}", version=knowledge.version)


def _patient(patient_id: str, facts: PatientFacts, wording: Wording) -> list[Fact]:
    born = moment_of(facts.birth_date.text, None, wording).full if facts.birth_date else ""
    unread = wording.say("summary.not-recorded")
    sex = facts.gender if facts.gender and f"summary.sex.{facts.gender}" in wording.templates else ""
    return [
        Fact(wording.say("summary.patient.id"), harmless(patient_id)),
        Fact(wording.say("summary.patient.born"), born or unread),
        Fact(wording.say("summary.patient.sex"), wording.say(f"summary.sex.{sex}") if sex else unread),
    ]


def _order_list(order: OrderFinding, context: SummaryContext) -> OrderList:
    cards, procedure = context.cards, order.procedure
    known = procedure is not None and procedure.id not in context.in_shadow
    return OrderList(
        title=sentence_case(str(procedure_name(order, cards))),
        order=order_reference(order),
        procedure=procedure.id if procedure else "",
        facts=tuple(_order_facts(order, cards)) if procedure else (),
        sections=sections_of(order, context) if known else (_not_judged(order, context),),
    )


def _not_judged(order: OrderFinding, context: SummaryContext) -> Section:
    """Of an order that is no procedure of the tables, or one that a site only tries, nothing is said."""
    wording = context.cards.wording
    key = "summary.procedure-in-shadow" if order.procedure else "summary.unknown-order"
    statement = wording.say(key, procedure=procedure_label(order))
    return Section("order", wording.say("summary.section.order"), "not-asked", statement)


def _order_facts(order: OrderFinding, cards: CardContext) -> list[Fact]:
    wording = cards.wording
    procedures = remaining(order)
    risk = "high" if any(procedure.bleeding_risk == "high" for procedure in procedures) else "low"
    used = sorted({use for procedure in procedures for use in procedure.uses if use != "intravascular-contrast"})
    unknown_day = wording.say("summary.no-day")
    day = planned_day(order.planned, cards.today, wording) if order.planned else unknown_day
    shown = {
        "urgency": wording.say(f"summary.urgency.{order.urgency.name.lower()}"),
        "planned": day,
        "bleeding-risk": wording.say(f"summary.bleeding-risk.{risk}"),
        "uses": ", ".join(wording.label("uses", use) for use in used),
        "doubt": "; ".join(doubts([order], cards)),
    }
    return [Fact(wording.say(f"summary.fact.{name}"), value) for name, value in shown.items() if value]
