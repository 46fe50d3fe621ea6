"""Cards stage: how an order is named on a card, and what must be said about how it was understood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds_service.cards.card import paragraphs
from cds_service.cards.escape import harmless
from cds_service.cards.wording import Wording
from cds_service.findings.finding import OrderFinding
from cds_service.knowledge.tables import Procedure

MOST_ORDERS = 10
"""Orders that a card names one by one."""


def procedure_label(order: OrderFinding) -> str:
    """The name of the procedure, or the order's own text where it is none of the table's."""
    if order.procedure is not None:
        return order.procedure.label
    label = order.order.concept.label if order.order else None
    return harmless(label or "") or order_reference(order)


def order_reference(order: OrderFinding) -> str:
    """`ServiceRequest/id` or the place in the request, safe to show; empty in patient-view."""
    return harmless(order.order.reference) if order.order else ""


def order_named(order: OrderFinding, wording: Wording) -> str:
    """The procedure with the order's reference; the procedure alone in patient-view."""
    label, reference = procedure_label(order), order_reference(order)
    return wording.say("card.order-named", procedure=label, reference=reference) if reference else label


def procedures_named(orders: Iterable[OrderFinding], wording: Wording, most: int = 3) -> str:
    """The procedures of several orders in a row, each once."""
    return wording.listed([procedure_label(order) for order in orders], most)


def procedure_ids(orders: Iterable[OrderFinding]) -> tuple[str, ...]:
    """The ids of the procedures of several orders, each once."""
    return tuple(dict.fromkeys(order.procedure.id for order in orders if order.procedure))


def remaining(order: OrderFinding) -> tuple[Procedure, ...]:
    """Every procedure that the order may be; the one it is judged as first."""
    own = (order.procedure,) if order.procedure else ()
    return tuple({procedure.id: procedure for procedure in (*own, *order.candidates)}.values())


def order_block(orders: Sequence[OrderFinding], wording: Wording) -> str:
    """Which orders a card concerns, a paragraph each, with every remark on how it was understood."""
    lines = list(dict.fromkeys("; ".join((_order_line(one, wording), *_remarks(one, wording))) for one in orders))
    more = [wording.say("list.more-lines", count=len(lines) - MOST_ORDERS)] if len(lines) > MOST_ORDERS else []
    return paragraphs(*lines[:MOST_ORDERS], *more)


def emergency_block(orders: Iterable[OrderFinding], wording: Wording) -> str:
    """For every emergency among the orders: that nothing life-saving is to be delayed. Empty without one."""
    labels = dict.fromkeys(procedure_label(order) for order in orders if order.emergency)
    return paragraphs(*(wording.say("card.emergency", procedure=label) for label in labels))


def _order_line(order: OrderFinding, wording: Wording) -> str:
    named = order_named(order, wording)
    return wording.say("card.order", order=named) if order.order else wording.say("card.option", procedure=named)


def _remarks(order: OrderFinding, wording: Wording) -> Iterable[str]:
    if order.order is None:
        return
    if not order.code_and_text_differ and (order.recognised_by == "text" or order.matched_text):
        own = order.matched_text or order.order.concept.label or ""
        yield wording.say("card.by-text", text=harmless(own))
    if order.recognised_by == "condition":
        yield wording.say("card.by-condition")
    if len(order.candidates) > 1:
        names = wording.listed([procedure.label for procedure in order.candidates], most=4)
        key = "card.code-and-text-differ" if order.code_and_text_differ else "card.candidates"
        yield wording.say(key, procedures=names)
