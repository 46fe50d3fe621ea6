"""Texts of orders, recognized once a run: a hospital's orders repeat a few hundred names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from cds_service.knowledge.order_texts import OrderTexts, TextMatch
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


def remember_texts(knowledge: Knowledge) -> Knowledge:
    """The same tables, with a memory for the texts of orders."""
    return replace(knowledge, order_texts=RememberedTexts(knowledge.order_texts))
