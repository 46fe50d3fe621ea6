"""The service for programs: hook requests in, decisions out, without HTTP. The stages are those of the web service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from cds_service.answer import Answer, answer
from cds_service.call_summary import OrderSummary
from cds_service.cards.context import card_settings_of
from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.errors import SettingError
from cds_service.hooks.envelope import read_request
from cds_service.hooks.response import encode_response
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.saved_request import service_for
from cds_service.settings import Settings
from cds_service.summary.build import summary_of
from cds_service.summary.document import Summary, as_json

__all__ = ["Decision", "OrderSummary", "Service"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What one request is answered.

    `cards` are CDS Hooks cards, worst first; none means: every question that had to be asked was answered, and nothing
    in the answers changes the order. `extension` is the whole decision for machines, every row that applies with its
    evidence (docs/integration.md). `orders` is the same in brief, typed.
    """

    cards: tuple[Mapping[str, Any], ...]
    extension: Mapping[str, Any]
    orders: tuple[OrderSummary, ...]
    knowledge_version: str
    _answer: Answer
    _knowledge: Knowledge
    _patient_id: str
    _language: str

    def response(self) -> bytes:
        """The body of the CDS Hooks response, JSON."""
        return encode_response(list(self.cards), dict(self.extension))

    def summary(self, language: str | None = None) -> Summary:
        """The pre-procedure summary; `summary_json` gives it as data.

        Args:
            language: of the summary; None for that of the service.

        Raises:
            SettingError: the tables have no whole wording in the language.
        """
        language = language or self._language
        if language not in self._knowledge.wordings:
            raise SettingError(f'there is no whole wording in the language "{language}"')
        found, facts = self._answer.findings, self._answer.facts
        return summary_of(found, facts, self._knowledge, patient_id=self._patient_id, language=language)

    def summary_json(self, language: str | None = None) -> dict[str, Any]:
        """The same as data, as docs/summary.md describes it; arguments and errors as of `summary`."""
        body: dict[str, Any] = orjson.loads(as_json(self.summary(language)))
        return body


class Service:
    """Judges hook requests in this process. Threads may share one; nothing of a request stays with it."""

    def __init__(
        self,
        *,
        site: Path | str | None = None,
        language: str = "en",
        timezone: tzinfo | None = None,
        read_fhir_servers: bool = False,
        deadline: float = 3.0,
    ) -> None:
        """Load the tables, once.

        Args:
            site: folder of a hospital's changes; None for the shipped tables alone.
            language: of the cards: `en`, `de` or `es`.
            timezone: of the hospital, in whose days the age of a result is counted; None for that of the machine.
            read_fhir_servers: whether what prefetch leaves out is read from the FHIR server that a request names.
            deadline: seconds in which that has to be done.

        Raises:
            TableError: a table, or the site folder, is wrong.
            SettingError: there is no whole wording in the language.
        """
        self._knowledge = load_knowledge(Path(site) if site is not None else None)
        self._telling = card_settings_of(Settings(), self._knowledge, language)
        self._timezone = timezone
        limits = FetchLimits(deadline=deadline)
        self._fhir = FhirServers(limits, calls=_CALLS) if read_fhir_servers else None

    @property
    def knowledge_version(self) -> str:
        """Release and hash of the tables in force, such as `2026.11+5f1c9a2e`."""
        return self._knowledge.version

    def decide(
        self, request: Mapping[str, Any] | bytes | str, *, service: str | None = None, now: datetime | None = None
    ) -> Decision:
        """Judge one hook request (CDS Hooks 2.0.1).

        Args:
            request: the request, as an object or as JSON.
            service: id of the service that is asked, such as `ir-order-sign`; None for the one of the request's hook.
            now: the time of the call, aware; None for the time of the machine.

        Raises:
            RequestError: the request violates the protocol; the message says where and what to do.
            SetupError: it is no JSON object with a hook of these services.
            ValueError: `now` has no time zone.
        """
        if now is not None and now.tzinfo is None:
            raise ValueError("now has no time zone; give an aware datetime")
        body = request.encode() if isinstance(request, str) else request
        body = body if isinstance(body, bytes) else orjson.dumps(body)
        call = read_request(service or service_for(body), body)
        moment = now or (datetime.now(self._timezone) if self._timezone else datetime.now().astimezone())
        result = answer(
            call, self._knowledge, now=moment, new_id=lambda: str(uuid4()), fhir=self._fhir, card_settings=self._telling
        )
        return Decision(
            cards=tuple(result.cards),
            extension=result.decision,
            orders=result.summary.orders,
            knowledge_version=self._knowledge.version,
            _answer=result,
            _knowledge=self._knowledge,
            _patient_id=call.patient_id,
            _language=self._telling.language,
        )


_CALLS = 64
"""Requests that may wait for FHIR servers at once; the threads of the program set the real limit."""
