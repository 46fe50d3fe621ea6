"""Validation of what calls brought, beside the calls: counted, never waited for, never able to fail one.

One daemon thread for each process takes bodies from a bounded queue, and rests as long as it has worked, so that
calls get the processor; where too many calls or bytes wait, a call's data are counted as passed over. Counts hold
client, resource type, rule and element path: nothing of a record.
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
from cds_service.profiles.own_profiles import concerning
from cds_service.profiles.validate import shipped_definitions, validate

_log = logging.getLogger(__name__)

_WAITING = 64
_MOST_BYTES_WAITING = 64 * 1024 * 1024
_LONGEST_REST_SECONDS = 1.0
# Paths name elements of definitions only, so there are not many; this is a fuse.
_MOST_KEYS = 5_000
_NO_RESOURCE = "none"
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Fault:
    """How often one rule was broken by what one client sent; `element` is a path without positions."""

    client: str
    resource_type: str
    rule: str
    element: str
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been counted in this process since it started.

    `resources` were validated, `faulty` of them had an error, and the data of `passed_over` calls were not looked at
    because too many were waiting.
    """

    resources: int
    faulty: int
    passed_over: int
    faults: tuple[Fault, ...]


class BackgroundValidator:
    """The queue, its thread and the counts of one process.

    `report` is told of every fault as it is counted, with a count of 1; metrics set it.
    """

    def __init__(self) -> None:
        self.report: Callable[[Fault], None] | None = None
        self._lock = threading.Lock()
        self._start_over()

    def _start_over(self) -> None:
        self._process = os.getpid()
        self._waiting: queue.Queue[tuple[str, tuple[bytes, ...]]] = queue.Queue(_WAITING)
        self._bytes_waiting = 0
        self._thread: threading.Thread | None = None
        self._faults: Counter[tuple[str, str, str, str]] = Counter()
        self._totals: Counter[str] = Counter()

    def submit(self, client: str, bodies: Iterable[bytes]) -> None:
        """Leaves the data of one call to the thread, and returns at once.

        Args:
            client: names who called, as in metrics.
            bodies: JSON of resources and Bundles; of a Bundle each entry is validated by itself.
        """
        data = tuple(bodies)
        size = sum(map(len, data))
        with self._lock:
            if self._process != os.getpid():  # a forked worker has the memory of its parent, but no thread
                self._start_over()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="validation", daemon=True)
                self._thread.start()
            if self._waiting.full() or self._bytes_waiting + size > _MOST_BYTES_WAITING:
                self._totals["passed over"] += 1
                return
            self._bytes_waiting += size
            self._waiting.put_nowait((client, data))

    def wait(self) -> None:
        """Returns when everything that was submitted has been counted."""
        self._waiting.join()

    def counts(self) -> Counts:
        """What has been counted so far, the most frequent fault first."""
        with self._lock:
            faults = tuple(Fault(*key, count) for key, count in self._faults.most_common())
            totals = self._totals
            return Counts(totals["resources"], totals["faulty"], totals["passed over"], faults)

    def _work(self) -> None:
        while True:
            client, bodies = self._waiting.get()
            try:
                for body in bodies:
                    began = time.monotonic()
                    self.count(client, body)
                    time.sleep(min(time.monotonic() - began, _LONGEST_REST_SECONDS))
            except Exception as error:  # noqa: BLE001  # the thread must outlive any fault of the validator
                # The message of the error may quote the record.
                _log.warning("validation in the background failed on a call's data (%s)", type(error).__name__)
            finally:
                with self._lock:
                    self._bytes_waiting -= sum(map(len, bodies))
                self._waiting.task_done()

    def count(self, client: str, body: bytes) -> None:
        """Validate one body now, and count; for those who are in no hurry."""
        value, broken = read_json(body)
        if value is None and not broken:
            return  # prefetch may be null
        definitions = shipped_definitions()
        found = [(resource, validate(resource, concerning(definitions, resource))) for resource in _resources(value)]
        with self._lock:
            for issue in broken:
                self._add(client, _NO_RESOURCE, issue)
            for resource, issues in found:
                errors = [issue for issue in issues if issue.is_error]
                self._totals["resources"] += 1
                self._totals["faulty"] += bool(errors)
                for issue in errors:
                    name = resource.get("resourceType")
                    known = isinstance(name, str) and definitions.is_resource(name)
                    self._add(client, str(name) if known else _NO_RESOURCE, issue)

    def _add(self, client: str, resource_type: str, issue: Issue) -> None:
        key = client, resource_type, issue.rule, _INDEX.sub("", issue.expression)
        if key in self._faults or len(self._faults) < _MOST_KEYS:
            self._faults[key] += 1
        if self.report:
            self.report(Fault(*key, 1))


def _resources(value: Any) -> Iterator[dict[str, Any]]:
    """A resource, or the resources in a Bundle."""
    if not isinstance(value, dict):
        return
    entries = value.get("entry", ()) if value.get("resourceType") == "Bundle" else ()
    if value.get("resourceType") != "Bundle":
        yield value
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield resource


VALIDATOR = BackgroundValidator()
"""The one of this process: `web` hands it what calls brought, and metrics are told by its `report`."""
