"""Records of a real server: none lost with many callers, at the end, or while its database is away."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import sqlalchemy as sa

from cds_service.storage.schema import CALLS, CARDS, FEEDBACK
from cds_service.storage.store import Store
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.serving import Serving
from tests.support.waiting import PATIENCE, until

CALLERS, CALLS_EACH = 16, 6
CALL = a_call(context=drafts(an_order("uterine fibroid embolization")), prefetch=NOTHING_RECORDED)


def ask(url: str, call: dict[str, Any] = CALL, service: str = "ir-order-sign") -> list[dict[str, Any]]:
    """The cards of a call."""
    answer = requests.post(f"{url}/cds-services/{service}", json=call, timeout=PATIENCE)
    assert answer.status_code == 200
    cards: list[dict[str, Any]] = answer.json()["cards"]
    return cards


def send_feedback(url: str, card: str) -> int:
    """The status of feedback on a card."""
    entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-24T09:30:00Z"}
    path = f"{url}/cds-services/ir-order-sign/feedback"
    return requests.post(path, json={"feedback": [entry]}, timeout=PATIENCE).status_code


def lines(database_url: str, table: sa.Table) -> int:
    """The number of rows in a table."""
    store = Store(database_url)
    with store.transaction(5.0) as connection:
        count: int = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    store.close()
    return count


def test_no_record_is_lost_with_many_callers(database_url: str, tmp_path: Path) -> None:
    """Sixteen callers and four workers: every call is on record when the server has ended, told by SIGQUIT."""
    serving = Serving(tmp_path, CDS_DATABASE_URL=database_url, CDS_WORKERS="4")

    with ThreadPoolExecutor(CALLERS) as callers:
        answers = list(callers.map(lambda _: ask(serving.url), range(CALLERS * CALLS_EACH)))
    serving.process.send_signal(signal.SIGQUIT)
    assert serving.process.wait(timeout=PATIENCE) == 0
    assert lines(database_url, CALLS) == len(answers)
    assert lines(database_url, CARDS) == sum(map(len, answers))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the database."""
    return tmp_path_factory.mktemp("database")


@pytest.fixture(scope="module")
def serving(folder: Path) -> Iterator[Serving]:
    """A server whose database file is mistreated; records wait so long that only other ways find them."""
    running = Serving(
        folder, CDS_DATABASE_URL=f"sqlite:///{folder}/records.db", CDS_WORKERS="3", CDS_RECORDS_WITHIN="2"
    )
    yield running
    assert running.stop() == 0


def is_ready(serving: Serving) -> bool:
    """Whether every worker says so."""
    return all(requests.get(f"{serving.url}/readyz", timeout=PATIENCE).status_code == 200 for _ in range(9))


def test_another_process_knows_what_was_just_shown(serving: Serving) -> None:
    """A card shown at selecting, or answered, is held back at signing at once, whichever process answers."""
    for number in range(6):
        order = an_order("CT-guided liver biopsy") | {"id": f"draft-{number}"}
        kinds = NOTHING_RECORDED | {"conditions": None}
        select = a_call("ir-order-select", context=drafts(order), prefetch=kinds)
        sign = a_call("ir-order-sign", context=drafts(order), prefetch=kinds)
        first, then = ask(serving.url, select, "ir-order-select"), ask(serving.url, sign)
        topics = [card["source"]["topic"]["code"] for card in first]
        assert topics
        for card in (*first, *then):
            assert send_feedback(serving.url, card["uuid"]) == 200
        assert ask(serving.url, sign) == []


def test_a_deleted_file_acknowledges_nothing(serving: Serving, folder: Path) -> None:
    """Feedback is refused and readyz is red while the file is gone; what comes back is used, without a restart."""
    until(lambda: is_ready(serving), "the store")
    kept = folder / "kept.db"
    cards = [str(uuid4()) for _ in range(12)]
    (folder / "records.db").rename(kept)
    assert {send_feedback(serving.url, card) for card in cards} == {503}
    assert ask(serving.url)
    until(lambda: not is_ready(serving), "readyz to say so")
    assert not (folder / "records.db").exists()
    kept.rename(folder / "records.db")
    until(lambda: is_ready(serving), "the store to be back")
    assert send_feedback(serving.url, cards[0]) == 200
    assert cards[0] in answered(folder)


