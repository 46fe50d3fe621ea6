"""Deletes old rows, in small transactions so that writers do not wait long."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from cds_service.storage.schema import CALLS, CARDS, FEEDBACK
from cds_service.storage.store import Store

_BATCH_SIZE = 1000
_TIMEOUT_SECONDS = 30.0
_KEY_AND_AGE = {CALLS: ("id", "at"), CARDS: ("uuid", "at"), FEEDBACK: ("id", "received_at")}


def prune(store: Store, before: datetime) -> dict[str, int]:
    """Delete all calls, cards and feedback from before a time; the number of deleted rows by table.

    Raises:
        StoreUnavailable: the database can't be reached; rows deleted before stay deleted.
    """
    return {table.name: _prune(store, table, *columns, before) for table, columns in _KEY_AND_AGE.items()}


def _prune(store: Store, table: sa.Table, key: str, age: str, before: datetime) -> int:
    expired = sa.select(table.c[key]).where(table.c[age] < before).limit(_BATCH_SIZE)
    deleted = 0
    while True:
        with store.transaction(_TIMEOUT_SECONDS) as connection:
            count = connection.execute(sa.delete(table).where(table.c[key].in_(expired))).rowcount
        deleted += count
        if count < _BATCH_SIZE:
            return deleted
