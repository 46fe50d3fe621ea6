"""What a committee asks of a period besides the answers to cards: calls, missing data by client, what was not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa

from cds_service.storage.schema import CALLS, UNREAD
from cds_service.storage.store import Store

_SECONDS = 60.0
_BATCH_SIZE = 1000


class ClientCalls(msgspec.Struct):
    """Calls of one client: how many, and in how many a kind of data was missing (prefetch key -> calls)."""

    calls: int = 0
    missing: Counter[str] = msgspec.field(default_factory=Counter)


class UnreadName(msgspec.Struct, frozen=True):
    """What was not read, as often; `name` is empty where it has no code and words are not kept."""

    kind: str
    name: str
    count: int


class Period(msgspec.Struct, frozen=True):
    """Calls of a period by client, orders by procedure (empty for none that is known), and what was not read."""

    clients: Mapping[str, ClientCalls]
    orders: Mapping[str, int]
    unread: Sequence[UnreadName]
    versions: Collection[str] = ()
    """Of the tables that the calls were judged by."""

    @property
    def calls(self) -> int:
        """All calls."""
        return sum(client.calls for client in self.clients.values())

    def unread_of(self, *kinds: str) -> list[UnreadName]:
        """What was not read of some kinds, the most frequent first."""
        return [item for item in self.unread if item.kind in kinds]


def read_period(store: Store, since: datetime | None, until: datetime | None) -> Period:
    """The period from `since` (inclusive) to `until` (exclusive); what was not read is counted in days of UTC.

    Raises:
        StoreUnavailable: the database can't be reached.
    """
    calls = sa.select(CALLS.c.client, CALLS.c.unavailable, CALLS.c.orders, CALLS.c.knowledge_version)
    unread = sa.select(UNREAD.c.kind, UNREAD.c.name, sa.func.sum(UNREAD.c.count).label("times"))
    if since:
        calls, unread = calls.where(CALLS.c.at >= since), unread.where(UNREAD.c.day >= since.astimezone(UTC).date())
    if until:
        calls, unread = calls.where(CALLS.c.at < until), unread.where(UNREAD.c.day <= until.astimezone(UTC).date())
    clients: dict[str, ClientCalls] = {}
    orders: Counter[str] = Counter()
    versions: set[str] = set()
    with store.transaction(_SECONDS) as connection:
        for row in connection.execution_options(yield_per=_BATCH_SIZE).execute(calls):
            client = clients.setdefault(row.client, ClientCalls())
            client.calls += 1
            client.missing.update(row.unavailable.keys())
            orders.update(order["procedure"] or "" for order in row.orders)
            versions.add(row.knowledge_version)
        counted = connection.execute(unread.group_by(UNREAD.c.kind, UNREAD.c.name)).all()
    names = [UnreadName(row.kind, row.name, int(row.times)) for row in counted]
    names.sort(key=lambda item: (-item.count, item.kind, item.name))
    return Period(clients, orders, names, versions)
