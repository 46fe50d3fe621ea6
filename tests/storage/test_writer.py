"""The writer of records and feedback: in groups, none lost without being counted, whatever happens to it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from cds_service.errors import StoreUnavailable, TooMuchFeedback
from cds_service.storage import writer as writer_module
from cds_service.storage.answered import CardMark, Earlier, already_answered
from cds_service.storage.feedback import CUT, MOST_COMMENT, MOST_PER_CARD, MOST_UNKNOWN, Batch, BatchResult
from cds_service.storage.report import OddFeedback, build_report
from cds_service.storage.schema import CALLS, CARDS, FEEDBACK
from cds_service.storage.store import Store
from cds_service.storage.writer import MOST_WAITING, Observers, Writer
from tests.support.kept import CARD, NOW, SENDER, a_call, a_card, an_answer, save_call
from tests.support.waiting import PATIENCE, until

STRANGER = replace(SENDER, client="https://other.example.org")


@dataclass
class Counted:
    """What a writer tells its observers."""

    lost: int = 0
    groups: list[int] = field(default_factory=list)

    def lose(self, count: int) -> None:
        """Count lost records."""
        self.lost += count

    def store(self, seconds: Sequence[float]) -> None:
        """Note the size of a group."""
        self.groups.append(len(seconds))


@pytest.fixture
def counted() -> Counted:
    """What the writer under test has told."""
    return Counted()


@pytest.fixture
def writer(store: Store, counted: Counted) -> Iterator[Writer]:
    """A writer to an empty database."""
    store.upgrade()
    opened = Writer(store, 0.2, Observers(counted.lose, counted.store))
    yield opened
    opened.close(0)


def lines(store: Store, table: sa.Table) -> int:
    """The number of rows in a table."""
    with store.transaction(5.0) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def answers(*numbers: int, sender: Any = SENDER, **more: Any) -> Batch:
    """Feedback on cards of these numbers."""
    return Batch([an_answer(number, **more) for number in numbers], sender)


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Another program holds the lock that writers need."""
    with store._engine.connect() as other, other.begin():
        lock = "BEGIN IMMEDIATE" if store._is_sqlite else "LOCK TABLE calls, feedback IN EXCLUSIVE MODE"
        other.exec_driver_sql(lock)
        yield


def test_records_are_stored_in_groups_within_the_time(writer: Writer, store: Store, counted: Counted) -> None:
    """A hundred records take few commits, and all are there soon without anyone asking for it."""
    for number in range(100):
        writer.add(a_call(number))
    until(lambda: lines(store, CALLS) == 100, "the records")
    until(lambda: sum(counted.groups) == 100, "the count, which follows the commit")
    assert len(counted.groups) < 10
    assert (counted.lost, sum(counted.groups), lines(store, CARDS)) == (0, 100, 100)


def test_feedback_is_stored_with_the_records_before_it(writer: Writer, store: Store, counted: Counted) -> None:
    """Feedback that comes right after its card finds the card, and is stored when it is acknowledged."""
    writer.add(a_call(1, a_card(7)))
    assert writer.save_feedback(answers(7), PATIENCE) == BatchResult({"accepted": 1})
    assert (lines(store, FEEDBACK), lines(store, CARDS), counted.groups) == (1, 1, [1])


def test_concurrent_feedback_shares_transactions(writer: Writer, store: Store, monkeypatch) -> None:
    """Batches that come while another is written wait for one commit together, each with its own counts."""
    commits: list[int] = []
    insert = writer_module.insert_feedback
    monkeypatch.setattr(
        writer_module, "insert_feedback", lambda c, batches: (commits.append(len(batches)), insert(c, batches))[1]
    )
    with ThreadPoolExecutor(21) as pool:
        with locked(store):
            results = [pool.submit(writer.save_feedback, answers(0), PATIENCE)]
            until(lambda: bool(writer._feedback) or writer._thread is not None, "the first")
            time.sleep(0.1)
            results += [pool.submit(writer.save_feedback, answers(number % 10 + 1), PATIENCE) for number in range(20)]
            until(lambda: len(writer._feedback) >= 20, "the others to wait")
        outcomes = [result.result() for result in results]
    assert sum(outcome.outcomes.get("accepted", 0) for outcome in outcomes) == lines(store, FEEDBACK) == 11
    assert sum(outcome.repeated for outcome in outcomes) == 10
    assert max(commits) >= 20


@pytest.mark.slow
def test_a_locked_database_delays_records_and_loses_none(writer: Writer, store: Store, counted: Counted) -> None:
    """Records that can't be stored now are stored when the database is free."""
    with locked(store):
        for number in range(20):
            writer.add(a_call(number))
        time.sleep(0.5)
    until(lambda: lines(store, CALLS) == 20, "the records")
    assert counted.lost == 0


