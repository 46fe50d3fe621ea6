"""Writes the records and the feedback of one process, several in one transaction.

Records wait in memory for a moment, so that one commit carries many: no call waits for the disk. Feedback waits for its
commit, which carries the records that came before it. What can't be stored now is tried again; what is dropped is
counted.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice

import msgspec

from cds_service.errors import CdsError, RowsRejected, SettingError, StoreUnavailable
from cds_service.storage.feedback import Batch, BatchResult, Sender, insert_feedback
from cds_service.storage.records import CallRecord, insert_calls
from cds_service.storage.shared_table import SharedTable
from cds_service.storage.store import Store

_log = logging.getLogger(__name__)

MOST_WAITING = 2_000
"""Records that may wait in one process, a few kilobytes each; more are dropped."""
_GROUP_SIZE = 250
_LOCK_SECONDS = 4.0
_RETRY_SECONDS = 0.25
_POLL_SECONDS = 0.01
_IDLE_SECONDS = 10.0
DRAIN_SECONDS = 5.0
"""How long the end of a process may wait for its last records to be stored."""
_WAITS = "waits"
_NOTHING = Batch((), Sender("", "", datetime.min))
_RUNNING: set[Writer] = set()


class Observers(msgspec.Struct, frozen=True):
    """Told of each group of records: how many were lost, and the seconds that each stored one had waited."""

    lost: Callable[[int], None] = lambda count: None
    stored: Callable[[Sequence[float]], None] = lambda seconds: None


class _Waiting(msgspec.Struct):
    """A batch of feedback whose sender waits for the outcome."""

    batch: Batch
    done: threading.Event = msgspec.field(default_factory=threading.Event)
    outcome: BatchResult | CdsError | None = None

    def settle(self, outcome: BatchResult | CdsError) -> None:
        self.outcome = outcome
        self.done.set()


class _Group(msgspec.Struct, frozen=True):
    """What is stored in one transaction. `records` are with the time when they came."""

    records: Sequence[tuple[float, CallRecord]]
    feedback: Sequence[_Waiting]

    def halves(self) -> tuple[_Group, _Group]:
        records, feedback = len(self.records) // 2, (len(self.feedback) + 1) // 2
        return (
            _Group(self.records[:records], self.feedback[:feedback]),
            _Group(self.records[records:], self.feedback[feedback:]),
        )


class Writer:
    """Queue and thread of one process. The thread starts with the first entry, so a fork before is safe.

    Args:
        store: the database.
        within: seconds after which a record is on disk, if the database is not busy.
        observers: told what was stored and what was lost.
    """

    def __init__(self, store: Store, within: float = 0.25, observers: Observers | None = None) -> None:
        self.store = store
        self._within = within
        self._observers = observers or Observers()
        self._changed = threading.Condition()
        self._recent = SharedTable()
        self._reset()

    def _reset(self) -> None:
        self._process_id = os.getpid()
        self._records: deque[tuple[float, CallRecord]] = deque()
        self._feedback: list[_Waiting] = []
        self._thread: threading.Thread | None = None
        self._retry_at = float("-inf")
        self._close_at: float | None = None
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why records wait longer than they should; None if they don't."""
        return self._problem if self._records else None

    def add(self, record: CallRecord) -> None:
        """Store a record soon; returns at once. If too many wait, it is dropped and counted."""
        with self._changed:
            self._ensure_running()
            is_full = len(self._records) >= MOST_WAITING
            if not is_full:
                self._records.append((time.monotonic(), record))
                if len(self._records) in (1, _GROUP_SIZE):
                    self._changed.notify_all()
        if is_full:
            return self._lose([record], self._problem or "too many records wait")
        for uuid in record.shown:
            self._recent.put(self._process_id, _WAITS, record.client, uuid)
        for mark in record.marks.values():
            if not record.shadow:
                self._recent.put(record.at.timestamp(), record.client, record.service, mark.subject, mark.evidence)
        return None

    def shown_at(self, client: str, service: str, subject: str, evidence: str) -> float:
        """When a card was last shown by a process of this service, as seconds since 1970; 0 if that is not known.

        It knows the cards of the last moments, whose records may not be on disk yet.
        """
        return self._recent.get(client, service, subject, evidence)

    def save_feedback(self, batch: Batch, seconds: float) -> BatchResult:
        """Store a batch as a whole or not at all; it is on disk when this returns.

        Raises:
            StoreUnavailable: nobody knows whether it is stored; the client must send the batch again.
            TooMuchFeedback: nothing was stored; the client has sent too much.
        """
        end = time.monotonic() + seconds
        self._wait_for_cards(batch)
        waiting = _Waiting(batch)
        with self._changed:
            self._ensure_running()
            self._feedback.append(waiting)
            self._changed.notify_all()
        waiting.done.wait(max(0.0, end - time.monotonic()))
        if isinstance(waiting.outcome, BatchResult):
            return waiting.outcome
        raise waiting.outcome or StoreUnavailable("The database did not answer in time.")

    def flush(self) -> None:
        """Return when everything that waited has been stored, or could not be."""
        self.save_feedback(_NOTHING, _LOCK_SECONDS * 2)

    def close(self, seconds: float) -> None:
        """Store what waits, for as long as this; drop and count the rest. Call it when no more calls come."""
        with self._changed:
            thread = self._thread
            if self._process_id != os.getpid() or thread is None:
                return
            self._close_at = time.monotonic() + seconds
            self._changed.notify_all()
        thread.join(seconds + _LOCK_SECONDS)
        left = [record for _, record in self._records]
        self._records.clear()
        self._lose(left, self._problem or "the service stopped")

    def _ensure_running(self) -> None:
        if self._process_id != os.getpid():  # a forked worker inherits the parent's memory, but not its thread
            self._reset()
        if self._thread is None or not self._thread.is_alive():
            self._close_at = None
            self._thread = threading.Thread(target=self._work, name="records", daemon=True)
            self._thread.start()
            _RUNNING.add(self)

    def _wait_for_cards(self, batch: Batch) -> None:
        """Wait for cards whose records another process is about to store, so that they are known."""
        client = batch.sender.client
        end = time.monotonic() + 2 * self._within
        for card in {entry.card for entry in batch.entries}:
            while self._recent.get(_WAITS, client, card) not in (0, os.getpid()) and time.monotonic() < end:
                time.sleep(_POLL_SECONDS)

    def _work(self) -> None:
        while (group := self._next_group()) is not None:
            self._store_group(group)
        _RUNNING.discard(self)

    def _next_group(self) -> _Group | None:
        """What is to be stored next, once it is time; None to end."""
        with self._changed:
            while (seconds := self._seconds_to_wait()) is None or seconds > 0:
                is_closing = self._close_at is not None and (not self._records or time.monotonic() > self._close_at)
                has_changed = not is_closing and self._changed.wait(_IDLE_SECONDS if seconds is None else seconds)
                if is_closing or (seconds is None and not has_changed):
                    self._thread = None
                    return None
            feedback, self._feedback = self._feedback, []
            most = len(self._records) if feedback else _GROUP_SIZE
            return _Group(list(islice(self._records, most)), feedback)

    def _seconds_to_wait(self) -> float | None:
        """None: until something comes."""
        now = time.monotonic()
        if self._feedback:
            return 0
        if not self._records:
            return None
        if self._close_at is not None or len(self._records) >= _GROUP_SIZE:
            return self._retry_at - now
        # Half of the time is for the commit.
        return max(self._records[0][0] + self._within / 2, self._retry_at) - now

    def _store_group(self, group: _Group) -> bool:
        """Whether the group is settled; if not, its records still wait."""
        try:
            outcomes = self._commit(group)
        except RowsRejected as error:
            return self._reject(group, error)
        except (StoreUnavailable, SettingError) as error:
            return self._postpone(group, error)
        except Exception as error:  # noqa: BLE001  # no entry may stop the thread
            return self._reject(group, RowsRejected(f"The entry can't be stored ({type(error).__name__})."))
        if self._problem is not None:
            _log.warning("Records are stored again")
        self._problem = None
        self._forget(group)
        for waiting, outcome in zip(group.feedback, outcomes, strict=True):
            waiting.settle(outcome)
        now = time.monotonic()
        self._observers.stored([now - came for came, _ in group.records])
        return True

    def _commit(self, group: _Group) -> Sequence[BatchResult | CdsError]:
        with self.store.transaction(_LOCK_SECONDS, writing=True) as connection:
            insert_calls(connection, [record for _, record in group.records])
            return insert_feedback(connection, [waiting.batch for waiting in group.feedback])

    def _reject(self, group: _Group, error: RowsRejected) -> bool:
        """One entry of the group can't be stored: find it by halves, and store the others."""
        if len(group.records) + len(group.feedback) > 1:
            first, second = group.halves()
            if self._store_group(first):
                return self._store_group(second)
            return self._postpone(second, error)
        self._forget(group)
        for waiting in group.feedback:
            waiting.settle(error)
        self._lose([record for _, record in group.records], error.message)
        return True

    def _postpone(self, group: _Group, error: StoreUnavailable | SettingError) -> bool:
        """Feedback is sent again by its client; records are tried again here."""
        if self._problem is None:
            _log.error("Feedback is refused, and records wait to be stored: %s", error.message)
        self._problem = error.message
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        for waiting in group.feedback:
            waiting.settle(StoreUnavailable(error.message))
        return False

    def _forget(self, group: _Group) -> None:
        for _, record in group.records:
            self._records.popleft()
            for uuid in record.shown:
                self._recent.put(0, _WAITS, record.client, uuid)

    def _lose(self, records: Sequence[CallRecord], reason: str) -> None:
        for record in records:
            _log.error("record %s of a call to %s was not stored: %s", record.id, record.service, reason)
        if records:
            self._observers.lost(len(records))


@atexit.register
def _close_all() -> None:
    """Store what waits when a program ends that has no server to call `close`."""
    for writer in list(_RUNNING):
        writer.close(DRAIN_SECONDS)
