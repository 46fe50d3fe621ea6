"""The store on SQLite and PostgreSQL: its tables, idempotent writes, and failures."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from msgspec.structs import replace

from cds_service.errors import SettingError, StoreUnavailable
from cds_service.hooks.feedback import Feedback
from cds_service.storage.feedback import BatchResult, Sender
from cds_service.storage.prune import prune
from cds_service.storage.records import read_calls
from cds_service.storage.schema import CALLS, CARDS, FEEDBACK, METADATA, NEWEST_REVISION
from cds_service.storage.store import RETRY_SECONDS, Store, _lock_for_migration
from cds_service.unread import Unread
from tests.support.kept import NOW, SENDER, a_call, a_card, an_answer, save_call, save_feedback
from tests.support.waiting import PATIENCE


def kept(store: Store, *entries: Feedback, sender: Sender = SENDER) -> BatchResult:
    """Store a batch; returns its counts."""
    return save_feedback(store, entries, sender, with_comments=False, seconds=5.0)


def lines(store: Store, table: sa.Table) -> int:
    """The number of rows in a table."""
    with store.transaction(5.0) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def described(connection: sa.Connection) -> dict[str, Any]:
    """Every table of a database, with all that the database tells of it."""
    inspector = sa.inspect(connection)
    asked = ("get_columns", "get_pk_constraint", "get_foreign_keys", "get_unique_constraints", "get_check_constraints")
    asked += ("get_indexes",)

    def told(method: str, table: str) -> list[str]:
        found = getattr(inspector, method)(table)
        return sorted(repr(one) for one in (found if isinstance(found, list) else [found]))

    return {table: {method: told(method, table) for method in asked} for table in sorted(inspector.get_table_names())}


def test_the_migrations_make_the_tables_that_the_program_uses(database_url: str) -> None:
    """A migrated database, and one that was empty, have exactly the tables, columns and constraints of this release."""
    store = Store(database_url)
    with store._engine.connect() as connection, connection.begin() as migrating:
        _lock_for_migration(connection, store._is_sqlite)
        store._migrate(connection)
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == NEWEST_REVISION
        migrated = described(connection)
        migrating.rollback()
    store.upgrade()
    with store.transaction(5.0) as connection:
        assert MigrationContext.configure(connection).get_current_revision() == NEWEST_REVISION
        assert described(connection) == migrated
    store.close()


def test_several_processes_may_bring_a_database_up_to_date_at_once(database_url: str) -> None:
    """Workers that start together on an empty database can migrate it concurrently."""
    stores = [Store(database_url) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda store: store.upgrade(), stores)) == [None] * 8
    assert all(store.is_reachable() for store in stores)
    for store in stores:
        store.close()


class Clock:
    """A clock that a test moves."""

    seconds = 1000.0

    def __call__(self) -> float:
        """Seconds since some moment."""
        return self.seconds


@pytest.mark.slow
def test_a_call_does_not_wait_long_for_a_migration(database_url: str) -> None:
    """While another process changes the tables, a record is given up after two seconds, and the next ones at once."""
    store = Store(database_url, Clock())
    with store._engine.connect() as other, other.begin():
        _lock_for_migration(other, store._is_sqlite)
        start = time.monotonic()
        with pytest.raises(StoreUnavailable, match="The database failed"):
            save_call(store, a_call(), seconds=0.2)
        assert time.monotonic() - start > 1.5
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"^The database can't be reached\.$"):
                save_call(store, a_call(), seconds=0.2)
    store.close()


def test_a_database_of_a_newer_release_is_refused(store: Store) -> None:
    """An older release does not change the tables of a newer one, and says what to do."""
    with store.transaction(5.0) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from_the_future'")
    again = Store(store._engine.url.render_as_string(hide_password=False))
    with pytest.raises(SettingError, match="newer release; run that release"):
        again.upgrade()
    assert not again.is_reachable()
    again.close()


def test_feedback_that_is_sent_again_counts_once(store: Store) -> None:
    """The same card, outcome and time is one entry, within a batch and across batches; other outcomes are new ones."""
    entry = an_answer()
    assert kept(store, entry, entry) == BatchResult({"accepted": 1}, repeated=1, unknown_cards=1)
    assert kept(store, entry) == BatchResult({}, repeated=1)
    assert kept(store, an_answer(seconds=6), an_answer(outcome="overridden")).repeated == 0
    assert lines(store, FEEDBACK) == 3


def test_the_same_feedback_from_many_at_once_counts_once(store: Store) -> None:
    """Clients that retry concurrently, in different orders, cause one entry each and no error."""
    entries = [an_answer(number) for number in range(20)]
    with ThreadPoolExecutor(6) as pool:
        runs = list(pool.map(lambda turn: kept(store, *entries[turn:], *entries[:turn]), range(6)))
    assert sum(run.outcomes.get("accepted", 0) for run in runs) == 20
    assert sum(run.repeated for run in runs) == 100
    assert lines(store, FEEDBACK) == 20


def test_feedback_belongs_to_the_client_that_got_the_card(store: Store) -> None:
    """Another EHR's feedback on a card is stored, and counts as feedback on an unknown card."""
    save_call(store, a_call(), seconds=5.0)
    assert kept(store, an_answer(10)).unknown_cards == 0
    stranger = Sender("https://other.example.org", SENDER.service, NOW)
    assert kept(store, an_answer(10), sender=stranger) == BatchResult({"accepted": 1}, unknown_cards=1)


