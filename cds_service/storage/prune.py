"""Deletes old rows, in small transactions so that writers do not wait long."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from cds_service.storage.schema import CALLS, CARDS, FEEDBACK, UNREAD
from cds_service.storage.store import Store

_BATCH_SIZE = 1000
_TIMEOUT_SECONDS = 30.0
_KEY_AND_AGE = {CALLS: ("id", "at"), CARDS: ("uuid", "at"), FEEDBACK: ("id", "received_at")}


def prune(store: Store, before: datetime) -> dict[str, int]:
    """Delete all calls, cards, feedback and counts of what was not read from before a time; deleted rows by table.

    The tables that answered are left: they tell of no patient, and there are few.

    Raises:
        StoreUnavailable: the database can't be reached; rows deleted before stay deleted.
    """
    deleted = {table.name: _prune(store, table, *columns, before) for table, columns in _KEY_AND_AGE.items()}
    with store.transaction(_TIMEOUT_SECONDS) as connection:
        old = UNREAD.c.day < before.astimezone(UTC).date()
        return deleted | {UNREAD.name: connection.execute(sa.delete(UNREAD).where(old)).rowcount}


def _prune(store: Store, table: sa.Table, key: str, age: str, before: datetime) -> int:
    expired = sa.select(table.c[key]).where(table.c[age] < before).limit(_BATCH_SIZE)
    deleted = 0
    while True:
        with store.transaction(_TIMEOUT_SECONDS) as connection:
            count = connection.execute(sa.delete(table).where(table.c[key].in_(expired))).rowcount
        deleted += count
        if count < _BATCH_SIZE:
            return deleted
