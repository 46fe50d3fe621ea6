"""How often the cards of each table row were shown and overridden: for the row's page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from cds_service.storage.report import Tally
from cds_service.storage.schema import CARDS, FEEDBACK
from cds_service.storage.store import Store


def row_figures(store: Store, since: datetime, *, seconds: float) -> Mapping[str, Tally]:
    """Id of a row -> its cards from `since` on; a card that speaks for several rows counts for each.

    A card counts once, by its latest feedback.

    Args:
        store: the database.
        since: aware.
        seconds: how long the query may take.

    Raises:
        StoreUnavailable: the database can't be reached, or took too long.
    """
    answered = (CARDS.c.uuid == FEEDBACK.c.card) & (CARDS.c.client == FEEDBACK.c.client)
    query = (
        sa.select(CARDS.c.uuid, CARDS.c.rows, CARDS.c.shown, FEEDBACK.c.outcome)
        .select_from(CARDS.outerjoin(FEEDBACK, answered))
        .where(CARDS.c.at >= since)
        .order_by(FEEDBACK.c.outcome_at, FEEDBACK.c.id)
    )
    with store.transaction(seconds) as connection:
        latest = {card.uuid: card for card in connection.execute(query)}
    found: dict[str, list[tuple[bool, str | None]]] = {}
    for card in latest.values():
        for row in card.rows:
            found.setdefault(row, []).append((card.shown, card.outcome))
    return {row: _tally(cards) for row, cards in found.items()}


def _tally(cards: list[tuple[bool, str | None]]) -> Tally:
    shown = sum(is_shown for is_shown, _ in cards)
    outcomes = [outcome for _, outcome in cards]
    return Tally(shown, len(cards) - shown, outcomes.count("accepted"), outcomes.count("overridden"))
