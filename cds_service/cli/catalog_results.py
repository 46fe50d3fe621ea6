"""What the service makes of the orders of a catalog, one by one, and how many of each kind there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cds_service.cli.catalog_file import CatalogOrder
from cds_service.facts.patient_facts import Coding, Concept, OrderFact
from cds_service.findings.chart import empty_chart
from cds_service.findings.recognition import NotRecognized, recognize
from cds_service.knowledge.tables import Knowledge

_MAX_LISTED = 2000
SURE, UNSURE, UNKNOWN, OTHER = "sure", "unsure", "unknown", "other"
"""Recognized for certain; to be checked; looks like interventional radiology and is not known; any other order."""


@dataclass(frozen=True, slots=True)
class Result:
    """One order as it is understood.

    `by` is `code`, `parts` or `synonym`, `words` those that named it. `candidates` has more than one procedure id where
    the order may mean several. `unexplained` are parts of the name that the procedure does not explain.
    """

    order: CatalogOrder
    status: str
    procedure: str = ""
    label: str = ""
    by: str = ""
    words: str = ""
    candidates: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """How many orders of each status there are."""

    orders: int = 0
    by_status: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count one more."""
        self.orders += 1
        self.by_status[result.status] += 1

    @property
    def interventional(self) -> int:
        """Orders that are, or look like, interventional radiology."""
        return self.by_status[SURE] + self.by_status[UNSURE] + self.by_status[UNKNOWN]

    @property
    def understood_percent(self) -> float | None:
        """Share of these that name a known procedure; None where there are none."""
        known = self.by_status[SURE] + self.by_status[UNSURE]
        return 100 * known / self.interventional if self.interventional else None


@dataclass(slots=True)
class Report:
    """What is kept of a catalog of any length: counts, the orders to list (of very many the first), those to map."""

    tally: Tally = field(default_factory=Tally)
    listed: dict[str, list[Result]] = field(default_factory=dict)
    mapped: list[Result] = field(default_factory=list)
    """Recognized orders that have a code."""

    def watch(self, results: Iterable[Result]) -> Iterator[Result]:
        """The results as they pass, each counted and, if need be, kept."""
        for result in results:
            self.tally.add(result)
            listed = self.listed.setdefault(result.status, [])
            if result.status != OTHER and len(listed) < _MAX_LISTED:
                listed.append(result)
            if result.procedure and result.order.code:
                self.mapped.append(result)
            yield result


def result_of(order: CatalogOrder, knowledge: Knowledge) -> Result:
    """What an order is, as a call would have it for a patient of whom nothing is recorded."""
    codings = (Coding(order.system, order.code),) if order.system and order.code else ()
    concept = Concept(codings, (order.text,) if order.text else ())
    fact = OrderFact("ServiceRequest/catalog", "ServiceRequest", concept, (), (), b"")
    found = recognize(fact, empty_chart(knowledge), knowledge)
    if isinstance(found, NotRecognized):
        return Result(order, UNKNOWN if found.looks_interventional else OTHER)
    text = knowledge.order_texts.recognize(concept.texts)
    by_text = found.by == "text"
    unexplained = text.unexplained if by_text else ()
    is_sure = len(found.candidates) == 1 and not unexplained and not found.code_and_text_differ
    return Result(
        order,
        SURE if is_sure else UNSURE,
        procedure=found.procedure.id,
        label=found.procedure.label,
        by=(text.by or "") if by_text else found.by,
        words=found.matched_text or "",
        candidates=tuple(procedure.id for procedure in found.candidates),
        unexplained=unexplained,
    )
