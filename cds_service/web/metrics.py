"""Prometheus metrics: counts and times of the service, never patient data.

Every label comes from a closed list: services, registered clients, table rows, reason keys, status codes.
With several worker processes each counts in its own file, and the process that is scraped adds them up.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from flask import Blueprint, Response, request

from cds_service.call_summary import CallSummary
from cds_service.profiles.background import Fault
from cds_service.storage.feedback import BatchResult
from cds_service.web.error_responses import error_response

if TYPE_CHECKING:
    from prometheus_client.core import Metric

P = ParamSpec("P")

_log = logging.getLogger(__name__)

_MOST_LABELS = 256
"""Series of a metric that are kept at hand: the library checks names and values of labels at each look."""
_STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_RECORDS_SECONDS = (0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_FHIR_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _best_effort(count: Callable[Concatenate[Metrics, P], None]) -> Callable[Concatenate[Metrics, P], None]:
    """If a count can't be written (missing folder, full disk), log it and go on: it must not fail the call."""

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
        folder: shared by the worker processes, see `settings.share_metrics`; None for a single process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        # Imported here: the library decides at import whether processes share their counts.
        from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

        disable_created_metrics()  # type: ignore[no-untyped-call]  # not typed in the library
        at_hand = lru_cache(_MOST_LABELS)
        self._folder = folder
        self._registry = registry = CollectorRegistry()
        calls = Counter("cds_calls", "Hook calls answered.", ("service", "status", "client"), registry=registry)
        stages = Histogram(
            "cds_stage_seconds", "Time in each stage of a call.", ("stage",), buckets=_STAGE_SECONDS, registry=registry
        )
        cards = Counter("cds_cards", "Cards by topic.", ("row", "indicator", "shown"), registry=registry)
        orders = Counter("cds_orders", "Orders by how they were recognized.", ("recognized_by",), registry=registry)
        unknown = Counter("cds_unknown", "Unknown answers, by reason.", ("reason",), registry=registry)
        unavailable = Counter(
            "cds_unavailable", "Calls with missing data, by kind and reason.", ("data", "reason"), registry=registry
        )
        self._calls, self._stages = at_hand(calls.labels), at_hand(stages.labels)
        self._cards, self._orders = at_hand(cards.labels), at_hand(orders.labels)
        self._unknown, self._unavailable = at_hand(unknown.labels), at_hand(unavailable.labels)
        self._fhir = Histogram(
            "cds_fhir_seconds",
            "Duration of requests to FHIR servers.",
            ("data", "outcome"),
            buckets=_FHIR_SECONDS,
            registry=registry,
        )
        self._lost_records = Counter(
            "cds_records_lost", "Calls whose audit record could not be stored.", registry=registry
        )
        self._records = Histogram(
            "cds_records_seconds",
            "Time from an answer until its audit record is stored.",
            buckets=_RECORDS_SECONDS,
            registry=registry,
        )
        self._feedback = Counter("cds_feedback", "Feedback entries stored.", ("outcome", "client"), registry=registry)
        self._repeated = Counter("cds_feedback_repeated", "Feedback entries sent again.", registry=registry)
        self._unknown_cards = Counter(
            "cds_feedback_unknown_cards", "Feedback entries on unknown cards.", registry=registry
        )
        self._feedback_requests = Counter(
            "cds_feedback_requests",
            "Feedback batches, by response status.",
            ("status",),
            registry=registry,
        )
        self._faults = Counter(
            "cds_validation_faults",
            "Validation errors in the data of calls, where CDS_VALIDATE is on.",
            ("resource", "rule", "client"),
            registry=registry,
        )

    @_best_effort
    def count_call(self, service: str, status: int, client: str) -> None:
        """Count one answered hook call."""
        self._calls(service, str(status), client).inc()

    @_best_effort
    def observe_stages(self, seconds: Mapping[str, float]) -> None:
        """Observe the duration of each stage of one call, in seconds."""
        for stage, time in seconds.items():
            self._stages(stage).observe(time)

    @_best_effort
    def observe_fhir(self, data: str, seconds: float, outcome: str) -> None:
        """Observe one request to a FHIR server.

        Args:
            data: prefetch key, such as `conditions`.
            seconds: from the request to the end of the response.
            outcome: `ok`, or the key of a failure; from a closed list.
        """
        self._fhir.labels(data, outcome).observe(seconds)

    @_best_effort
    def count_summary(self, summary: CallSummary, *, shadow: bool) -> None:
        """Count the cards, unknown answers and missing data of one call; with `shadow` no card was shown."""
        for card in summary.cards:
            shown = "no" if shadow or card.uuid is None else "yes"
            self._cards(card.topic, card.indicator, shown).inc()
        for order in summary.orders:
            if order.recognized_by is not None:
                self._orders(order.recognized_by).inc()
        for reason, count in summary.unknown.items():
            self._unknown(reason).inc(count)
        for data, reasons in summary.unavailable.items():
            for reason in reasons:
                self._unavailable(data, reason).inc()

    @_best_effort
    def count_lost_records(self, count: int) -> None:
        """Count calls whose record could not be stored."""
        self._lost_records.inc(count)

    @_best_effort
    def observe_stored_records(self, seconds: Sequence[float]) -> None:
        """Observe how long each of these records waited until it was stored."""
        for waited in seconds:
            self._records.observe(waited)

    @_best_effort
    def count_feedback(self, result: BatchResult, client: str) -> None:
        """Count one stored batch of feedback."""
        for outcome, count in result.outcomes.items():
            self._feedback.labels(outcome, client).inc(count)
        self._repeated.inc(result.repeated)
        self._unknown_cards.inc(result.unknown_cards)

    @_best_effort
    def count_feedback_request(self, status: int) -> None:
        """Count one answered feedback request."""
        self._feedback_requests.labels(str(status)).inc()

    @_best_effort
    def count_fault(self, fault: Fault) -> None:
        """Count a validation error in the data of a call."""
        self._faults.labels(fault.resource_type, fault.rule, fault.client).inc(fault.count)

    def exposition(self, gauges: Callable[[], Iterator[Metric]]) -> tuple[bytes, str]:
        """All metrics in Prometheus' text format, and the content type.

        Args:
            gauges: returns metrics that are read at the moment of the scrape.
        """
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector
        from prometheus_client.registry import Collector

        class Gauges(Collector):
            def collect(self) -> Iterator[Metric]:
                return gauges()

        scraped = CollectorRegistry()
        scraped.register(Gauges())
        if self._folder is None:
            return generate_latest(self._registry) + generate_latest(scraped), CONTENT_TYPE_LATEST
        MultiProcessCollector(scraped, path=str(self._folder))  # type: ignore[no-untyped-call]  # not typed
        return generate_latest(scraped), CONTENT_TYPE_LATEST


def metrics_routes(
    metrics: Metrics, token: str | None, knowledge_version: Callable[[], str], store_reachable: Callable[[], bool]
) -> Blueprint:
    """`GET /metrics`; if `token` is set, it is required as bearer token."""
    routes = Blueprint("metrics", __name__)

    def gauges() -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield GaugeMetricFamily("cds_store_up", "Whether the database can be reached.", value=float(store_reachable()))
        yield InfoMetricFamily("cds_knowledge", "The effective tables.", value={"version": knowledge_version()})

    @routes.get("/metrics")
    def read() -> Response:
        if token is not None and not _has_bearer_token(token):
            refusal = error_response(401, "The metrics need a bearer token (CDS_METRICS_TOKEN).", issue_type="login")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        body, content_type = metrics.exposition(gauges)
        return Response(body, content_type=content_type)

    return routes


def _has_bearer_token(token: str) -> bool:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode())
