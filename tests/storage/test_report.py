"""The feedback report: what is counted, what is not, and what is listed for review."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from cds_service.cards.card import CardSummary
from cds_service.storage.feedback import Sender
from cds_service.storage.report import Report, Tally, build_report
from cds_service.storage.store import Store
from tests.support.kept import NOW, SENDER, a_call, a_card, an_answer, save_call, save_feedback

OTHER = Sender("https://other.example.org", SENDER.service, NOW)


def received(store: Store, *entries: object, sender: Sender = SENDER) -> None:
    """Store feedback."""
    save_feedback(store, entries, sender, with_comments=False, seconds=5.0)  # type: ignore[arg-type]


def reported(store: Store, review_above: float = 50.0) -> Report:
    """The report on everything."""
    return build_report(store, None, None, review_above=review_above)


@pytest.fixture
def used(store: Store) -> Store:
    """A store after some days of use by two EHRs, with a row in shadow mode."""
    withheld = CardSummary("bleeding-tendency", ("bleeding-tendency",), "warning")
    save_call(store, a_call(1, a_card(1), a_card(2, "order", "info", "tips"), a_card(3), withheld), seconds=5.0)
    save_call(store, a_call(2, a_card(4), a_card(5, "not-checked", "info", "kidney-failure")), seconds=5.0)
    save_call(store, a_call(3, a_card(6), client=OTHER.client), seconds=5.0)
    save_call(store, a_call(4, a_card(7), shadow=True), seconds=5.0)
    reason = ("https://example.org/reasons", "emergency")
    received(
        store,
        an_answer(1, "overridden", 10, reason=reason),
        an_answer(2, seconds=20),
        an_answer(3, "overridden", 30, reason=reason),
        an_answer(4, seconds=60),
    )
    received(store, an_answer(6, "overridden", 40), sender=OTHER)
    return store


def test_cards_are_counted_by_row_indicator_and_client(used: Store) -> None:
    """Each card counts once under its row, its indicator and the EHR that received it."""
    found = reported(used)
    assert found.total == Tally(shown=6, shadow=2, accepted=2, overridden=3)
    assert found.by["row"]["iodine-allergy"] == Tally(shown=4, shadow=1, accepted=1, overridden=3)
    assert found.by["row"]["order"] == Tally(shown=1, accepted=1)
    assert found.by["row"]["not-checked"] == Tally(shown=1)
    assert found.by["indicator"]["critical"] == Tally(shown=4, shadow=1, accepted=1, overridden=3)
    assert found.by["client"][OTHER.client] == Tally(shown=1, overridden=1)
    assert found.reasons == {"https://example.org/reasons|emergency": 2}
    assert (found.median_seconds, found.answers_before_card, found.unknown_cards) == (30.0, 0, 0)


def test_a_card_counts_for_every_row_that_it_speaks_for(store: Store) -> None:
    """A card about two rows counts for each of them, not as a combination of its own."""
    both = a_card(1, "bleeding", "warning", "bleeding-tendency", "antithrombotic-medication")
    save_call(store, a_call(1, both, a_card(2, "bleeding", "warning", "bleeding-tendency")), seconds=5.0)
    received(store, an_answer(1, "overridden", 10))
    assert reported(store).by["rule"] == {
        "bleeding-tendency": Tally(shown=2, overridden=1),
        "antithrombotic-medication": Tally(shown=1, overridden=1),
    }


def test_the_report_shows_what_shadow_held_back(used: Store) -> None:
    """Cards withheld in shadow mode count as such, and can't have feedback."""
    assert reported(used).by["row"]["bleeding-tendency"] == Tally(shadow=1)
    assert reported(used).by["row"]["iodine-allergy"].shadow == 1


@pytest.mark.parametrize(("above", "rows"), [(0, ["iodine-allergy"]), (74, ["iodine-allergy"]), (75, [])])
def test_rows_that_are_mostly_overridden_are_for_review(used: Store, above: float, rows: list[str]) -> None:
    """A row is listed for review if more than the given share of its answered cards was overridden."""
    assert reported(used).by["row"]["iodine-allergy"].overridden_percent == 75.0
    assert list(reported(used, review_above=above).review) == rows


def test_only_the_latest_answer_to_a_card_counts(store: Store) -> None:
    """A card overridden and later accepted counts as accepted, in whatever order the feedback arrives."""
    save_call(store, a_call(1, a_card(1)), seconds=5.0)
    received(store, an_answer(1, "accepted", 90))
    received(store, an_answer(1, "overridden", 30))
    assert reported(store).total == Tally(shown=1, accepted=1)
    assert reported(store).seconds_to_answer == [90.0]


def test_feedback_on_unknown_cards_is_counted_apart(store: Store) -> None:
    """Feedback on an unknown card, or on a card of another EHR, is counted separately and changes no rate."""
    save_call(store, a_call(1, a_card(1)), seconds=5.0)
    received(store, an_answer(99), an_answer(1, "overridden"), sender=OTHER)
    assert reported(store).total == Tally(shown=1)
    assert reported(store).unknown_cards == 2


def test_a_clock_that_is_behind_is_told_and_not_averaged(store: Store) -> None:
    """Answers dated before their card are counted separately and excluded from the median time."""
    save_call(store, a_call(1, a_card(1), a_card(2)), seconds=5.0)
    received(store, an_answer(1, seconds=-30), an_answer(2, seconds=8))
    assert (reported(store).answers_before_card, reported(store).median_seconds) == (1, 8.0)


@pytest.mark.parametrize("at", [datetime.min, datetime.max])
def test_an_absurd_time_does_not_break_the_report(store: Store, at: datetime) -> None:
    """Feedback dated at the minimum or maximum datetime can be stored, sent again and reported."""
    save_call(store, a_call(1, a_card(1)), seconds=5.0)
    absurd = replace(an_answer(1), at=at.replace(tzinfo=UTC))
    received(store, absurd, absurd)
    assert reported(store).total == Tally(shown=1, accepted=1)


def test_a_period_is_of_the_cards_given_in_it(store: Store) -> None:
    """A report covers the cards of its period, whenever they were answered; the end is exclusive."""
    for number, days in enumerate((0, 10, 20), start=1):
        save_call(store, a_call(number, a_card(number), at=NOW + timedelta(days=days)), seconds=5.0)
    received(store, an_answer(2, seconds=40 * 86_400))
    found = build_report(store, NOW + timedelta(days=5), NOW + timedelta(days=20), review_above=50)
    assert found.total == Tally(shown=1, accepted=1)


def test_an_empty_store_gives_an_empty_report(store: Store) -> None:
    """An empty store gives an empty report without rates."""
    found = reported(store)
    assert (found.total, found.review, found.median_seconds) == (Tally(), [], None)
    assert found.total.overridden_percent is None