@pytest.mark.parametrize("with_comments", [True, False])
def test_a_comment_is_kept_only_where_the_hospital_wants_it(store: Store, with_comments: bool) -> None:
    """Free text that may name a patient is stored only by setting; otherwise only that there was one."""
    entry = an_answer(outcome="overridden", reason=("urn:x", "emergency"), comment="Jane Roe agrees")
    save_feedback(store, [entry], SENDER, with_comments=with_comments, seconds=5.0)
    with store.transaction(5.0) as connection:
        (line,) = connection.execute(sa.select(FEEDBACK)).mappings().all()
    assert (line["commented"], line["comment"]) == (True, "Jane Roe agrees" if with_comments else None)
    assert (line["reason_system"], line["reason_code"], line["outcome_at"]) == ("urn:x", "emergency", entry.at)


def test_a_call_is_kept_with_its_cards_or_not_at_all(store: Store) -> None:
    """If the cards of a call can't be stored, its record is not stored either."""
    save_call(store, a_call(1, a_card(1), a_card(2)), seconds=5.0)
    with pytest.raises(StoreUnavailable):
        save_call(store, a_call(2, a_card(3), a_card(2)), seconds=5.0)
    assert (lines(store, CALLS), lines(store, CARDS)) == (1, 2)


def test_records_are_read_by_time(store: Store) -> None:
    """Records are read from the start (inclusive) to the end (exclusive), oldest first, unchanged."""
    for number in (3, 1, 2):
        save_call(store, a_call(number, at=NOW + timedelta(days=number)), seconds=5.0)
    found = list(read_calls(store, NOW + timedelta(days=1), NOW + timedelta(days=3)))
    assert [row["at"] for row in found] == [NOW + timedelta(days=1), NOW + timedelta(days=2)]
    assert found[0]["orders"][0]["present"] == {"iodine-allergy": "critical"}
    assert found[0]["read"] == {"conditions": {"count": 2, "source": "prefetch"}}
    assert found[0]["unavailable"] == {"observations": ["not-sent"]}
    assert found[0]["milliseconds"] == {"facts": 1.25}


def test_what_is_old_is_deleted_and_nothing_else(store: Store) -> None:
    """Pruning deletes calls, cards and feedback from before a time, and returns how many."""
    for number, days in ((1, -40), (2, -10)):
        at = NOW + timedelta(days=days)
        call = a_call(number, a_card(number * 10), a_card(number * 10 + 1), at=at)
        save_call(store, replace(call, unread=(Unread("conditions", "urn:own|K1"),)), seconds=5.0)
        kept(store, an_answer(number * 10), sender=Sender(SENDER.client, SENDER.service, at))
    assert prune(store, NOW - timedelta(days=30)) == {"calls": 1, "cards": 2, "feedback": 1, "unread": 1}
    assert prune(store, NOW - timedelta(days=30)) == {"calls": 0, "cards": 0, "feedback": 0, "unread": 0}
    assert (lines(store, CALLS), lines(store, CARDS), lines(store, FEEDBACK)) == (1, 2, 1)


