"""Clinical data from the FHIR server of a call: every kind that is missing at once, inside one deadline.

In: what prefetch left out. Out: a `RetrievedData` for each kind, whose gaps say what could not be retrieved; nothing is
raised. A server that hangs costs only the calls that ask it: the number of calls that wait for servers is limited, and
calls above the limit skip the fetch.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from urllib.parse import urlsplit

from msgspec.structs import replace

from cds_service.clinical_data.data_request import GONE, DataQuery, DataRequest, FetchLimits, Proven
from cds_service.clinical_data.fhir_server import Refusal, get, open_session
from cds_service.clinical_data.retrieved import RetrievedData, Unavailable, missing
from cds_service.clinical_data.searches import with_patient_type
from cds_service.kinds import KINDS
from cds_service.reasons import Reason

_log = logging.getLogger(__name__)

Observe = Callable[[str, float, str], None]
"""Told of each kind of data that was asked for: the kind, seconds, and `ok` or the key of the first reason."""

_NOT_IN_A_BASE = re.compile(r"[\x00-\x20\x7f\\?#]")
_NOT_UNDERSTOOD = frozenset(range(400, 500)) - {401, 408, 429}
"""Statuses that say no to the way of asking, not to this moment or this token."""
_BY_ID = "patient"
_BY_TYPE = "patient-with-type"


class FhirServers:
    """The way to FHIR servers that all calls of this process share: connections, threads, and what was learned."""

    def __init__(
        self,
        limits: FetchLimits | None = None,
        *,
        calls: int = 6,
        tokenless: bool = True,
        verify: bool | str = True,
        observe: Observe | None = None,
        pace: Callable[[], None] | None = None,
    ) -> None:
        """Opens nothing yet, so that it may be made before the process forks.

        Args:
            limits: of each call.
            calls: how many calls may be waiting for servers at once.
            tokenless: whether a call that brought no token may ask. Source: CDS Hooks 2.0.1, FHIR Resource Access,
                speaks of calls with a token only; open servers are for trying things out.
            verify: file of certificates to trust instead of the usual ones.
            observe: told of every kind of data that was asked for.
            pace: called before each request; it waits where they would come too fast.
        """
        self._limits = limits or FetchLimits()
        self._tokenless = tokenless
        self._observe = observe
        self._pace = pace or _at_once
        self._places = threading.BoundedSemaphore(calls)
        self._session = open_session(calls * len(KINDS), verify)
        self._threads = ThreadPoolExecutor(calls * len(KINDS), thread_name_prefix="fhir")
        self._proven = Proven()

    def fetch(
        self, server: str, token: str | None, patient_id: str, wanted: Sequence[DataQuery]
    ) -> Mapping[str, RetrievedData]:
        """Everything wanted, as far as it can be retrieved.

        Args:
            server: `fhirServer` of the call.
            token: its access token, if it brought one; it is sent to this server only.
            patient_id: bare id; nothing of another patient is returned.
            wanted: the kinds of data to ask for.

        Returns:
            The retrieved data of each kind.
        """
        refusal = self._refusal(server, token)
        if not wanted or refusal:
            return {one.data: missing(one.data, refusal or "") for one in wanted}
        if not self._places.acquire(blocking=False):
            return {one.data: missing(one.data, "fhir-busy") for one in wanted}
        futures: list[Future[None]] = []
        try:
            return self._fetch_all(server.rstrip("/"), token, patient_id, wanted, futures)
        finally:
            _when_done(futures, self._places.release)

    def _refusal(self, server: str, token: str | None) -> str | None:
        """Why the server is not asked at all."""
        try:
            parts = urlsplit(server)
            usable = parts.hostname and parts.username is None and not _NOT_IN_A_BASE.search(server)
            _ = parts.port
        except ValueError:
            usable = False
        if not usable:
            return "fhir-address"
        return None if token or self._tokenless else "fhir-no-token"

    def _fetch_all(
        self, server: str, token: str | None, patient_id: str, wanted: Sequence[DataQuery], futures: list[Future[None]]
    ) -> Mapping[str, RetrievedData]:
        """Ask for everything at once; and where a way of naming the patient found nothing at all, in the other way."""
        until = time.monotonic() + self._limits.deadline

        def ask(url: str, most_bytes: int) -> bytes | Refusal:
            self._pace()
            return get(self._session, url, token, until, most_bytes)

        def all_of(kinds: Sequence[DataQuery]) -> dict[str, RetrievedData]:
            data_requests = [DataRequest(one, server, ask, self._limits, self._proven) for one in kinds]
            futures.extend(self._run(data_requests, until))
            found = {data_request.wanted.data: data_request.retrieved(patient_id) for data_request in data_requests}
            self._tell(data_requests, found)
            return found

        if self._proven.has(server, _BY_TYPE):
            return _of_somebody(all_of([_by_type(one, patient_id) for one in wanted]))
        found = all_of(wanted)
        searched = [one for one in wanted if one.is_search]
        if any(found[one.data].records for one in searched):
            self._proven.add(server, _BY_ID)
        if self._proven.has(server, _BY_ID):
            return _of_somebody(found)
        empty = [_by_type(one, patient_id) for one in searched if found[one.data].complete]
        for data, retrieved in all_of(empty).items():
            if retrieved.records:
                self._proven.add(server, _BY_TYPE)
                found[data] = retrieved
            elif not (retrieved.complete or _is_refusal(retrieved)):
                found[data] = _doubted(found[data], data, "fhir-not-believed")
        return _of_somebody(found)

    def _run(self, data_requests: Sequence[DataRequest], until: float) -> list[Future[None]]:
        futures = [self._threads.submit(data_request.run) for data_request in data_requests]
        _, late = wait(futures, timeout=max(0.0, until - time.monotonic()))
        for data_request, future in zip(data_requests, futures, strict=True):
            if future not in late:
                _log_fault(future)
            elif not future.cancel():
                data_request.cut()
        return futures

    def _tell(self, data_requests: Sequence[DataRequest], found: Mapping[str, RetrievedData]) -> None:
        if self._observe is None:
            return
        for data_request in data_requests:
            gaps = found[data_request.wanted.data].unavailable
            self._observe(data_request.wanted.data, data_request.seconds, gaps[0].reason.key if gaps else "ok")


def _log_fault(future: Future[None]) -> None:
    """A fault of ours leaves its data unknown, as a server's would; what it says may quote a record."""
    fault = future.exception()
    if fault is not None:
        frames = "".join(traceback.format_tb(fault.__traceback__))
        _log.error("unexpected %s while reading a FHIR server\n%s", type(fault).__qualname__, frames)


