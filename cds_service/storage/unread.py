"""Counts of what could not be read, by day and client: never with a call or a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from cds_service.storage.schema import UNREAD, insert_into
from cds_service.unread import Unread

_MOST_CHARACTERS = 255


def count_unread(connection: sa.Connection, found: Iterable[tuple[str, datetime, Unread]]) -> None:
    """Add one for each of them, with its client and time. Rows are written in one order, against deadlocks."""
    counts = Counter(
        (at.astimezone(UTC).date(), client, item.kind, item.name[:_MOST_CHARACTERS]) for client, at, item in found
    )
    if not counts:
        return
    new = insert_into(UNREAD, connection)
    statement = new.on_conflict_do_update(
        index_elements=["day", "client", "kind", "name"], set_={"count": UNREAD.c.count + new.excluded.count}
    )
    rows = [
        {"day": day, "client": client, "kind": kind, "name": name, "count": count}
        for (day, client, kind, name), count in sorted(counts.items())
    ]
    connection.execute(statement, rows)
