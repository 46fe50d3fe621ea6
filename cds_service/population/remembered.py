"""Texts and the codes of results, read once a run: a hospital repeats a few hundred of each.

Only where many patients are judged: a service that answers calls keeps nothing of one for the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from cds_service.knowledge.order_texts import OrderTexts, TextMatch
from cds_service.knowledge.tables import Knowledge

T = TypeVar("T")
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


def remember(knowledge: Knowledge) -> Knowledge:
    """The same tables, with a memory for texts and for the codes of results."""
    return replace(
        knowledge,
        order_texts=RememberedTexts(knowledge.order_texts),
        lab_index=_with_memory(knowledge.lab_index, "of"),
        codes=_with_memory(knowledge.codes, "named"),
        diagnosis_texts=_with_memory(knowledge.diagnosis_texts, "read"),
        allergy_texts=_with_memory(knowledge.allergy_texts, "read"),
    )


def _with_memory(reader: T, method: str) -> T:
    """A copy that remembers the latest answers of one of its methods."""
    remembering = copy(reader)
    setattr(remembering, method, lru_cache(_MOST)(getattr(reader, method)))
    return remembering
