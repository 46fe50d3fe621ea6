"""Cards stage: orders that look interventional and are not known; silence about them would read as an all-clear."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.cards.context import CardContext
from cds_service.cards.headline import first_fitting
from cds_service.cards.order_names import procedure_name
from cds_service.cards.part import Part, Step, Words
from cds_service.findings.finding import OrderFinding
from cds_service.indicator import Indicator
from cds_service.knowledge.advice import Moment

TOPIC = "unknown-order"


def unknown_orders_part(context: CardContext) -> Part | None:
    """What says of which orders nothing was looked at, or None where there is none."""
    unknown = [order for order in context.findings.orders if order.looks_interventional]
    if not unknown:
        return None
    return Part(topic=TOPIC, indicator=Indicator.INFO, words=lambda: _words(unknown, context))


def _words(unknown: Sequence[OrderFinding], context: CardContext) -> Words:
    wording = context.wording
    names = list(dict.fromkeys(procedure_name(order, context) for order in unknown))
    several = wording.count("unknown_orders.summary-more", len(unknown))
    one = [wording.say("unknown_orders.summary", order=names[0])] if len(names) == 1 else []
    return Words(
        summary=first_fitting([*one, several]),
        found=(wording.say("unknown_orders.found", orders=wording.listed(names, 4)),),
        steps=(
            Step(wording.say("unknown_orders.ask"), Moment.NOW),
            Step(wording.say("unknown_orders.map"), Moment.AFTER),
        ),
        source=wording.say("source.service"),
    )
