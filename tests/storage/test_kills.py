"""Feedback while workers are killed and the database stops: nothing acknowledged is lost."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
import sqlalchemy as sa

from cds_service.cards.card import CardSummary
from cds_service.storage.schema import CALLS, FEEDBACK
from cds_service.storage.store import Store
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.kept import a_call as a_kept_call
from tests.support.kept import save_call
from tests.support.postgres import Postgres
from tests.support.samples import WHOLE
from tests.support.serving import Serving
from tests.support.waiting import PATIENCE, until

KILLS = 300 if WHOLE else 50
SENDERS = 4
CARDS_EACH = 100
START = datetime(2026, 11, 24, tzinfo=UTC)
CALL = a_call(context=drafts(an_order("uterine fibroid embolization")), prefetch=NOTHING_RECORDED)

Key = tuple[str, str, datetime]
REFUSED: Key = ("00000000-0000-4000-8000-000000000000", "accepted", START)


@dataclass
class Sender:
    """A client that sends feedback continuously and repeats each batch, ids unchanged, until it is acknowledged."""

    number: int
    url: str
    stop: threading.Event
    acknowledged: set[Key] = field(default_factory=set)
    sent: set[Key] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Send until told to stop; the current batch is completed."""
        turn = 0
        while not self.stop.is_set():
            turn += 1
            keys = [self._key(turn * 3 + place) for place in range(3)]
            self.sent.update(keys)
            body = {"feedback": [_entry(key) for key in keys]}
            until(lambda: self._post(body), "feedback to be acknowledged")  # noqa: B023  called before the next turn
            self.acknowledged.update(keys)

    def _key(self, number: int) -> Key:
        outcome = "overridden" if number % 2 else "accepted"
        return card_of(self.number, number % CARDS_EACH), outcome, START + timedelta(seconds=number)

    def _post(self, body: dict[str, Any]) -> bool:
        try:
            answer = requests.post(f"{self.url}/cds-services/ir-order-sign/feedback", json=body, timeout=PATIENCE)
        except requests.Timeout:
            raise
        except requests.RequestException:
            self.answers["broken off"] += 1
            return False
        self.answers[str(answer.status_code)] += 1
        return answer.status_code == 200


def _entry(key: Key) -> dict[str, Any]:
    card, outcome, at = key
    accepted = {"acceptedSuggestions": [{"id": card}]} if outcome == "accepted" else {}
    return {"card": card, "outcome": outcome, "outcomeTimestamp": at.isoformat()} | accepted


def card_of(sender: int, place: int) -> str:
    """The uuid of a card of one sender."""
    return str(UUID(int=(sender << 64) | place | 4 << 76))


def show_cards(database_url: str) -> None:
    """Put a call on record that showed every sender its cards: feedback on others is bounded."""
    uuids = [card_of(sender + 1, place) for sender in range(SENDERS) for place in range(CARDS_EACH)]
    store = Store(database_url)
    cards = [CardSummary("iodine-allergy", ("iodine-allergy",), "critical", uuid) for uuid in uuids]
    save_call(store, a_kept_call(1, *cards, client="open"))
    store.close()


