"""Cards stage: a card for a recorded condition that a procedure must not be mistaken for treating."""

from __future__ import annotations

from cds_service.cards.card import Card, Kind, bullets, paragraphs, summary
from cds_service.cards.evidence import evidence_lines
from cds_service.cards.order_names import emergency_block, order_block, procedure_ids
from cds_service.cards.wording import Wording
from cds_service.findings.finding import AlertFinding, Findings, OrderFinding
from cds_service.knowledge.alerts import advice_key


def alert_cards(findings: Findings, wording: Wording) -> list[Card]:
    """A card for each kind of alert, with every order that raised it."""
    found: dict[str, list[tuple[OrderFinding, AlertFinding]]] = {}
    for order in findings.orders:
        for alert in order.alerts:
            found.setdefault(alert.wording, []).append((order, alert))
    return [_card(pairs, wording) for pairs in found.values()]


def _card(pairs: list[tuple[OrderFinding, AlertFinding]], wording: Wording) -> Card:
    key = pairs[0][1].wording
    orders = [order for order, _ in pairs]
    items = [item for _, alert in pairs for item in alert.evidence]
    return Card(
        kind=Kind.ALERT,
        indicator=max(alert.indicator for _, alert in pairs),
        summary=summary(wording, key),
        detail=paragraphs(
            emergency_block(orders, wording),
            wording.say("card.alert.looked-at"),
            bullets(evidence_lines(items, wording)),
            wording.say("card.what-can-be-done"),
            bullets([wording.say(advice_key(key))]),
            order_block(orders, wording),
        ),
        source=wording.say("source.indications"),
        topic=("alert", wording.say("topic.alert")),
        rows=procedure_ids(orders),
    )
