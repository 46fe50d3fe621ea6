"""What clinicians answered to cards, kept once however often it is sent.

Feedback counts for a card only where it comes from the client that the card was given to.
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

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Sender:
    """Where feedback came from: the issuer or `open`, the service in the URL, and when."""

    client: str
    service: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a batch: new entries by outcome, repeated ones, and new ones about cards that nobody remembers."""

    outcomes: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    unknown_cards: int = 0


def keep_feedback(
    store: Store, entries: Sequence[Feedback], sender: Sender, *, with_comments: bool, seconds: float
) -> Kept:
    """Keep a batch, all of it or nothing; when this returns, it is committed.

    Args:
        store: the database.
        entries: in any order, repeated ones allowed.
        sender: who sent them.
        with_comments: keep the free text; else only that there was one.
        seconds: how long a statement may wait for others.

    Raises:
        StoreUnavailable: nothing was kept, and the sender has to send it again.
    """
    if not entries:
        return Kept()
    # In one order for everyone: two batches with the same entries then wait for each other and don't lock up.
    ordered = sorted(entries, key=lambda entry: (entry.card, entry.outcome, entry.at))
    lines = [_line(entry, sender, with_comments) for entry in ordered]
    with store.transaction(seconds) as connection:
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        statement = insert(FEEDBACK).on_conflict_do_nothing().returning(FEEDBACK.c.card, FEEDBACK.c.outcome)
        new = connection.execute(statement, lines).all()
        known = _known(connection, sorted({row.card for row in new}), sender.client)
    unknown = sum(row.card not in known for row in new)
    return Kept(Counter(row.outcome for row in new), len(ordered) - len(new), unknown)


def _line(entry: Feedback, sender: Sender, with_comments: bool) -> dict[str, Any]:
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


def _known(connection: sa.Connection, cards: Sequence[str], client: str) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(cards), _AT_ONCE):
        some = cards[start : start + _AT_ONCE]
        asked = sa.select(CARDS.c.uuid).where(CARDS.c.uuid.in_(some), CARDS.c.client == client)
        found.update(connection.scalars(asked))
    return found
