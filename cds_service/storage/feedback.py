"""Feedback on cards, stored once however often it is sent.

Feedback counts for a card only if it comes from the client that received the card. What one client can store is
bounded: entries on cards that it did not receive, entries per card, and the length of comments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from cds_service.errors import TooMuchFeedback
from cds_service.hooks.feedback import Feedback
from cds_service.storage.schema import CARDS, FEEDBACK, insert_into

MOST_UNKNOWN = 1_000
"""Entries on unknown cards that one client may store in an hour; after a restore without the last cards, some are."""
MOST_PER_CARD = 100
MOST_COMMENT = 4_000
"""Characters of a comment; a longer one is cut there and says so."""
CUT = " [cut]"
_UNKNOWN_IN = timedelta(hours=1)
_BATCH_SIZE = 500
_KEY = (FEEDBACK.c.client, FEEDBACK.c.card, FEEDBACK.c.outcome, FEEDBACK.c.outcome_at)
Key = tuple[Any, ...]
"""Client, card, outcome and time: what makes an entry the same."""


class Sender(msgspec.Struct, frozen=True):
    """Origin of a batch: the client's issuer or `open`, the service in the URL, and the time received."""

    client: str
    service: str
    at: datetime


class BatchResult(msgspec.Struct, frozen=True):
    """Counts of one batch: new entries by outcome, repeated entries, and new entries on unknown cards."""

    outcomes: Mapping[str, int] = msgspec.field(default_factory=dict)
    repeated: int = 0
    unknown_cards: int = 0


class Batch(msgspec.Struct, frozen=True):
    """Feedback that is stored as a whole or not at all; the entries are in any order and may repeat.

    `with_comments`: store the free text; else only whether there was one.
    """

    entries: Sequence[Feedback]
    sender: Sender
    with_comments: bool = False

    def keys_of_entries(self) -> Iterator[Key]:
        """The key of each entry."""
        return ((self.sender.client, entry.card, entry.outcome, entry.at) for entry in self.entries)


class _Inserted(msgspec.Struct, frozen=True):
    """New entries, and the client and card of those on unknown cards and of those with too many answers."""

    keys: set[Key]
    unknown: set[Key]
    crowded: set[Key]
    flooding: set[str]
    """Clients with too many entries on unknown cards."""


def insert_feedback(connection: sa.Connection, batches: Sequence[Batch]) -> list[BatchResult | TooMuchFeedback]:
    """Insert the entries that are new.

    Args:
        connection: in a transaction.
        batches: from one or several clients.

    Returns:
        The result of each batch, or why nothing of it was inserted.
    """
    outcomes: dict[int, BatchResult | TooMuchFeedback] = {}
    accepted = {position: batch for position, batch in enumerate(batches) if batch.entries}
    while accepted:
        savepoint = connection.begin_nested()
        inserted = _insert(connection, accepted.values())
        refused = {p: refusal for p, batch in accepted.items() if (refusal := _refusal(batch, inserted))}
        if not refused:
            savepoint.commit()
            outcomes |= {position: _result(batch, inserted) for position, batch in accepted.items()}
            break
        savepoint.rollback()
        outcomes |= refused
        accepted = {position: batch for position, batch in accepted.items() if position not in refused}
    return [outcomes.get(position, BatchResult()) for position in range(len(batches))]


def _insert(connection: sa.Connection, batches: Collection[Batch]) -> _Inserted:
    rows = [_row(entry, batch) for batch in batches for entry in batch.entries]
    # Sorted, so that two concurrent transactions with the same entries wait for each other instead of deadlocking.
    rows.sort(key=lambda row: tuple(row[column.name] for column in _KEY))
    statement = insert_into(FEEDBACK, connection).on_conflict_do_nothing().returning(*_KEY)
    keys: set[Key] = {tuple(row) for row in connection.execute(statement, rows)}
    pairs = {key[:2] for key in keys}
    unknown = pairs - _known_cards(connection, pairs)
    since = max(batch.sender.at for batch in batches) - _UNKNOWN_IN
    flooding = {client for client in {pair[0] for pair in unknown} if _is_flooding(connection, client, since)}
    return _Inserted(keys, unknown, _crowded_cards(connection, pairs), flooding)


