"""Which cards a store knows as answered, or shown by an earlier hook."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from cds_service.storage.answered import CardMark, Earlier, _settled, already_answered
from cds_service.storage.prepared import Prepared
from cds_service.storage.store import Store
from tests.support.kept import CARD, NOW, SENDER, a_call, a_card, an_answer, save_call, save_feedback

MARK = CardMark("subject", "evidence")
CALL = Earlier(SENDER.client, "ir-order-sign", NOW + timedelta(minutes=5))


def shown(store: Store, service: str, at: datetime = NOW, mark: CardMark = MARK, *, shadow: bool = False) -> None:
    """A call of an earlier hook that showed the card."""
    record = replace(a_call(1, a_card(1), at=at, shadow=shadow), service=service, marks={CARD.format(1): mark})
    save_call(store, record, seconds=5.0)


def held_back(store: Store, mark: CardMark = MARK, call: Earlier = CALL) -> bool:
    """Whether the same card is held back in this call."""
    return already_answered(store, {"new": (mark,)}, call, seconds=5.0) == {"new"}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("ir-order-select", "ir-order-sign", True),
        ("ir-order-sign", "ir-order-sign", False),
        ("ir-order-sign", "ir-order-select", False),
        ("ir-order-select", "ir-order-select", False),
        ("ir-order-sign", "ir-order-dispatch", True),
        ("ir-patient-view", "ir-order-sign", False),
    ],
)
def test_a_later_hook_does_not_repeat_a_card(store: Store, before: str, now: str, expected: bool) -> None:
    """What selecting showed, signing does not; the same hook, and one that comes before it, do."""
    shown(store, before)
    assert held_back(store, call=replace(CALL, service=now)) == expected
    assert not held_back(store, replace(MARK, must_repeat=True), replace(CALL, service=now))


def test_a_card_that_is_shown_again_and_again_is_not_looked_at_each_time(tmp_path: Path) -> None:
    """SQLite goes to the cards of the subject, of the earlier service and in time, and passes no other over."""
    store = Store(f"sqlite:///{tmp_path / 'records.db'}")
    asked = _settled(1, 1, store.dialect)
    explained = Prepared(f"EXPLAIN QUERY PLAN {asked.text}", asked.names, asked.given, asked.convert)
    values = {"client": "c", "until": NOW, "seen_after": NOW, "answers_after": NOW, "subject0": "s", "earlier0": "e"}
    steps = [row[-1] for row in store.rows(explained, values, 5.0)]
    store.close()
    assert any("(subject=? AND service=? AND at>? AND at<?)" in step for step in steps), steps


@pytest.mark.parametrize("outcome", ["accepted", "overridden"])
@pytest.mark.parametrize("must_repeat", [True, False])
def test_an_answered_card_is_held_back(store: Store, outcome: str, must_repeat: bool) -> None:
    """Any answer settles a card, a critical one as well, in whatever hook."""
    shown(store, "ir-order-sign")
    save_feedback(store, [an_answer(1, outcome)], SENDER, with_comments=False, seconds=5.0)
    assert held_back(store, replace(MARK, must_repeat=must_repeat))


def test_an_answer_of_another_client_settles_nothing(store: Store) -> None:
    """Feedback counts only from the client that received the card."""
    shown(store, "ir-order-sign")
    other = replace(SENDER, client="https://other.example.org")
    save_feedback(store, [an_answer(1, "overridden")], other, with_comments=False, seconds=5.0)
    assert not held_back(store)


@pytest.mark.parametrize(
    "change",
    [
        {"mark": replace(MARK, subject="another")},
        {"mark": replace(MARK, evidence="another")},
        {"call": replace(CALL, client="https://other.example.org")},
        {"call": replace(CALL, at=NOW + timedelta(hours=13))},
    ],
    ids=["another patient, order or problem", "new evidence", "another client", "another day"],
)
def test_what_is_not_the_same_is_shown(store: Store, change: dict[str, CardMark | Earlier]) -> None:
    """New evidence, another order or client, and another day show a card again."""
    shown(store, "ir-order-select")
    assert held_back(store)
    assert not held_back(store, **change)  # type: ignore[arg-type]  # one argument each


def test_an_answer_holds_for_a_month(store: Store) -> None:
    """After a month an old answer holds no card back."""
    shown(store, "ir-order-sign")
    save_feedback(store, [an_answer(1, "overridden")], SENDER, with_comments=False, seconds=5.0)
    assert held_back(store, call=replace(CALL, at=NOW + timedelta(days=29)))
    assert not held_back(store, call=replace(CALL, at=NOW + timedelta(days=31)))


def test_what_shadow_mode_recorded_was_not_shown(store: Store) -> None:
    """A card that was only recorded is shown."""
    shown(store, "ir-order-select", shadow=True)
    assert not held_back(store)