def test_one_bad_record_does_not_sink_its_group(writer: Writer, store: Store, counted: Counted, caplog) -> None:
    """A record that the database refuses is lost, counted and logged; the others of its group are stored."""
    save_call(store, a_call(5))
    for number in range(20):
        writer.add(a_call(number))
    assert writer.save_feedback(answers(1, 2), PATIENCE).outcomes == {"accepted": 2}
    writer.flush()
    assert (counted.lost, lines(store, CALLS)) == (1, 20)
    assert [a_call(5).id in r.getMessage() for r in caplog.records if "was not stored" in r.getMessage()] == [True]


def test_what_does_not_fit_is_counted(counted: Counted) -> None:
    """While the database is away, records wait up to a number; the others, and in the end all, are counted as lost."""
    writer = Writer(Store("postgresql://postgres@127.0.0.1:1/records"), 0.2, Observers(counted.lose))
    for number in range(MOST_WAITING + 10):
        writer.add(a_call(number))
    assert counted.lost == 10
    with pytest.raises(StoreUnavailable):
        writer.save_feedback(answers(1), PATIENCE)
    assert writer.problem
    writer.close(0)
    assert counted.lost == MOST_WAITING + 10


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_replaced(writer: Writer, store: Store, monkeypatch) -> None:
    """If the thread ends by an error that nobody foresaw, the next entry starts another, which stores what waits."""
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_store_group", lambda group: (_ for _ in ()).throw(KeyboardInterrupt))
        writer.add(a_call(1))
        until(lambda: not (writer._thread and writer._thread.is_alive()), "the thread to die")
    writer.add(a_call(2))
    writer.flush()
    assert lines(store, CALLS) == 2


def in_a_child(work: Callable[[], None]) -> None:
    """Do something in a forked process, and wait for it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)  # without any clean-up
    os.waitpid(child, 0)


@pytest.mark.server
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_processes_write_and_know_of_each_other(store: Store) -> None:
    """A worker forked after the writer was made writes by itself; what it showed is known to others at once."""
    store.upgrade()
    store.close()
    writer = Writer(store, 10.0)
    mark = CardMark("subject", "evidence")
    call = replace(a_call(1, a_card(7)), service="ir-order-select", marks={CARD.format(7): mark})
    in_a_child(lambda: (writer.add(a_call(2)), writer.flush(), writer.add(call))[0])
    assert lines(store, CALLS) == 1
    now = Earlier(SENDER.client, "ir-order-sign", NOW + timedelta(minutes=1))
    found = already_answered(store, {"new": (mark,)}, now, seconds=5.0, shown_at=writer.shown_at)
    assert found == {"new"}
    same = replace(now, service="ir-order-select")
    assert not already_answered(store, {"new": (mark,)}, same, seconds=5.0, shown_at=writer.shown_at)


def test_a_flood_on_cards_of_others_ends(writer: Writer, store: Store) -> None:
    """A client that sends feedback on cards that it did not receive is refused after a number; others are not."""
    save_call(store, a_call(1, *(a_card(number) for number in range(5))))
    for start in range(0, MOST_UNKNOWN, 100):
        writer.save_feedback(answers(*range(start, start + 100), sender=STRANGER), PATIENCE)
    with pytest.raises(TooMuchFeedback, match="Nothing of this batch was stored") as refused:
        writer.save_feedback(answers(9_001, 9_002, sender=STRANGER), PATIENCE)
    assert refused.value.status == 429
    again = writer.save_feedback(answers(*range(100), sender=STRANGER), PATIENCE)
    assert again.repeated == 100  # what is stored is acknowledged again
    assert writer.save_feedback(answers(1, 2, 3), PATIENCE) == BatchResult({"accepted": 3})
    later = replace(STRANGER, at=NOW + timedelta(hours=2))
    assert writer.save_feedback(answers(9_001, sender=later), PATIENCE).unknown_cards == 1
    assert lines(store, FEEDBACK) == MOST_UNKNOWN + 4


def test_odd_feedback_is_marked_in_the_report(writer: Writer, store: Store) -> None:
    """Entries per card and the length of comments are bounded, and the report names the clients that overdid it."""
    save_call(store, a_call(1, a_card(1), a_card(2)))
    for second in range(MOST_PER_CARD):
        writer.save_feedback(Batch([an_answer(1, seconds=second)], SENDER), PATIENCE)
    with pytest.raises(TooMuchFeedback, match="100 entries already"):
        writer.save_feedback(Batch([an_answer(1, seconds=9_999)], SENDER), PATIENCE)
    huge = an_answer(2, "overridden", comment="x" * 500_000)
    writer.save_feedback(Batch([huge], SENDER, with_comments=True), PATIENCE)
    writer.save_feedback(answers(*range(100, 120), sender=STRANGER), PATIENCE)
    with store.transaction(5.0) as connection:
        comment = connection.execute(sa.select(FEEDBACK.c.comment).where(FEEDBACK.c.comment.is_not(None))).scalar_one()
    assert (len(comment), comment.endswith(CUT)) == (MOST_COMMENT + len(CUT), True)
    found = build_report(store, None, None, review_above=50)
    assert found.odd == {
        SENDER.client: OddFeedback(changed_cards=1, cut_comments=1),
        STRANGER.client: OddFeedback(unknown_cards=20),
    }
    assert found.total.answered == 2
