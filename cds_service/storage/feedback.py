"""Feedback on cards, stored once however often it is sent.

Feedback counts for a card only if it comes from the client that received the card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cds_service.hooks.feedback import Feedback
from cds_service.storage.schema import CARDS, FEEDBACK
from cds_service.storage.store import Store

_BATCH_SIZE = 500


@dataclass(frozen=True, slots=True)
class Sender:
    """Origin of a batch: the client's issuer or `open`, the service in the URL, and the time received."""

    client: str
    service: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Counts of one batch: new entries by outcome, repeated entries, and new entries on unknown cards."""

    outcomes: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    unknown_cards: int = 0


def save_feedback(
    store: Store, entries: Sequence[Feedback], sender: Sender, *, with_comments: bool, seconds: float
) -> BatchResult:
    """Store a batch as a whole or not at all; it is committed when this returns.

    Args:
        store: the database.
        entries: in any order, may repeat.
        sender: where the batch came from.
        with_comments: store the free text; else only whether there was one.
        seconds: how long a statement may wait for locks.

    Raises:
        StoreUnavailable: nothing was stored; the client must send the batch again.
    """
    if not entries:
        return BatchResult()
    # Sorted, so that two concurrent batches with the same entries wait for each other instead of deadlocking.
    ordered = sorted(entries, key=lambda entry: (entry.card, entry.outcome, entry.at))
    rows = [_row(entry, sender, with_comments) for entry in ordered]
    with store.transaction(seconds) as connection:
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        statement = insert(FEEDBACK).on_conflict_do_nothing().returning(FEEDBACK.c.card, FEEDBACK.c.outcome)
        new = connection.execute(statement, rows).all()
        known = _known_cards(connection, sorted({row.card for row in new}), sender.client)
    unknown = sum(row.card not in known for row in new)
    return BatchResult(Counter(row.outcome for row in new), len(ordered) - len(new), unknown)


def _row(entry: Feedback, sender: Sender, with_comments: bool) -> dict[str, Any]:
    return {
        "card": entry.card,
        "outcome": entry.outcome,
        "outcome_at": entry.at,
        "received_at": sender.at,
        "service": sender.service,
        "client": sender.client,
        "suggestions": list(entry.suggestions),
        "reason_system": entry.reason[0] if entry.reason else None,
        "reason_code": entry.reason[1] if entry.reason else None,
        "commented": entry.comment is not None,
        "comment": entry.comment if with_comments else None,
    }


def _known_cards(connection: sa.Connection, cards: Sequence[str], client: str) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(cards), _BATCH_SIZE):
        batch = cards[start : start + _BATCH_SIZE]
        query = sa.select(CARDS.c.uuid).where(CARDS.c.uuid.in_(batch), CARDS.c.client == client)
        found.update(connection.scalars(query))
    return found
