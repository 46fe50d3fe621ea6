"""Cards stage: the hospital's own documents on what a card is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cds_service.cards.context import CardContext
from cds_service.certainty import Certainty

MOST = 3
"""Links on one card."""


def links_of(rows: Sequence[str], context: CardContext) -> tuple[tuple[str, str], ...]:
    """(label, address) of the documents on the questions that are told, their rows, and the procedures ordered.

    Args:
        rows: ids of the table rows that the card speaks for.
        context: its findings and tables.
    """
    known = context.knowledge.links
    named = (known[name] for name in _names(rows, context) if name in known) if known else ()
    return tuple(dict.fromkeys(link for links in named for link in links))[:MOST]


def _names(rows: Sequence[str], context: CardContext) -> Iterator[str]:
    found = [row for order in context.findings.orders for row in order.contraindications]
    for row in (row for row in found if row.contraindication.id in rows):
        yield from (answer.criterion.id for answer in row.criteria if answer.certainty is not Certainty.ABSENT)
    yield from rows
    yield from (order.procedure.id for order in context.judged if order.procedure is not None)