def answered(folder: Path) -> set[str]:
    """The cards with feedback."""
    store = Store(f"sqlite:///{folder}/records.db")
    with store.transaction(5.0) as connection:
        found = set(connection.scalars(sa.select(FEEDBACK.c.card)))
    store.close()
    return found


def test_a_replaced_file_acknowledges_only_what_is_in_it(serving: Serving, folder: Path) -> None:
    """A backup put in place is used once the log of the former file is away; what is acknowledged is in it."""
    until(lambda: is_ready(serving), "the store")
    source = Store(f"sqlite:///{folder}/records.db")
    with source.transaction(5.0) as connection:
        connection.exec_driver_sql(f"VACUUM INTO '{folder}/backup.db'")
    source.close()
    (folder / "backup.db").replace(folder / "records.db")
    assert send_feedback(serving.url, str(uuid4())) == 503
    for name in ("records.db-wal", "records.db-shm"):
        (folder / name).unlink(missing_ok=True)
    until(lambda: is_ready(serving), "the new file")
    cards = {str(uuid4()) for _ in range(9)}
    assert {send_feedback(serving.url, card) for card in cards} == {200}
    assert cards <= answered(folder)


def test_a_full_disk_is_noticed_and_forgotten(serving: Serving, folder: Path) -> None:
    """Where no byte can be added, feedback is refused and readyz says why; calls are answered and recorded later."""
    until(lambda: is_ready(serving), "the store")
    workers = serving.workers()
    for worker in workers:
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    assert send_feedback(serving.url, str(uuid4())) == 503
    assert ask(serving.url)
    until(lambda: not is_ready(serving), "readyz to say so")
    for worker in workers:
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: is_ready(serving), "the store")
    assert send_feedback(serving.url, str(uuid4())) == 200


def test_secrets_are_read_again_on_reload(tmp_path: Path) -> None:
    """SIGHUP takes the new key, token and database from their files; cards of before are known by the former key."""
    files = {name: tmp_path / name for name in ("key", "token", "database")}
    files["key"].write_text("0123456789abcdef")
    files["token"].write_text("before")
    files["database"].write_text(f"sqlite:///{tmp_path}/before.db")
    serving = Serving(
        tmp_path,
        CDS_LOG_KEY="",
        CDS_LOG_KEY_FILE=str(files["key"]),
        CDS_METRICS_TOKEN_FILE=str(files["token"]),
        CDS_DATABASE_URL_FILE=str(files["database"]),
        CDS_WORKERS="1",
        CDS_SERVICE_HOST="10.0.0.1",
    )
    order = {"context": drafts(an_order("CT-guided liver biopsy")), "prefetch": NOTHING_RECORDED | {"conditions": None}}
    assert ask(serving.url, a_call("ir-order-select", **order), "ir-order-select")
    files["key"].write_text("another key of 16")
    files["token"].write_text("after")
    serving.process.send_signal(signal.SIGHUP)
    until(lambda: metrics_status(serving.url, "after") == 200, "the new token")
    until(lambda: metrics_status(serving.url, "before") == 401, "the former worker to end")
    again = ask(serving.url, a_call("ir-order-sign", **order))
    files["database"].write_text(f"sqlite:///{tmp_path}/after.db")
    serving.process.send_signal(signal.SIGHUP)
    until((tmp_path / "after.db").exists, "the new database")
    until(lambda: len(serving.workers()) == 1 and send_feedback(serving.url, str(uuid4())) == 200, "a worker")
    assert serving.stop() == 0
    assert again == []
    assert lines(f"sqlite:///{tmp_path}/before.db", CALLS) == 2
    assert "CDS_SERVICE_HOST: ignored" in serving.said


def metrics_status(url: str, token: str) -> int:
    """The status of the metrics with this token."""
    return requests.get(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE).status_code
