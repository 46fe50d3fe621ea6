"""Cards stage: an order that carries no reason, where the findings say that this is told."""

from __future__ import annotations

from cds_service.cards.context import CardContext
from cds_service.cards.headline import first_fitting
from cds_service.cards.order_names import orders_named, procedure_ids
from cds_service.cards.part import Part, Step, Weight, Words
from cds_service.cards.suggestions import link_reason
from cds_service.findings.finding import OrderFinding, Shown
from cds_service.indicator import Indicator
from cds_service.knowledge.advice import Moment

TOPIC = "order"


def reason_parts(context: CardContext) -> list[Part]:
    """What is told of the orders without a reason, once for each procedure."""
    told = [order for order in context.judged if order.reason_told.shown is Shown.CARD]
    alike = {(procedure_ids([order]), order.reason_told.why, order.must_not_wait): order for order in reversed(told)}
    return [_part(order, context) for order in reversed(alike.values())]


def _part(order: OrderFinding, context: CardContext) -> Part:
    return Part(
        topic=TOPIC,
        indicator=Indicator.INFO,
        words=lambda: _words(order, context),
        rows=procedure_ids([order]),
        weight=Weight.PLANNING,
    )


def _words(order: OrderFinding, context: CardContext) -> Words:
    wording = context.wording
    names = orders_named([order], context)
    return Words(
        summary=first_fitting([_say("summary", order, name, context) for name in names]),
        found=(_say("found", order, names[0], context),),
        steps=(Step(wording.say("reason_card.add"), Moment.NOW),),
        source=wording.say("source.rules"),
        suggestions=link_reason(order, context),
        meanwhile=order.must_not_wait,
    )


def _say(key: str, order: OrderFinding, name: str, context: CardContext) -> str:
    """The sentence for why it is told, where there is one of its own (`reason_card.<why>-summary`)."""
    wording, own = context.wording, f"reason_card.{order.reason_told.why}-{key}"
    return wording.say(own if own in wording.templates else f"reason_card.{key}", procedure=name)
