"""What codes and texts mean, remembered from one call to the next: a hospital repeats a few hundred of each.

A memory knows no patient: it holds texts of a record as the tables read them, the latest of each kind, and no long
ones. It is in no file and ends with the process. Why: docs/decisions/0085-what-codes-and-texts-mean-is-remembered.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from cds_service.facts.patient_facts import Concept
from cds_service.knowledge.order_texts import OrderTexts, TextMatch
from cds_service.knowledge.tables import Knowledge

T = TypeVar("T")
A = TypeVar("A")
_MOST = 4096
_LONGEST = 250
"""Characters: a longer text is somebody's own words, and does not come again."""


class _RememberedTexts(OrderTexts):
    """Answers as the texts that it is made from, and remembers its latest answers."""

    def __init__(self, texts: OrderTexts) -> None:
        """`texts`: those of the tables."""
        self._recognize = _remembering(texts.recognize, _length_of_all)
        self._looks_interventional = _remembering(texts.looks_interventional, len)
        self._side = _remembering(texts.side, _length_of_all)

    def recognize(self, texts: Iterable[str]) -> TextMatch:
        """As `OrderTexts.recognize`."""
        return self._recognize(tuple(texts))

    def looks_interventional(self, text: str) -> bool:
        """As `OrderTexts.looks_interventional`."""
        return self._looks_interventional(text)

    def side(self, texts: Iterable[str]) -> str | None:
        """As `OrderTexts.side`."""
        return self._side(tuple(texts))


def with_memory(knowledge: Knowledge) -> Knowledge:
    """The same tables, with a memory for texts and for the codes of results."""
    return replace(
        knowledge,
        order_texts=_RememberedTexts(knowledge.order_texts),
        lab_index=_with_memory(knowledge.lab_index, "of", _length_of_concept),
        codes=_with_memory(knowledge.codes, "named", len),
        diagnosis_texts=_with_memory(knowledge.diagnosis_texts, "read", len),
        allergy_texts=_with_memory(knowledge.allergy_texts, "read", len),
        medications=msgspec.structs.replace(
            knowledge.medications, texts=_with_memory(knowledge.medications.texts, "agents_in", len)
        ),
    )


def _with_memory(reader: T, method: str, length: Callable[[Any], int]) -> T:
    """A copy that remembers the latest answers of one of its methods."""
    remembering = copy(reader)
    setattr(remembering, method, _remembering(getattr(reader, method), length))
    return remembering


def _remembering(read: Callable[[A], T], length: Callable[[A], int]) -> Callable[[A], T]:
    known = lru_cache(_MOST)(read)

    def answer(asked: A) -> T:
        return known(asked) if length(asked) <= _LONGEST else read(asked)

    return answer


def _length_of_all(texts: tuple[str, ...]) -> int:
    return sum(map(len, texts))


def _length_of_concept(concept: Concept) -> int:
    length = _length_of_all(concept.texts)
    for coding in concept.codings:
        length += len(coding.code) + len(coding.display or "")
    if concept.within or concept.bare_codes:
        length += _length_of_all((*concept.within, *concept.bare_codes))
    return length
