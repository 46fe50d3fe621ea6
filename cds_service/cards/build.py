"""The cards stage: `Findings` -> cards in words, worst first. When a card appears is decided here.

An empty list means that everything was looked at and nothing was found.
"""

from __future__ import annotations

from cds_service.cards.alert_card import alert_cards
from cds_service.cards.card import Card
from cds_service.cards.contraindication_card import contraindication_cards
from cds_service.cards.indication_card import indication_cards
from cds_service.cards.not_checked_card import not_checked_card
from cds_service.cards.nothing_judged import nothing_judged_card
from cds_service.cards.options_card import options_card, options_not_checked_card
from cds_service.cards.unknown_orders_card import unknown_orders_card
from cds_service.cards.wording import Wording
from cds_service.findings.finding import Findings
from cds_service.hooks.request import Service
from cds_service.knowledge.tables import Knowledge


def build_cards(
    findings: Findings, knowledge: Knowledge, service: Service, *, tell_unknown_orders: bool = True
) -> list[Card]:
    """Every card of one call in words: critical, warning, info; equally loud ones by kind.

    Args:
        findings: what the tables say.
        knowledge: the tables' wording, codes to propose and override reasons.
        service: its focus `none` means patient-view: options are listed, orders are not judged.
        tell_unknown_orders: whether orders that look interventional and are not known are told.
    """
    wording = Wording(knowledge.wording)
    unknown = unknown_orders_card(findings, wording) if tell_unknown_orders else None
    if findings.nothing_retrieved:
        told: list[Card | None] = [nothing_judged_card(findings, wording)]
    elif service.focus == "none":
        told = _patient_view(findings, knowledge, wording)
    else:
        told = _orders(findings, knowledge, wording)
    cards = [card for card in (*told, unknown) if card is not None]
    return sorted(cards, key=lambda card: (-card.indicator, card.kind))


def _orders(findings: Findings, knowledge: Knowledge, wording: Wording) -> list[Card | None]:
    return [
        *contraindication_cards(findings, wording),
        *indication_cards(findings, wording),
        *alert_cards(findings, wording),
        not_checked_card(findings, knowledge, wording),
    ]


def _patient_view(findings: Findings, knowledge: Knowledge, wording: Wording) -> list[Card | None]:
    return [options_card(findings, knowledge, wording), options_not_checked_card(findings, knowledge, wording)]
