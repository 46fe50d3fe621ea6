"""What Prometheus reads: counts and times of the service, never anything of a patient.

Every label comes from a closed list: services, registered clients, table rows, reason keys, status codes.
With several worker processes each counts in a file of its own, and whoever is asked adds them up.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from flask import Blueprint, Response, request

from cds_service.call_summary import CallSummary
from cds_service.profiles.background import Fault
from cds_service.storage.feedback import Kept
from cds_service.web.problems import problem

if TYPE_CHECKING:
    from prometheus_client.core import Metric

P = ParamSpec("P")

_log = logging.getLogger(__name__)

_STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_FHIR_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _guarded(count: Callable[Concatenate[Metrics, P], None]) -> Callable[Concatenate[Metrics, P], None]:
    """A count that can't be kept (a folder that is gone, a full disk) is lost and told, and fails no call."""

    @wraps(count)
    def counted(metrics: Metrics, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(metrics, *args, **kwargs)
        except (OSError, ValueError) as error:
            _log.error("a count was lost: %s", type(error).__name__)

    return counted


class Metrics:
    """The counters of one application.

    Args:
        folder: where the worker processes count together, see `settings.share_metrics`; None for one process alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        # Imported here: the library decides at its import whether processes count together.
        from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's gap
        self._folder = folder
        self._registry = registry = CollectorRegistry()
        self._calls = Counter("cds_calls", "Hook calls answered.", ("service", "status", "client"), registry=registry)
        self._stages = Histogram(
            "cds_stage_seconds", "Time in each stage of a call.", ("stage",), buckets=_STAGE_SECONDS, registry=registry
        )
        self._cards = Counter(
            "cds_cards", "Cards by what they are about.", ("row", "indicator", "shown"), registry=registry
        )
        self._unknown = Counter("cds_unknown", "Questions left open, by reason.", ("reason",), registry=registry)
        self._unavailable = Counter(
            "cds_unavailable", "Calls that lacked data, by kind and reason.", ("data", "reason"), registry=registry
        )
        self._fhir = Histogram(
            "cds_fhir_seconds",
            "Time of requests to FHIR servers.",
            ("data", "outcome"),
            buckets=_FHIR_SECONDS,
            registry=registry,
        )
        self._lost = Counter("cds_records_lost", "Calls whose audit record could not be kept.", registry=registry)
        self._feedback = Counter("cds_feedback", "Entries of feedback kept.", ("outcome", "client"), registry=registry)
        self._repeated = Counter("cds_feedback_repeated", "Entries of feedback sent again.", registry=registry)
        self._strangers = Counter(
            "cds_feedback_unknown_cards", "Entries of feedback on cards that are not remembered.", registry=registry
        )
        self._batches = Counter(
            "cds_feedback_requests",
            "Batches of feedback, by the status they were answered.",
            ("status",),
            registry=registry,
        )
        self._faults = Counter(
            "cds_validation_faults",
            "Errors in what calls brought, where CDS_VALIDATE is on.",
            ("resource", "rule", "client"),
            registry=registry,
        )

    @_guarded
    def count_call(self, service: str, status: int, client: str) -> None:
        """A hook call was answered."""
        self._calls.labels(service, str(status), client).inc()

    @_guarded
    def observe_stages(self, seconds: Mapping[str, float]) -> None:
        """The time of each stage of one call, in seconds."""
        for stage, time in seconds.items():
            self._stages.labels(stage).observe(time)

    @_guarded
    def observe_fhir(self, data: str, seconds: float, outcome: str) -> None:
        """One request to a FHIR server.

        Args:
            data: prefetch key, such as `conditions`.
            seconds: from the request to the end of the answer.
            outcome: `ok`, or a word for what failed; from a closed list.
        """
        self._fhir.labels(data, outcome).observe(seconds)

    @_guarded
    def count_summary(self, summary: CallSummary, *, shadow: bool) -> None:
        """What one call told and left open; with `shadow` none of it was shown."""
        for card in summary.cards:
            shown = "no" if shadow or card.uuid is None else "yes"
            self._cards.labels(card.topic, card.indicator, shown).inc()
        for reason, count in summary.unknown.items():
            self._unknown.labels(reason).inc(count)
        for data, reasons in summary.unavailable.items():
            for reason in reasons:
                self._unavailable.labels(data, reason).inc()

    @_guarded
    def count_lost_record(self) -> None:
        """A call was answered, and its record could not be kept."""
        self._lost.inc()

    @_guarded
    def count_feedback(self, kept: Kept, client: str) -> None:
        """A batch of feedback was kept."""
        for outcome, count in kept.outcomes.items():
            self._feedback.labels(outcome, client).inc(count)
        self._repeated.inc(kept.repeated)
        self._strangers.inc(kept.unknown_cards)

    @_guarded
    def count_feedback_request(self, status: int) -> None:
        """A batch of feedback was answered."""
        self._batches.labels(str(status)).inc()

    @_guarded
    def count_fault(self, fault: Fault) -> None:
        """Something that a call brought breaks FHIR or a profile."""
        self._faults.labels(fault.resource_type, fault.rule, fault.client).inc(fault.count)

    def exposed(self, now: Callable[[], Iterator[Metric]]) -> tuple[bytes, str]:
        """Everything counted, in Prometheus' text format, and its content type.

        Args:
            now: gives what is not counted but true at this moment.
        """
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector
        from prometheus_client.registry import Collector

        class Now(Collector):
            def collect(self) -> Iterator[Metric]:
                return now()

        asked = CollectorRegistry()
        asked.register(Now())
        if self._folder is None:
            return generate_latest(self._registry) + generate_latest(asked), CONTENT_TYPE_LATEST
        MultiProcessCollector(asked, path=str(self._folder))  # type: ignore[no-untyped-call]  # the library's gap
        return generate_latest(asked), CONTENT_TYPE_LATEST


def metrics_routes(
    metrics: Metrics, token: str | None, knowledge_version: Callable[[], str], store_reachable: Callable[[], bool]
) -> Blueprint:
    """`GET /metrics`; with a token only for those who send it as bearer."""
    routes = Blueprint("metrics", __name__)

    def now() -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield GaugeMetricFamily("cds_store_up", "Whether the database can be reached.", value=float(store_reachable()))
        yield InfoMetricFamily("cds_knowledge", "The effective tables.", value={"version": knowledge_version()})

    @routes.get("/metrics")
    def read() -> Response:
        if token is not None and not _carries(token):
            refusal = problem(401, "The metrics are not for everyone: send the token.", issue_type="login")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        body, content_type = metrics.exposed(now)
        return Response(body, content_type=content_type)

    return routes


def _carries(token: str) -> bool:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode())
