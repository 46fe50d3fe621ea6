"""A card's link to the pre-procedure summary of its call: made, kept until it expires, and deleted then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from flask import request
from msgspec.structs import replace

from cds_service.answer import Answer
from cds_service.errors import SettingError, StoreUnavailable
from cds_service.knowledge.tables import Knowledge
from cds_service.security.sealed_links import ExpiredLink, SealedLinks
from cds_service.settings import Settings
from cds_service.storage.store import Store
from cds_service.storage.summaries import delete_expired, read_summary, save_summary
from cds_service.summary.build import link_words, summary_of
from cds_service.summary.document import Summary, as_json, from_json

_log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 0.25
"""How long a clinician may wait for the summary to be kept."""
_DELETE_SECONDS = 5.0


class SummaryLinks:
    """Makes and opens the links. Only a site that sets `CDS_SUMMARY_LINKS` has one; else no summary is kept anywhere.

    Args:
        settings: the settings in force.
        knowledge: the tables, with the words.
        store: where sealed summaries are kept.
        secret: what links are signed with, the same in all processes.
        clock: the time in the hospital's zone.
    """

    def __init__(
        self, settings: Settings, knowledge: Knowledge, store: Store, secret: bytes, clock: Callable[[], datetime]
    ) -> None:
        self._links = SealedLinks(secret, timedelta(minutes=settings.summary_links), clock)
        self._public_url, self._knowledge, self._store, self._clock = settings.public_url, knowledge, store, clock
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def with_link(self, result: Answer, patient_id: str, language: str) -> Answer:
        """The answer with a link on its first card; as it is where it has no card, or the summary can't be kept."""
        if not result.cards:
            return result
        summary = summary_of(result.findings, result.facts, self._knowledge, patient_id=patient_id, language=language)
        sealed = self._links.seal(as_json(summary))
        try:
            save_summary(self._store, sealed, self._clock(), seconds=_TIMEOUT_SECONDS)
        except (StoreUnavailable, SettingError) as error:
            _log.error("a summary was not kept, and its card has no link: %s", error.message)
            return result
        self._delete_later()
        base = (self._public_url or request.url_root).rstrip("/")
        label = link_words(self._knowledge, language).label
        link = {"label": label, "url": f"{base}/summary/{sealed.token}", "type": "absolute"}
        first, *others = result.cards
        return replace(result, cards=[first | {"links": [*first.get("links", ()), link]}, *others])

    def open(self, token: str) -> Summary:
        """The summary that a link leads to.

        Raises:
            InvalidLink: there is none.
            ExpiredLink: it has expired.
            StoreUnavailable: nobody can tell.
        """
        summary_id = self._links.id_of(token)
        body = read_summary(self._store, summary_id, self._clock(), seconds=_TIMEOUT_SECONDS)
        if body is None:
            raise ExpiredLink
        try:
            return from_json(self._links.unseal(token, body))
        except msgspec.MsgspecError:  # kept by another release
            raise ExpiredLink from None

    def _delete_later(self) -> None:
        """Nothing is kept longer than its link opens, even if no call comes any more."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self._links.lifetime.total_seconds() + 1, self._delete)
                self._timer.daemon = True
                self._timer.start()

    def _delete(self) -> None:
        with self._lock:
            self._timer = None
        try:
            left = delete_expired(self._store, self._clock(), seconds=_DELETE_SECONDS)
        except (StoreUnavailable, SettingError) as error:
            _log.error("expired summaries were not deleted, which is tried again: %s", error.message)
            left = 1
        if left:
            self._delete_later()
