"""Cards stage: at most one quiet card a call for orders that look interventional and that the tables do not know.

Without it their silence would read like "looked, found nothing".
"""

from __future__ import annotations

from cds_service.cards.card import Card, Kind, bullets, paragraphs, summary
from cds_service.cards.order_names import order_named, procedures_named
from cds_service.cards.wording import Wording
from cds_service.findings.finding import Findings
from cds_service.indicator import Indicator


def unknown_orders_card(findings: Findings, wording: Wording) -> Card | None:
    """The card that says of which orders nothing was looked at, or None where there is none."""
    unknown = [order for order in findings.orders if order.looks_interventional]
    if not unknown:
        return None
    return Card(
        kind=Kind.UNKNOWN_ORDERS,
        indicator=Indicator.INFO,
        summary=summary(wording, "card.unknown_orders.summary", orders=procedures_named(unknown, wording, most=2)),
        detail=paragraphs(
            wording.say("card.unknown_orders.about"),
            bullets([order_named(order, wording) for order in unknown]),
            wording.say("card.what-can-be-done"),
            bullets([wording.say("card.unknown_orders.advice-ask"), wording.say("card.unknown_orders.advice-map")]),
        ),
        source=wording.say("source.service"),
        topic=("unknown-order", wording.say("topic.unknown-order")),
    )
