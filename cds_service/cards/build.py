"""The cards stage: `Findings` -> cards, worst first, at most three; and each of them in words.

What is told, and how loudly, is decided in the findings. An empty list means that every question that had to be asked
was answered, and that nothing in the answers changes the order.
"""

from __future__ import annotations

from cds_service.cards.alert_card import alert_parts
from cds_service.cards.card import Card
from cds_service.cards.context import CardContext, CardSettings
from cds_service.cards.detail import detail_of
from cds_service.cards.folding import folded
from cds_service.cards.gap_card import gap_part
from cds_service.cards.links import links_of
from cds_service.cards.nothing_judged import nothing_judged_part
from cds_service.cards.options_card import options_not_checked_part, options_part
from cds_service.cards.part import Part
from cds_service.cards.problem_card import problem_parts
from cds_service.cards.reason_card import reason_parts
from cds_service.cards.unknown_orders_card import unknown_orders_part
from cds_service.cards.wording import Wording
from cds_service.findings.finding import Findings
from cds_service.hooks.request import Service
from cds_service.knowledge.tables import Knowledge


def context_of(findings: Findings, knowledge: Knowledge, card_settings: CardSettings) -> CardContext:
    """What the cards of a call are made from.

    Args:
        findings: what the tables say, and what of it is told.
        knowledge: the tables.
        card_settings: what the site or client chooses.
    """
    return CardContext(findings, knowledge, Wording(knowledge.wordings[card_settings.language], card_settings.language))


def build_cards(context: CardContext, service: Service, card_settings: CardSettings) -> list[Part]:
    """Every card of one call, to be put in words by `card_of`: critical, warning, info; equally loud ones by problem.

    Args:
        context: from `context_of`.
        service: its focus `none` means patient-view: no order is judged, and only options may be told.
        card_settings: what the site or client chooses.
    """
    if service.focus == "none":
        parts = _patient_view(context) if card_settings.options else []
    else:
        parts = _orders(context, card_settings)
    return folded(parts, context)


def _orders(context: CardContext, card_settings: CardSettings) -> list[Part]:
    unknown = unknown_orders_part(context) if card_settings.unknown_orders else None
    if context.findings.nothing_retrieved:
        parts: list[Part | None] = [nothing_judged_part(context), unknown]
    else:
        parts = [
            *alert_parts(context),
            *problem_parts(context),
            gap_part(context),
            *reason_parts(context),
            unknown,
        ]
    return [part for part in parts if part is not None]


def _patient_view(context: CardContext) -> list[Part]:
    if context.findings.nothing_retrieved:
        return [nothing_judged_part(context)]
    return [part for part in (options_part(context), options_not_checked_part(context)) if part is not None]


def card_of(part: Part, context: CardContext) -> Card:
    """One card in words."""
    words = part.words()
    return Card(
        topic=(part.topic, context.wording.say(f"topic.{part.topic}")),
        indicator=part.indicator,
        summary=words.summary,
        detail=detail_of(words, context),
        source=words.source,
        source_row=words.source_row,
        rows=part.rows,
        subjects=part.subjects,
        suggestions=words.suggestions,
        links=links_of(part.rows, context),
    )