def _refusal(batch: Batch, inserted: _Inserted) -> TooMuchFeedback | None:
    """Why a batch is not accepted; one that adds nothing always is."""
    new = {key[:2] for key in batch.keys_of_entries() if key in inserted.keys}
    if batch.sender.client in inserted.flooding and new & inserted.unknown:
        return TooMuchFeedback(
            f"More than {MOST_UNKNOWN} entries of an hour are about cards that this client did not receive.",
            retry_after=round(_UNKNOWN_IN.total_seconds()),
        )
    if crowded := new & inserted.crowded:
        card = min(crowded)[1]
        return TooMuchFeedback(f"Card {card} has {MOST_PER_CARD} entries already.", round(_UNKNOWN_IN.total_seconds()))
    return None


def _result(batch: Batch, inserted: _Inserted) -> BatchResult:
    """The counts of a batch; an entry that two batches bring is new in the first of them."""
    new = set(batch.keys_of_entries()) & inserted.keys
    inserted.keys.difference_update(new)
    unknown = sum(key[:2] in inserted.unknown for key in new)
    return BatchResult(Counter(key[2] for key in new), len(batch.entries) - len(new), unknown)


def _row(entry: Feedback, batch: Batch) -> dict[str, Any]:
    comment = entry.comment if batch.with_comments else None
    if comment and len(comment) > MOST_COMMENT:
        comment = comment[:MOST_COMMENT] + CUT
    return {
        "card": entry.card,
        "outcome": entry.outcome,
        "outcome_at": entry.at,
        "received_at": batch.sender.at,
        "service": batch.sender.service,
        "client": batch.sender.client,
        "suggestions": list(entry.suggestions),
        "reason_system": entry.reason[0] if entry.reason else None,
        "reason_code": entry.reason[1] if entry.reason else None,
        "commented": entry.comment is not None,
        "comment": comment,
    }


def _known_cards(connection: sa.Connection, pairs: Iterable[Key]) -> set[Key]:
    """Those of the clients and cards where the client received the card."""
    found: set[Key] = set()
    for cards in _portions(pairs):
        query = sa.select(CARDS.c.client, CARDS.c.uuid).where(CARDS.c.uuid.in_(cards))
        found.update(tuple(row) for row in connection.execute(query))
    return found


def _crowded_cards(connection: sa.Connection, pairs: Iterable[Key]) -> set[Key]:
    found: set[Key] = set()
    for cards in _portions(pairs):
        query = sa.select(FEEDBACK.c.client, FEEDBACK.c.card).where(FEEDBACK.c.card.in_(cards))
        query = query.group_by(FEEDBACK.c.client, FEEDBACK.c.card).having(sa.func.count() > MOST_PER_CARD)
        found.update(tuple(row) for row in connection.execute(query))
    return found


def _portions(pairs: Iterable[Key]) -> Iterator[list[str]]:
    """The cards, as many at a time as a statement takes."""
    cards = sorted({card for _, card in pairs})
    return (cards[start : start + _BATCH_SIZE] for start in range(0, len(cards), _BATCH_SIZE))


def _is_flooding(connection: sa.Connection, client: str, since: datetime) -> bool:
    received = sa.exists().where(CARDS.c.uuid == FEEDBACK.c.card, CARDS.c.client == FEEDBACK.c.client)
    unknown = sa.select(FEEDBACK.c.id).where(FEEDBACK.c.client == client, FEEDBACK.c.received_at > since, ~received)
    some = unknown.limit(MOST_UNKNOWN + 1).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one() > MOST_UNKNOWN
