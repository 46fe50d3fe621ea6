"""What is old is deleted, a little at a time, so that nobody who writes has to wait long."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from cds_service.storage.schema import CALLS, CARDS, FEEDBACK
from cds_service.storage.store import Store

_AT_ONCE = 1000
_SECONDS = 30.0
_AGES = {CALLS: ("id", "at"), CARDS: ("uuid", "at"), FEEDBACK: ("id", "received_at")}


def prune(store: Store, before: datetime) -> dict[str, int]:
    """Delete every call and card issued, and all feedback received, before a time; lines deleted by table.

    Raises:
        StoreUnavailable: the database can't be reached; what was deleted until then stays deleted.
    """
    return {table.name: _prune(store, table, *columns, before) for table, columns in _AGES.items()}


def _prune(store: Store, table: sa.Table, key: str, age: str, before: datetime) -> int:
    old = sa.select(table.c[key]).where(table.c[age] < before).limit(_AT_ONCE)
    deleted = 0
    while True:
        with store.transaction(_SECONDS) as connection:
            count = connection.execute(sa.delete(table).where(table.c[key].in_(old))).rowcount
        deleted += count
        if count < _AT_ONCE:
            return deleted
