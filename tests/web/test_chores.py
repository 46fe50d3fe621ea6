"""What the parent process of the server does beside serving: keep the tables, and load them again on their day."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.storage.snapshots import read_snapshot, versions
from cds_service.storage.store import Store
from cds_service.web.app import LoadedTables
from cds_service.web.serve import _Chores

TODAY = date.today()


@pytest.fixture
def reloads() -> Iterator[list[int]]:
    """The reloads that were asked for; signals and timer are put back."""
    asked: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _: asked.append(number))
    alarm = signal.getsignal(signal.SIGALRM)
    yield asked
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, alarm)
    signal.signal(signal.SIGHUP, before)


def loaded(knowledge: Knowledge, next_day: date | None = None) -> LoadedTables:
    """Tables loaded today."""
    return LoadedTables(knowledge.version, TODAY, next_day)


def test_tables_that_were_loaded_are_kept(tmp_path: Path, knowledge: Knowledge, reloads: list[int]) -> None:
    """Tables are kept in the store when they are loaded, once; with nothing open no timer runs."""
    store = Store(f"sqlite:///{tmp_path}/records.db")
    for _ in range(2):
        _Chores(Settings(), store).begin(loaded(knowledge))
    assert [version for version, _ in versions(store)] == [knowledge.version]
    snapshot = read_snapshot(store, knowledge.version)
    assert snapshot
    assert snapshot.site is None
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert reloads == []


def test_tables_are_kept_when_the_database_is_back(tmp_path: Path, knowledge: Knowledge, reloads: list[int]) -> None:
    """While the database can't be reached, it is tried again later, and the service starts all the same."""
    file = tmp_path / "records.db"
    store = Store(f"sqlite:///{file}", clock=iter(range(0, 10_000, 100)).__next__)
    file.write_bytes(b"this is no database" * 100)
    chores = _Chores(Settings(), store)
    chores.begin(loaded(knowledge))
    assert not chores.is_kept
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    file.unlink()
    Store(f"sqlite:///{file}").upgrade()
    chores.look()
    assert chores.is_kept


def test_tables_are_loaded_again_on_their_day(knowledge: Knowledge, reloads: list[int]) -> None:
    """On the day on which other changes of the site count, the tables are loaded again; before it, it is waited for."""
    chores = _Chores(Settings(), None)
    chores.begin(loaded(knowledge, TODAY + timedelta(days=2)))
    assert reloads == []
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    chores.begin(loaded(knowledge, TODAY - timedelta(days=1)))
    assert reloads == [signal.SIGHUP]
