"""`cds-service db copy`: a whole database into another kind, and back."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from cds_service.cli.main import main
from cds_service.storage.schema import METADATA
from cds_service.storage.store import Store
from tests.support.kept import NOW, SENDER, a_call, a_card, an_answer, save_call, save_feedback
from tests.support.postgres import Postgres

CALLS_COPIED = int(os.environ.get("TEST_COPIED_CALLS", "5000"))
"""At night 50,000, so that 105,000 rows are copied."""


def everything(url: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a database."""
    store = Store(url)
    with store.transaction(60.0) as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in METADATA.sorted_tables
        }
    store.close()
    return found


def fill(url: str, calls: int) -> None:
    """Calls with a card each, and feedback on a tenth of them."""
    store = Store(url)
    records = [a_call(number, a_card(number), at=NOW - timedelta(minutes=number)) for number in range(calls)]
    save_call(store, *records, seconds=60.0)
    answers = [an_answer(number, "overridden", comment="ü\u2028 \U0001f600") for number in range(0, calls, 10)]
    for start in range(0, len(answers), 1000):
        part = answers[start : start + 1000]
        save_feedback(store, part, replace(SENDER, at=NOW), with_comments=True, seconds=60.0)
    store.close()


def copy(source: str, target: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of the command."""
    monkeypatch.setenv("CDS_DATABASE_URL", source)
    return main(["db", "copy", "--to", target])


@pytest.mark.server
def test_everything_is_copied_there_and_back(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All rows go to PostgreSQL and back unchanged, and feedback is numbered on."""
    source, back, there = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db", postgres.empty_database()
    fill(source, CALLS_COPIED)
    assert copy(source, there, monkeypatch) == 0
    counts = f"{CALLS_COPIED} calls, {CALLS_COPIED} cards, {CALLS_COPIED // 10} feedback"
    assert counts in capsys.readouterr().out
    assert copy(there, back, monkeypatch) == 0
    assert everything(back) == everything(source)
    store = Store(there)
    assert save_feedback(store, [an_answer(1)], SENDER).outcomes == {"accepted": 1}
    store.close()


def test_a_target_with_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Nothing is added to a database that holds something, and the message says what it holds."""
    source, target = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    fill(source, 20)
    fill(target, 1)
    before = everything(target)
    assert copy(source, target, monkeypatch) == 2
    assert "The target is not empty: 1 calls, 1 cards, 1 feedback" in capsys.readouterr().err
    assert everything(target) == before
    assert copy(source, source, monkeypatch) == 2
    assert "name another one" in capsys.readouterr().err


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """If the target refuses a row in the end, it is as empty as before, and the copy can be run again."""
    source, target = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    fill(source, 20)
    store = Store(target)
    with store.transaction(5.0) as connection:
        connection.exec_driver_sql("CREATE TRIGGER no BEFORE INSERT ON feedback BEGIN SELECT RAISE(ABORT, 'no'); END")
    assert copy(source, target, monkeypatch) == 2
    assert "Nothing was copied; run it again" in capsys.readouterr().err
    with store.transaction(5.0) as connection:
        connection.exec_driver_sql("DROP TRIGGER no")
    store.close()
    assert copy(source, target, monkeypatch) == 0
    assert everything(target) == everything(source)