@contextmanager
def someone_writing(store: Store) -> Iterator[None]:
    """Hold a write lock on the database during the block."""
    with store._engine.connect() as other, other.begin():
        if store._is_sqlite:
            other.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            other.exec_driver_sql("LOCK TABLE calls IN EXCLUSIVE MODE")
        yield


def test_a_call_does_not_wait_long_for_another_writer(store: Store) -> None:
    """If the database is locked, storing a record fails after its timeout, and the next one is stored."""
    store.upgrade()

    def waited() -> float:
        start = time.monotonic()
        with pytest.raises(StoreUnavailable):
            save_call(store, a_call(), seconds=0.2)
        return time.monotonic() - start

    with someone_writing(store):
        assert any(0.15 < waited() < 2.0 for _ in range(20))  # the first is, unless the machine is busy
    save_call(store, a_call(), seconds=PATIENCE)


def test_a_store_that_is_away_is_not_asked_again_at_once() -> None:
    """After a failed connection, callers are told at once that the store is away, until the pause is over."""
    clock = Clock()
    store = Store("postgresql://postgres@127.0.0.1:1/records", clock)
    with pytest.raises(StoreUnavailable, match="The database failed"):
        save_call(store, a_call(), seconds=0.2)
    with pytest.raises(StoreUnavailable, match=r"^The database can't be reached\.$"):
        save_call(store, a_call(), seconds=0.2)
    clock.seconds += RETRY_SECONDS
    with pytest.raises(StoreUnavailable, match="The database failed"):
        save_call(store, a_call(), seconds=0.2)
    store.close()


def test_a_store_that_comes_later_is_brought_up_to_date(tmp_path: Path) -> None:
    """A service that started without its database uses it as soon as it is there."""
    folder, clock = tmp_path / "later", Clock()
    store = Store(f"sqlite:///{folder}/records.db", clock)
    shutil.rmtree(folder)
    assert not store.is_reachable()
    folder.mkdir()
    (folder / "records.db").touch()
    clock.seconds += RETRY_SECONDS
    save_call(store, a_call(), seconds=1.0)
    assert lines(store, CALLS) == 1
    store.close()


def test_a_sqlite_file_is_safe_against_power_loss(tmp_path: Path) -> None:
    """A SQLite store syncs to disk at each commit, and readers don't block writers."""
    store = Store(f"sqlite:///{tmp_path}/records.db")
    with store.transaction(1.0) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    store.close()


def test_a_sqlite_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """Only the owner can read the SQLite file and the other files that SQLite creates for it."""
    store = Store(f"sqlite:///{tmp_path}/records.db")
    save_call(store, a_call(), seconds=1.0)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("records.db*")} == {0o600}
    store.close()


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """A path that can't be written stops the start with the path and the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"file/records.db can't be written .* name another file"):
        Store(f"sqlite:///{tmp_path}/file/records.db")


def test_a_file_that_is_no_database_is_a_store_that_is_away(tmp_path: Path) -> None:
    """A file that is not a database is not overwritten, and no error quotes its content."""
    (tmp_path / "records.db").write_bytes(b"Jane Roe, born 1961-02-03" * 100)
    store = Store(f"sqlite:///{tmp_path}/records.db")
    with pytest.raises(StoreUnavailable) as error:
        store.upgrade()
    assert error.value.message == "The database failed (DatabaseError): the file is no database, restore a backup."
    assert (tmp_path / "records.db").read_bytes().startswith(b"Jane Roe")
    store.close()


@pytest.mark.parametrize("url", ["records.db", "mysql://user:geheim@host/db", "postgresql://u:geheim@host:port/db"])
def test_a_wrong_url_is_refused_without_its_password(url: str) -> None:
    """A database URL that can't be used is reported with the setting and the remedy, without its password."""
    with pytest.raises(SettingError, match="CDS_DATABASE_URL") as error:
        Store(url)
    assert "geheim" not in error.value.message
