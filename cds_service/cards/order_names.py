"""Cards stage: what the orders that a card concerns are called, and how they were understood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from cds_service.cards.context import CardContext
from cds_service.cards.dates import planned_day
from cds_service.cards.escape import harmless
from cds_service.cards.wording import Named, Wording
from cds_service.findings.finding import OrderFinding
from cds_service.knowledge.tables import Procedure

_MOST_NAMED = 40
_PAIR = 2


def procedure_label(order: OrderFinding) -> str:
    """The full name of the procedure, or the order's own text where it is none of the table's."""
    if order.procedure is not None:
        return order.procedure.label
    label = order.order.concept.label if order.order else None
    return harmless(label or "") or order_reference(order)


def order_reference(order: OrderFinding) -> str:
    """`ServiceRequest/id` or the place in the request, safe to show; empty in patient-view."""
    return harmless(order.order.reference) if order.order else ""


def procedure_name(order: OrderFinding, context: CardContext) -> Named:
    """The short name of the procedure, with its side; the order's own text where it is none of the table's."""
    if order.procedure is None:
        return Named(harmless(procedure_label(order), _MOST_NAMED))
    name, fact = short_name(order.procedure, context.wording), order.order
    side = context.knowledge.order_texts.side((*fact.concept.texts, *fact.details.texts)) if fact else None
    return _said(f"procedures.{side}", name, context.wording) if side else name


def short_name(procedure: Procedure, wording: Wording) -> Named:
    """The short name of a procedure in the language of the card, where it has one in it."""
    name = wording.label("procedure", procedure.id, procedure.short)
    return Named(
        harmless(name, _MOST_NAMED), harmless(wording.label("procedure_dative", procedure.id, name), _MOST_NAMED)
    )


def this_procedure(wording: Wording) -> Named:
    """What a procedure is called where its name is too long."""
    return _called("this", wording)


def _said(key: str, name: Named, wording: Wording, **places: str) -> Named:
    """A name with a side or a day, in each of its cases."""
    return Named(wording.say(key, procedure=name, **places), wording.say(key, procedure=name.dative, **places))


def _called(what: str, wording: Wording, **places: int) -> Named:
    """What several orders are called: a key of `procedures.`, its dative one of `procedures_dative.`."""
    called, dative = f"procedures.{what}", f"procedures_dative.{what}"
    return Named(
        wording.say(called, **places), wording.say(dative if dative in wording.templates else called, **places)
    )


def orders_named(orders: Sequence[OrderFinding], context: CardContext) -> list[Named]:
    """What the orders are called, the best first, each shorter than the one before.

    One procedure by its name; all orders of the call as `both orders` or `all 3 orders`.
    """
    wording = context.wording
    names = list({name: name for name in (procedure_name(order, context) for order in orders)})
    if len(names) == 1:
        return [names[0], this_procedure(wording)]
    if len(orders) < len(context.judged):
        joined = Named(wording.joined(names), wording.joined([name.dative for name in names]))
        return [joined, _called("some", wording, count=len(orders))]
    return [_called("both" if len(orders) == _PAIR else "all", wording, count=len(orders))]


def with_day(orders: Sequence[OrderFinding], names: Sequence[Named], context: CardContext) -> list[Named]:
    """The same with the day of the procedure first, where all orders are planned for one day."""
    days: set[date | None] = {order.planned for order in orders}
    day = next(iter(days)) if len(days) == 1 else None
    if day is None:
        return list(names)
    shown = planned_day(day, context.today, context.wording)
    return [_said("procedures.on", names[0], context.wording, date=shown), *names]


def procedure_ids(orders: Iterable[OrderFinding]) -> tuple[str, ...]:
    """The ids of the procedures of several orders, each once."""
    return tuple(dict.fromkeys(order.procedure.id for order in orders if order.procedure))


def remaining(order: OrderFinding) -> tuple[Procedure, ...]:
    """Every procedure that the order may be; the one it is judged as first."""
    own = (order.procedure,) if order.procedure else ()
    return tuple({procedure.id: procedure for procedure in (*own, *order.candidates)}.values())


def doubts(orders: Iterable[OrderFinding], context: CardContext) -> Iterator[str]:
    """How orders were understood, only where it is in doubt which procedure is meant."""
    wording = context.wording
    for order in orders:
        if order.order is not None and order.procedure is not None and len(order.candidates) > 1:
            names = wording.listed([short_name(procedure, wording) for procedure in order.candidates])
            key = "order.code-and-text-differ" if order.code_and_text_differ else "order.candidates"
            yield wording.say(key, procedures=names)
