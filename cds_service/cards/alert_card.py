"""Cards stage: a recorded condition that a procedure must not be mistaken for treating; the card calls a person."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.cards.context import CardContext
from cds_service.cards.dates import moment_of
from cds_service.cards.evidence import Fact, found_line, name_of
from cds_service.cards.headline import fitting, headline
from cds_service.cards.order_names import orders_named, procedure_ids
from cds_service.cards.part import Part, Step, Weight, Words
from cds_service.findings.finding import AlertFinding, Evidence, OrderFinding
from cds_service.knowledge.advice import Moment
from cds_service.knowledge.alerts import advice_key

TOPIC = "order"
_PATIENT = "Patient"


def alert_parts(context: CardContext) -> list[Part]:
    """What is told of each kind of alert, with every order that raised it."""
    found: dict[str, list[tuple[OrderFinding, AlertFinding]]] = {}
    for order in context.findings.orders:
        for alert in order.alerts:
            found.setdefault(alert.wording, []).append((order, alert))
    return [_part(pairs, context) for pairs in found.values()]


def _part(pairs: list[tuple[OrderFinding, AlertFinding]], context: CardContext) -> Part:
    wording, key = context.wording, pairs[0][1].wording
    orders = [order for order, _ in pairs]
    items = list(dict.fromkeys(item for _, alert in pairs for item in alert.evidence))
    return Part(
        topic=TOPIC,
        indicator=max(alert.indicator for _, alert in pairs),
        words=lambda: Words(
            summary=_summary(key, items, orders, context),
            found=tuple(_found(item, context) for item in items),
            steps=(Step(wording.say(advice_key(key)), Moment.NOW),),
            source=wording.say("source.rules"),
        ),
        rows=procedure_ids(orders),
        weight=Weight.FINDING,
        subjects=(key.partition(".")[2],),
    )


def _found(item: Evidence, context: CardContext) -> str:
    """One item in full; of the patient the sex or the birth date."""
    wording = context.wording
    if item.reference != _PATIENT:
        return found_line(item, None, context)
    sex = f"summary.sex.{item.text}"
    if sex in wording.templates:
        return f"{wording.say('summary.patient.sex')}: {wording.say(sex)}"
    return f"{wording.say('summary.patient.born')}: {moment_of(item.text, None, wording).brief}"


def _summary(key: str, items: Sequence[Evidence], orders: Sequence[OrderFinding], context: CardContext) -> str:
    """What is recorded and what it means; of the patient's sex or age the meaning alone says it."""
    wording = context.wording
    facts = [Fact(name_of(item, context), moment_of(item.date, context.today, wording)) for item in items]
    if not facts or items[0].reference == _PATIENT:
        return fitting(wording.say(key))
    return headline(facts, lambda procedure, count: wording.say(key), orders_named(orders, context), context)
