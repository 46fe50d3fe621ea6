"""Calls, cards and feedback to store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cds_service.call_summary import CallSummary, OrderSummary, Read
from cds_service.cards.card import CardSummary
from cds_service.errors import TooMuchFeedback
from cds_service.hooks.feedback import Feedback
from cds_service.storage.feedback import Batch, BatchResult, Sender, insert_feedback
from cds_service.storage.records import CallRecord, insert_calls
from cds_service.storage.store import Store
from cds_service.storage.writer import _RUNNING

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CARD = "11111111-1111-4111-8111-{:012d}"
SENDER = Sender("https://ehr.example.org", "ir-order-sign", NOW)


def an_answer(card: int = 1, outcome: str = "accepted", seconds: float = 5, **more: Any) -> Feedback:
    """Feedback on one card, some seconds after the card."""
    return Feedback(CARD.format(card), outcome, NOW + timedelta(seconds=seconds), **more)


def a_card(number: int, topic: str = "iodine-allergy", indicator: str = "critical", *rows: str) -> CardSummary:
    """A shown card, with a uuid made from its number."""
    return CardSummary(topic, rows or (topic,), indicator, CARD.format(number))


def a_call(
    number: int = 1, *cards: CardSummary, at: datetime = NOW, client: str = SENDER.client, shadow: bool = False
) -> CallRecord:
    """A call answered with these cards; by default with one critical card of ten times its number."""
    order = OrderSummary("tips", "present", {"iodine-allergy": "critical"}, ("bleeding-tendency",))
    given = cards or (a_card(number * 10),)
    summary = CallSummary(
        "2026.11+x",
        {"conditions": Read(2, "prefetch")},
        {"observations": ("not-sent",)},
        {"no-result": 1},
        (order,),
        given,
    )
    return CallRecord(
        id=f"22222222-2222-4222-8222-{number:012d}",
        at=at,
        service="ir-order-sign",
        hook="order-sign",
        client=client,
        peer="127.0.0.1",
        patient="0" * 32,
        shadow=shadow,
        knowledge_version="2026.11+x",
        milliseconds={"facts": 1.25},
        summary=summary,
    )


def save_call(store: Store, *records: CallRecord, seconds: float = 5.0) -> None:
    """Store calls in one transaction."""
    with store.transaction(seconds, writing=True) as connection:
        insert_calls(connection, records)


def save_feedback(
    store: Store, entries: list[Feedback], sender: Sender, *, with_comments: bool = False, seconds: float = 5.0
) -> BatchResult:
    """Store a batch."""
    with store.transaction(seconds, writing=True) as connection:
        (outcome,) = insert_feedback(connection, [Batch(entries, sender, with_comments)])
    if isinstance(outcome, TooMuchFeedback):
        raise outcome
    return outcome


def close_writers() -> None:
    """Give up the records that could not be stored yet, as a process does in its end."""
    for writer in list(_RUNNING):
        writer.close(0)


def flush_records() -> None:
    """Return when the records of all calls in this process are stored."""
    for writer in list(_RUNNING):
        writer.flush()
