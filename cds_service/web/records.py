"""What is kept and counted of each call, once it is judged. Nothing here can fail a call or hold it up for long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import request

from cds_service.answer import Answer
from cds_service.errors import SettingError, StoreUnavailable
from cds_service.hooks.request import HookRequest
from cds_service.security.pseudonym import pseudonym
from cds_service.storage.records import CallRecord, keep_call
from cds_service.storage.store import Store
from cds_service.web.callers import calling_client
from cds_service.web.metrics import Metrics

_log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 0.25
"""How long a clinician may wait for a record to be kept."""
OPEN = "open"
"""How a caller that does not say who it is appears in records and metrics."""


class Stopwatch:
    """Times the stages of one call, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """The stage ends here, and the next one begins."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now


@dataclass(frozen=True, slots=True)
class Call:
    """One hook call to be recorded. With `shadow` nothing of its answer is shown."""

    request: HookRequest
    at: datetime
    knowledge_version: str
    shadow: bool


@dataclass(frozen=True, slots=True)
class Records:
    """Where calls are recorded. `store` None: they are only counted. `log_key` is the key of pseudonyms."""

    store: Store | None
    metrics: Metrics
    log_key: bytes
    new_id: Callable[[], str]

    def keep(self, call: Call, found: Answer | None, watch: Stopwatch) -> None:
        """Record a call with the times of its stages; `found` is None where nothing could be judged."""
        if found is not None:
            self.metrics.count_summary(found.summary, shadow=call.shadow)
        if self.store is not None:
            self._store(self.store, self._record(call, found, watch))
            watch.lap("records")
        self.metrics.observe_stages(watch.seconds)

    def _store(self, store: Store, record: CallRecord) -> None:
        try:
            keep_call(store, record, seconds=_PATIENCE_SECONDS)
        except (StoreUnavailable, SettingError) as error:
            self.metrics.count_lost_record()
            _log.error("record %s of a call to %s was not kept: %s", record.id, record.service, error.message)

    def _record(self, call: Call, found: Answer | None, watch: Stopwatch) -> CallRecord:
        return CallRecord(
            id=self.new_id(),
            at=call.at,
            service=call.request.service.id,
            hook=call.request.service.hook,
            client=client_name(),
            peer=request.remote_addr or "",
            patient=self._pseudonym(call.request.patient_id),
            shadow=call.shadow,
            knowledge_version=call.knowledge_version,
            milliseconds={stage: seconds * 1000 for stage, seconds in watch.seconds.items()},
            summary=found.summary if found is not None else None,
        )

    def _pseudonym(self, patient_id: str) -> str:
        """As in the log, so that the two can be laid side by side."""
        client = calling_client()
        return pseudonym(self.log_key, client.issuer if client is not None else "", patient_id)


def client_name() -> str:
    """The issuer of the calling client, or `open`."""
    client = calling_client()
    return client.issuer if client is not None else OPEN
