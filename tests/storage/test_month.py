"""What a committee reads of a period: calls, missing data by EHR, and what could not be read."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from cds_service.storage.month import UnreadName, read_period
from cds_service.storage.store import Store
from cds_service.unread import Unread
from tests.support.kept import NOW, a_call, save_call

ORDER, CODE, WORDS = Unread("orders", "urn:ris|IR-9"), Unread("conditions", "urn:icd|X1"), Unread("conditions", "")


def test_what_was_not_read_is_counted_by_day_and_never_by_call(store: Store) -> None:
    """Unread codes, words and orders are added up over calls, the most frequent first."""
    save_call(store, replace(a_call(1), unread=(ORDER, CODE)), seconds=5.0)
    save_call(store, replace(a_call(2), unread=(CODE, WORDS)), seconds=5.0)
    save_call(store, replace(a_call(3, at=NOW + timedelta(days=9)), unread=(CODE,)), seconds=5.0)
    whole = read_period(store, None, None)
    assert list(whole.unread) == [
        UnreadName("conditions", "urn:icd|X1", 3),
        UnreadName("conditions", "", 1),
        UnreadName("orders", "urn:ris|IR-9", 1),
    ]
    assert read_period(store, None, NOW + timedelta(days=2)).unread_of("conditions")[0].count == 2
    assert read_period(store, NOW + timedelta(days=5), None).unread_of("orders") == []


def test_missing_data_are_counted_by_client(store: Store) -> None:
    """Of each EHR: its calls, and those in which a kind of data was missing; orders by procedure."""
    save_call(store, a_call(1), seconds=5.0)
    save_call(store, a_call(2, client="https://other.example.org"), seconds=5.0)
    save_call(store, a_call(3, client="https://other.example.org"), seconds=5.0)
    found = read_period(store, None, None)
    assert (found.calls, found.orders) == (3, {"tips": 3})
    other = found.clients["https://other.example.org"]
    assert (other.calls, other.missing) == (2, {"observations": 2})
