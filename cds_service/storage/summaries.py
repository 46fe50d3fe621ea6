"""Summaries that a link leads to, sealed, until the link expires. Without `CDS_SUMMARY_LINKS` there are none."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from cds_service.security.sealed_links import Sealed
from cds_service.storage.schema import SUMMARIES
from cds_service.storage.store import Store


def save_summary(store: Store, sealed: Sealed, now: datetime, *, seconds: float) -> None:
    """Keep one, and delete those that have expired.

    Args:
        store: the database.
        sealed: its `token` is not kept.
        now: the time.
        seconds: how long a statement may wait for locks.

    Raises:
        StoreUnavailable: it is not kept.
    """
    row = {"id": sealed.id, "expires_at": sealed.expires_at, "sealed": sealed.body}
    with store.transaction(seconds) as connection:
        connection.execute(sa.delete(SUMMARIES).where(SUMMARIES.c.expires_at <= now))
        connection.execute(sa.insert(SUMMARIES).values(row))


def read_summary(store: Store, summary_id: str, now: datetime, *, seconds: float) -> bytes | None:
    """The sealed content, or None where there is none, or it has expired; arguments as of `save_summary`.

    Raises:
        StoreUnavailable: nobody can tell.
    """
    wanted = sa.select(SUMMARIES.c.sealed).where(SUMMARIES.c.id == summary_id, SUMMARIES.c.expires_at > now)
    with store.transaction(seconds) as connection:
        sealed: bytes | None = connection.execute(wanted).scalar()
    return sealed


def delete_expired(store: Store, now: datetime, *, seconds: float) -> int:
    """Delete those that have expired; the number of those that are left.

    Raises:
        StoreUnavailable: nothing was deleted.
    """
    with store.transaction(seconds) as connection:
        connection.execute(sa.delete(SUMMARIES).where(SUMMARIES.c.expires_at <= now))
        left: int = connection.execute(sa.select(sa.func.count()).select_from(SUMMARIES)).scalar_one()
    return left
