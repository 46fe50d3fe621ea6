"""Background validation of the data of calls: faults are counted; no call waits for it or fails because of it.

One daemon thread per process takes bodies from a bounded queue and sleeps as long as it has worked, so that calls get
the CPU. If the queue is full, the data of a call are dropped and counted as dropped. Counts hold client, resource type,
rule and element path, and no record content.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cds_service.profiles.issues import Issue
from cds_service.profiles.json_reading import read_json

_log = logging.getLogger(__name__)

_MAX_QUEUED_CALLS = 64
_MAX_QUEUED_BYTES = 64 * 1024 * 1024
_MAX_PAUSE_SECONDS = 1.0
# A safety limit: paths name only elements of definitions, so there are few different ones.
_MAX_FAULTS = 5_000
_NO_RESOURCE = "none"
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Fault:
    """How often the data of one client broke one rule; `element` is a path without indexes."""

    client: str
    resource_type: str
    rule: str
    element: str
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of this process since its start.

    `resources` were validated, `faulty` of them had an error; the data of `dropped` calls were not validated because
    the queue was full.
    """

    resources: int
    faulty: int
    dropped: int
    faults: tuple[Fault, ...]


class BackgroundValidator:
    """Queue, thread and counts of one process. The thread starts with the first submission, so a fork before is safe.

    Args:
        on_fault: called for each fault as it is counted, with a count of 1.
    """

    def __init__(self, on_fault: Callable[[Fault], None] = lambda fault: None) -> None:
        self._on_fault = on_fault
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._process_id = os.getpid()
        self._queue: queue.Queue[tuple[str, tuple[bytes, ...]]] = queue.Queue(_MAX_QUEUED_CALLS)
        self._queued_bytes = 0
        self._thread: threading.Thread | None = None
        self._faults: Counter[tuple[str, str, str, str]] = Counter()
        self._totals: Counter[str] = Counter()

    def submit(self, client: str, bodies: Iterable[bytes]) -> None:
        """Queue the data of one call and return at once.

        Args:
            client: the caller's name, as in metrics.
            bodies: JSON of resources and Bundles; each entry of a Bundle is validated separately.
        """
        data = tuple(bodies)
        size = sum(map(len, data))
        with self._lock:
            if self._process_id != os.getpid():  # a forked worker inherits the parent's memory, but not its thread
                self._reset()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="validation", daemon=True)
                self._thread.start()
            if self._queue.full() or self._queued_bytes + size > _MAX_QUEUED_BYTES:
                self._totals["dropped"] += 1
                return
            self._queued_bytes += size
            self._queue.put_nowait((client, data))

    def wait(self) -> None:
        """Return when everything submitted has been counted."""
        self._queue.join()

    def counts(self) -> Counts:
        """The counts so far, the most frequent fault first."""
        with self._lock:
            faults = tuple(Fault(*key, count) for key, count in self._faults.most_common())
            totals = self._totals
            return Counts(totals["resources"], totals["faulty"], totals["dropped"], faults)

    def _work(self) -> None:
        while True:
            client, bodies = self._queue.get()
            try:
                for body in bodies:
                    start = time.monotonic()
                    self.validate_now(client, body)
                    time.sleep(min(time.monotonic() - start, _MAX_PAUSE_SECONDS))
            except Exception as error:  # noqa: BLE001  # no error may stop the thread
                # The error message may quote the record.
                _log.warning("background validation failed on the data of a call (%s)", type(error).__name__)
            finally:
                with self._lock:
                    self._queued_bytes -= sum(map(len, bodies))
                self._queue.task_done()

    def validate_now(self, client: str, body: bytes) -> None:
        """Validate and count one body in the calling thread."""
        # Imported here: a service that does not validate is 15 MB smaller and starts sooner without it.
        from cds_service.profiles.own_profiles import applicable_profiles
        from cds_service.profiles.validate import shipped_definitions, validate

        value, json_issues = read_json(body)
        if value is None and not json_issues:
            return  # prefetch may be null
        definitions = shipped_definitions()
        results = [
            (resource, validate(resource, applicable_profiles(definitions, resource))) for resource in _resources(value)
        ]
        with self._lock:
            for issue in json_issues:
                self._add(client, _NO_RESOURCE, issue)
            for resource, issues in results:
                errors = [issue for issue in issues if issue.is_error]
                self._totals["resources"] += 1
                self._totals["faulty"] += bool(errors)
                for issue in errors:
                    name = resource.get("resourceType")
                    known = isinstance(name, str) and definitions.is_resource(name)
                    self._add(client, str(name) if known else _NO_RESOURCE, issue)

    def _add(self, client: str, resource_type: str, issue: Issue) -> None:
        key = client, resource_type, issue.rule, _INDEX.sub("", issue.expression)
        if key in self._faults or len(self._faults) < _MAX_FAULTS:
            self._faults[key] += 1
        self._on_fault(Fault(*key, 1))


def _resources(value: Any) -> Iterator[dict[str, Any]]:
    """The resource itself, or the entries of a Bundle."""
    if not isinstance(value, dict):
        return
    entries = value.get("entry", ()) if value.get("resourceType") == "Bundle" else ()
    if value.get("resourceType") != "Bundle":
        yield value
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield resource