def _at_once() -> None:
    """No waiting."""


def _by_type(wanted: DataQuery, patient_id: str) -> DataQuery:
    """The same with the patient named as `Patient/id` in its searches."""
    queries, beside = (
        tuple(with_patient_type(query, patient_id) for query in asked) for asked in (wanted.queries, wanted.beside)
    )
    return replace(wanted, queries=queries, beside=beside)


def _of_somebody(found: Mapping[str, RetrievedData]) -> Mapping[str, RetrievedData]:
    """An empty search proves nothing unless the patient was found: the server may not know them, or hide them."""
    patient = found.get("patient", RetrievedData())
    if patient.complete or any(retrieved.records for retrieved in found.values()):
        return found
    gone = any(gap.reason.values.get("status") in GONE for gap in patient.unavailable)
    reason = "fhir-no-patient" if gone else "fhir-patient-unread"
    return {
        key: _doubted(retrieved, key, reason) if retrieved.complete else retrieved for key, retrieved in found.items()
    }


def _doubted(retrieved: RetrievedData, data: str, reason: str) -> RetrievedData:
    return replace(retrieved, unavailable=(Unavailable(data, Reason(reason)),))


def _is_refusal(retrieved: RetrievedData) -> bool:
    """Whether the server said no: then it does not know this way of asking, and its first answer stands."""
    return all(gap.reason.values.get("status") in _NOT_UNDERSTOOD for gap in retrieved.unavailable)


def _when_done(futures: Sequence[Future[None]], leave: Callable[[], None]) -> None:
    """Call `leave` once the last thread is free: one that can't be freed keeps its call's place taken."""
    if not futures:
        leave()
        return
    left = len(futures)
    lock = threading.Lock()

    def one_less(_: Future[None]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            leave()

    for future in futures:
        future.add_done_callback(one_less)
