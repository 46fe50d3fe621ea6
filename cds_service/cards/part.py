"""Cards stage: one card before it is written: what it is about now, its words when somebody asks for them.

Headline and blocks are apart, so that parts can be put together.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import msgspec

from cds_service.cards.card import Suggestion
from cds_service.indicator import Indicator
from cds_service.knowledge.advice import Moment


class Weight(IntEnum):
    """What leads where equally loud matters share a card; the first is told in the headline."""

    PLANNING = 1
    """A reason to add, an interpreter to book."""
    NOTE = 2
    """Information, and what is missing."""
    FINDING = 3
    """What would be a warning, were there time or choice; and what could not be read."""


class Step(msgspec.Struct, frozen=True):
    """One sentence of the block Do, and when it is done."""

    sentence: str
    when: Moment = Moment.BEFORE


class Words(msgspec.Struct, frozen=True):
    """What is said: `source` is the guideline and its year, `source_row` the row whose page is the source.

    `meanwhile`: it is an emergency.
    """

    summary: str
    found: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    source: str = ""
    source_row: str | None = None
    suggestions: tuple[Suggestion, ...] = ()
    meanwhile: bool = False


class Part(msgspec.Struct, frozen=True):
    """What is told of one problem, or of one other matter.

    `topic` is a code of the card topics. `words` writes what is said; it decides nothing, so whoever only counts cards
    never asks. `rows` are the ids of the table rows that it speaks for. `holds` are the topics and rows of the parts
    that it was put together from, if it was. `subjects` are the ids of the questions and alerts that made it.
    """

    topic: str
    indicator: Indicator
    words: Callable[[], Words]
    rows: tuple[str, ...] = ()
    holds: tuple[tuple[str, tuple[str, ...]], ...] = ()
    weight: Weight = Weight.NOTE
    subjects: tuple[str, ...] = ()
