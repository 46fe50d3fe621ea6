"""Records and counts each judged call. Nothing here can fail a call, and no call waits for its record."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import msgspec
from flask import request
from msgspec.structs import replace

from cds_service.answer import Answer
from cds_service.call_summary import CallSummary, without_references
from cds_service.cards.card import Basis
from cds_service.errors import SettingError, StoreUnavailable
from cds_service.hooks.request import HookRequest
from cds_service.security.pseudonym import pseudonym
from cds_service.storage.answered import CardMark, Earlier, already_answered
from cds_service.storage.records import CallRecord
from cds_service.storage.writer import Writer
from cds_service.unread import Unread, unread_of
from cds_service.web.calling_client import ANONYMOUS, calling_client
from cds_service.web.metrics import Metrics

_log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 0.25
"""How long a clinician may wait for what was answered before."""


class Stopwatch:
    """Times the stages of one call, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End this stage and start the next."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now


class ReceivedCall(msgspec.Struct, frozen=True):
    """One hook call to record; with `shadow` nothing of its answer is shown. `issuer` is empty without clients.

    `marks`: what its cards are known by in the store, by their uuids, once they were asked for.
    """

    request: HookRequest
    at: datetime
    knowledge_version: str
    shadow: bool
    issuer: str
    marks: dict[str, tuple[CardMark, ...]] = msgspec.field(default_factory=dict)

    @property
    def client(self) -> str:
        """What the records call the client."""
        return self.issuer or ANONYMOUS


def receive(request: HookRequest, at: datetime, knowledge_version: str, *, shadow: bool) -> ReceivedCall:
    """The current call; in shadow also where its client is."""
    client = calling_client()
    issuer = client.issuer if client is not None else ""
    return ReceivedCall(request, at, knowledge_version, shadow or (client is not None and client.shadow), issuer)


class CallRecorder(msgspec.Struct, frozen=True):
    """Records calls. With `writer` None they are only counted.

    `log_keys` are the key of the pseudonyms, and those of before, by which earlier cards are known.
    """

    writer: Writer | None
    metrics: Metrics
    log_keys: Sequence[bytes]
    new_id: Callable[[], str]
    keep_references: bool = False
    """Whether the ids of the resources that an answer rests on are stored."""
    keep_words: bool = False
    """Whether words that could not be read are counted by name."""

    def without_answered(self, call: ReceivedCall, result: Answer) -> Answer:
        """The answer without the cards that were answered, or shown earlier; all of them where nobody can tell."""
        if self.writer is None or call.shadow or not (marks := self._marks(call, result)):
            return result
        earlier = Earlier(call.client, call.request.service.id, call.at)
        try:
            answered = already_answered(
                self.writer.store, marks, earlier, seconds=_TIMEOUT_SECONDS, shown_at=self.writer.shown_at
            )
        except (StoreUnavailable, SettingError) as error:
            if self.writer.problem is None:  # else the writer has said it, once and not at each call
                _log.error("cards that were answered are shown again: %s", error.message)
            return result
        return _without(answered, result)

    def _marks(self, call: ReceivedCall, result: Answer) -> dict[str, tuple[CardMark, ...]]:
        """The marks of each card that can be known again: one for each key, the one in use first."""

        def mark(key: bytes, topic: str, basis: Basis) -> CardMark:
            def keyed(*parts: str) -> str:
                return pseudonym(key, call.issuer, json.dumps([call.request.patient_id, *parts]))

            return CardMark(keyed(topic, *basis.orders), keyed(basis.evidence), basis.must_repeat)

        found: dict[str, tuple[CardMark, ...]] = {}
        for card in result.summary.cards:
            if card.uuid is not None and card.basis is not None:
                if card.uuid not in call.marks:
                    call.marks[card.uuid] = tuple(mark(key, card.topic, card.basis) for key in self.log_keys)
                found[card.uuid] = call.marks[card.uuid]
        return found

    def record(self, call: ReceivedCall, result: Answer | None, stopwatch: Stopwatch) -> None:
        """Record a call with the times of its stages; `result` is None if nothing could be judged."""
        if result is not None:
            self.metrics.count_summary(result.summary, shadow=call.shadow)
        if self.writer is not None:
            self.writer.add(self._call_record(call, result, stopwatch))
            stopwatch.lap("records")
        self.metrics.observe_stages(stopwatch.seconds)

    def _call_record(self, call: ReceivedCall, result: Answer | None, stopwatch: Stopwatch) -> CallRecord:
        return CallRecord(
            id=self.new_id(),
            at=call.at,
            service=call.request.service.id,
            hook=call.request.service.hook,
            client=call.client,
            peer=request.remote_addr or "",
            # The same pseudonym as in the log, so that records and log lines can be matched.
            patient=pseudonym(self.log_keys[0], call.issuer, call.request.patient_id),
            shadow=call.shadow,
            knowledge_version=call.knowledge_version,
            milliseconds={stage: seconds * 1000 for stage, seconds in stopwatch.seconds.items()},
            summary=self._summary(result) if result is not None else None,
            hook_instance=call.request.hook_instance,
            unread=self._unread(result) if result is not None else (),
            marks={uuid: marks[0] for uuid, marks in self._marks(call, result).items()} if result is not None else {},
        )

    def _unread(self, result: Answer) -> tuple[Unread, ...]:
        if result.data is None or result.findings is None:
            return ()
        return unread_of(result.data, result.findings, with_words=self.keep_words)

    def _summary(self, result: Answer) -> CallSummary:
        return result.summary if self.keep_references else without_references(result.summary)


def _without(answered: Collection[str], result: Answer) -> Answer:
    """Without these cards; the decision names the problems that they were about, as no cards are no all-clear then."""
    held_back = [card.topic for card in result.summary.cards if card.uuid in answered]
    if not held_back:
        return result
    return replace(
        result,
        cards=[card for card in result.cards if card["uuid"] not in answered],
        decision=result.decision | {"answered": held_back},
        summary=replace(
            result.summary, cards=tuple(card for card in result.summary.cards if card.uuid not in answered)
        ),
    )