@contextmanager
def sending(url: str) -> Iterator[list[Sender]]:
    """Several clients sending; at the end of the block each has completed its last batch."""
    stop = threading.Event()
    senders = [Sender(number + 1, url, stop) for number in range(SENDERS)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        yield senders
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def acknowledged(senders: list[Sender]) -> int:
    """How many entries were acknowledged so far."""
    return sum(len(sender.acknowledged) for sender in senders)


def stored(database_url: str) -> Counter[Key]:
    """How often each entry is in the database."""
    store = Store(database_url)
    with store.transaction(5.0) as connection:
        asked = sa.select(FEEDBACK.c.card, FEEDBACK.c.outcome, FEEDBACK.c.outcome_at)
        found = Counter((row[0], row[1], row[2]) for row in connection.execute(asked))
    store.close()
    return found


def stored_calls(database_url: str) -> int:
    """How many calls are on record."""
    store = Store(database_url)
    with store.transaction(5.0) as connection:
        count: int = connection.execute(sa.select(sa.func.count()).select_from(CALLS)).scalar_one()
    store.close()
    return count


def check_nothing_lost(senders: list[Sender], database_url: str) -> None:
    """Assert that everything acknowledged is stored, nothing is stored twice, and nothing that was not sent."""
    found = stored(database_url)
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    assert len(acknowledged) > 100
    assert acknowledged - found.keys() == set()
    assert [key for key, count in found.items() if count > 1] == []
    assert found.keys() - set().union(*(sender.sent for sender in senders)) == set()


@pytest.mark.sampled
def test_killed_workers_lose_no_acknowledged_feedback(database_url: str, tmp_path: Path) -> None:
    """While workers are killed again and again, no acknowledged feedback is lost and none is stored twice."""
    serving = Serving(tmp_path, CDS_DATABASE_URL=database_url, CDS_WORKERS="3")
    show_cards(database_url)
    choose = random.Random(20261124)  # noqa: S311  which worker and when, not a secret
    with sending(serving.url) as senders:
        for _ in range(KILLS):
            more = acknowledged(senders) + 1
            until(lambda: acknowledged(senders) >= more, "feedback between two kills")  # noqa: B023  called at once
            time.sleep(choose.uniform(0, 0.03))  # at any moment of what the others are doing
            until(lambda: serving.kill_a_worker(choose), "a worker to kill")
    answers = sum((sender.answers for sender in senders), Counter[str]())
    assert serving.stop() == 0
    assert answers["broken off"] > 0  # the kills were felt
    assert answers.keys() <= {"200", "broken off", "503"}
    check_nothing_lost(senders, database_url)


def test_a_database_that_stops_and_starts_again_loses_nothing(postgres: Postgres, tmp_path: Path) -> None:
    """While the database is down, calls are answered, feedback is refused with 503, and readyz is red.

    Afterwards the service works again, nothing acknowledged is lost, and the records that waited are stored.
    """
    database_url = postgres.empty_database()
    serving = Serving(tmp_path, CDS_DATABASE_URL=database_url, CDS_WORKERS="2")
    show_cards(database_url)
    with sending(serving.url) as senders:
        until(lambda: acknowledged(senders) > 100, "feedback to be acknowledged")
        postgres.stop()
        down = [call_seconds(serving.url) for _ in range(8)]
        ready = requests.get(f"{serving.url}/readyz", timeout=PATIENCE)
        refused = requests.post(
            f"{serving.url}/cds-services/ir-order-sign/feedback", json={"feedback": [_entry(REFUSED)]}, timeout=PATIENCE
        )
        lost = requests.get(f"{serving.url}/metrics", timeout=PATIENCE).text
        postgres.start()
        until(
            lambda: requests.get(f"{serving.url}/readyz", timeout=PATIENCE).status_code == 200, "the store to be back"
        )
        more = acknowledged(senders) + 1
        until(lambda: acknowledged(senders) > more, "feedback to be acknowledged again")
    answers = sum((sender.answers for sender in senders), Counter[str]())
    assert serving.stop() == 0
    assert min(down) < 2.0  # no call waits for the store; some may have waited for a busy machine
    assert ready.status_code == 503
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert "cds_store_up 0.0" in lost
    assert "cds_records_lost_total 0.0" in lost
    assert "records wait to be stored" in serving.said
    assert stored_calls(database_url) == 1 + len(down)
    assert answers["503"] > 0
    assert answers.keys() <= {"200", "503"}
    check_nothing_lost(senders, database_url)


def call_seconds(url: str) -> float:
    """Seconds until a hook call is answered with its cards."""
    start = time.monotonic()
    answer = requests.post(f"{url}/cds-services/ir-order-sign", json=CALL, timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.json()["cards"]
    return time.monotonic() - start


def test_worker_processes_count_together(tmp_path: Path) -> None:
    """Every worker process reports the counts of all, and the counts of a killed worker are kept."""
    serving = Serving(
        tmp_path, CDS_DATABASE_URL=f"sqlite:///{tmp_path}/records.db", CDS_WORKERS="3", TMPDIR=str(tmp_path)
    )
    for _ in range(12):
        call_seconds(serving.url)
    before = {worker.pid for worker in serving.workers()}
    serving.kill_a_worker(random.Random(1))  # noqa: S311  which worker, not a secret
    until(lambda: len({worker.pid for worker in serving.workers()} - before) == 1, "a new worker")
    exposed = {requests.get(f"{serving.url}/metrics", timeout=PATIENCE).text for _ in range(6)}
    folders = len(list(tmp_path.glob("cds-service-*")))
    assert serving.stop() == 0
    assert (folders, list(tmp_path.glob("cds-service-*"))) == (1, [])
    for text in exposed:
        assert 'cds_calls_total{client="open",service="ir-order-sign",status="200"} 12.0' in text
        assert 'cds_stage_seconds_count{stage="facts"} 12.0' in text
        assert "cds_store_up 1.0" in text
