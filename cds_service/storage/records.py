"""Records of calls: one audit record per call, and one row per card so that feedback can be joined to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from cds_service.call_summary import CallSummary
from cds_service.storage.answered import CardMark
from cds_service.storage.schema import CALLS, CARDS
from cds_service.storage.store import Store
from cds_service.storage.unread import count_unread
from cds_service.unread import Unread

_BATCH_SIZE = 500
_EXPORT_TIMEOUT_SECONDS = 30.0


class CallRecord(msgspec.Struct, frozen=True):
    """One call. `summary` is None if nothing could be judged.

    `client` is the caller's issuer or `open`, `peer` the IP address of the connection, `patient` a keyed hash.
    `milliseconds` maps each stage to its duration. `shadow`: nothing of the answer was shown.
    """

    id: str
    at: datetime
    service: str
    hook: str
    client: str
    peer: str
    patient: str
    shadow: bool
    knowledge_version: str
    milliseconds: Mapping[str, float]
    summary: CallSummary | None
    hook_instance: str | None = None
    unread: tuple[Unread, ...] = ()
    """What of the call could not be read; counted by day and client, apart from the call."""
    marks: Mapping[str, CardMark] = msgspec.field(default_factory=dict)
    """By the uuid of a card that can be known again."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The uuids of the cards that were shown."""
        cards = self.summary.cards if self.summary and not self.shadow else ()
        return tuple(card.uuid for card in cards if card.uuid is not None)


def insert_calls(connection: sa.Connection, records: Sequence[CallRecord]) -> None:
    """Insert calls and their cards, and count what could not be read."""
    cards = [card for record in records for card in _cards(record)]
    if records:
        connection.execute(CALLS.insert(), list(map(_call, records)))
    if cards:
        connection.execute(CARDS.insert(), cards)
    count_unread(connection, ((record.client, record.at, item) for record in records for item in record.unread))


def _call(record: CallRecord) -> dict[str, Any]:
    summary = record.summary
    return {
        "id": record.id,
        "at": record.at,
        "service": record.service,
        "hook": record.hook,
        "client": record.client,
        "peer": record.peer,
        "patient": record.patient,
        "judged": summary is not None and summary.judged,
        "shadow": record.shadow,
        "knowledge_version": record.knowledge_version,
        "hook_instance": record.hook_instance,
        "read": summary.read if summary else {},
        "unavailable": summary.unavailable if summary else {},
        "orders": summary.orders if summary else [],
        "milliseconds": {stage: round(time, 3) for stage, time in record.milliseconds.items()},
    }


def _cards(record: CallRecord) -> list[dict[str, Any]]:
    """One row per card. A withheld card has no uuid, so it gets one from the call and its position."""
    cards = record.summary.cards if record.summary else ()
    return [
        {
            "uuid": card.uuid or f"{record.id[:32]}{position:04d}",
            "call": record.id,
            "at": record.at,
            "service": record.service,
            "client": record.client,
            "topic": card.topic,
            "rows": list(card.rows),
            "indicator": card.indicator,
            "shown": card.uuid is not None and not record.shadow,
            **_mark(record.marks.get(card.uuid or "")),
        }
        for position, card in enumerate(cards)
    ]


def _mark(mark: CardMark | None) -> dict[str, str | None]:
    return {"subject": mark.subject if mark else None, "evidence": mark.evidence if mark else None}


def read_calls(store: Store, since: datetime | None, until: datetime | None) -> Iterator[Mapping[str, Any]]:
    """The audit records from `since` (inclusive) to `until` (exclusive), oldest first, as rows of the table `calls`.

    Raises:
        StoreUnavailable: the database can't be reached.
    """
    query = sa.select(CALLS).order_by(CALLS.c.at, CALLS.c.id)
    query = query.where(CALLS.c.at >= since) if since else query
    query = query.where(CALLS.c.at < until) if until else query
    with store.transaction(_EXPORT_TIMEOUT_SECONDS) as connection:
        for row in connection.execution_options(yield_per=_BATCH_SIZE).execute(query).mappings():
            yield dict(row)
