"""The tables of every version that answered, kept once for each content: which limit applied on that day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa

from cds_service.knowledge.snapshot import Snapshot, digest
from cds_service.storage.schema import SNAPSHOTS, VERSIONS, insert_into
from cds_service.storage.store import Store

_SECONDS = 10.0


def keep_snapshot(store: Store, snapshot: Snapshot, at: datetime) -> None:
    """Keep the tables of a version; nothing is written where they are kept already.

    Raises:
        StoreUnavailable: the database can't be reached; nothing was written.
    """
    parts = [part for part in (snapshot.shipped, snapshot.site) if part is not None]
    row = {
        "version": snapshot.version,
        "first_at": at,
        "day": snapshot.day,
        "shipped": digest(snapshot.shipped),
        "site": digest(snapshot.site) if snapshot.site is not None else None,
    }
    with store.transaction(_SECONDS, writing=True) as connection:
        known = set(connection.scalars(sa.select(SNAPSHOTS.c.sha256)))
        for part in parts:
            if digest(part) not in known:
                new = insert_into(SNAPSHOTS, connection).values(sha256=digest(part), content=part)
                connection.execute(new.on_conflict_do_nothing())
        connection.execute(insert_into(VERSIONS, connection).values(row).on_conflict_do_nothing())


def versions(store: Store) -> Sequence[tuple[str, datetime]]:
    """Every version that is kept, with the time of its first answer; the oldest first.

    Raises:
        StoreUnavailable: the database can't be reached.
    """
    with store.transaction(_SECONDS) as connection:
        query = sa.select(VERSIONS.c.version, VERSIONS.c.first_at).order_by(VERSIONS.c.first_at)
        return [(row.version, row.first_at) for row in connection.execute(query)]


def read_snapshot(store: Store, version: str) -> Snapshot | None:
    """The files of a version; None where it is not kept.

    Raises:
        StoreUnavailable: the database can't be reached.
    """
    with store.transaction(_SECONDS) as connection:
        found = connection.execute(sa.select(VERSIONS).where(VERSIONS.c.version == version)).first()
        if found is None:
            return None
        contents = {
            row.sha256: bytes(row.content)
            for row in connection.execute(
                sa.select(SNAPSHOTS).where(SNAPSHOTS.c.sha256.in_([found.shipped, found.site or ""]))
            )
        }
    day: date = found.day
    return Snapshot(version, day, contents[found.shipped], contents[found.site] if found.site else None)
