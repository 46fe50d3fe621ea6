"""Texts of orders and codes of results, recognized once a run: a hospital repeats a few hundred of each.

Only where many patients are judged: a service that answers calls keeps nothing of one for the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from cds_service.facts.patient_facts import Concept
from cds_service.knowledge.lab_index import LabIndex
from cds_service.knowledge.order_texts import OrderTexts, TextMatch
from cds_service.knowledge.reported_lab import ReportedLab
from cds_service.knowledge.tables import Knowledge

_MOST = 4096


class RememberedTexts(OrderTexts):
    """Answers as the texts that it is made from, and remembers its latest answers."""

    def __init__(self, texts: OrderTexts) -> None:
        """`texts`: those of the tables."""
        self._recognize = lru_cache(_MOST)(texts.recognize)
        self._looks_interventional = lru_cache(_MOST)(texts.looks_interventional)
        self._side = lru_cache(_MOST)(texts.side)

    def recognize(self, texts: Iterable[str]) -> TextMatch:
        """As `OrderTexts.recognize`."""
        return self._recognize(tuple(texts))

    def looks_interventional(self, text: str) -> bool:
        """As `OrderTexts.looks_interventional`."""
        return self._looks_interventional(text)

    def side(self, texts: Iterable[str]) -> str | None:
        """As `OrderTexts.side`."""
        return self._side(tuple(texts))


class RememberedLabs(LabIndex):
    """Answers as the index that it is made from, and remembers its latest answers."""

    def __init__(self, labs: LabIndex) -> None:
        """`labs`: the index of the tables."""
        self._remembered = lru_cache(_MOST)(labs.of)
        self.is_qualitative = labs.is_qualitative  # type: ignore[method-assign]  # the same, without a memory
        self.calls = labs.calls  # type: ignore[method-assign]  # as well

    def of(self, concept: Concept) -> tuple[ReportedLab, ...]:
        """As `LabIndex.of`."""
        return self._remembered(concept)


def remember(knowledge: Knowledge) -> Knowledge:
    """The same tables, with a memory for the texts of orders and the codes of results."""
    return replace(
        knowledge,
        order_texts=RememberedTexts(knowledge.order_texts),
        lab_index=RememberedLabs(knowledge.lab_index),
    )
