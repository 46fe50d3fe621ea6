"""Cards stage: one card before its detail is written: headline and blocks apart, so that parts can be put together."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.cards.card import Suggestion
from cds_service.indicator import Indicator
from cds_service.knowledge.advice import Moment


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence of the block Do, and when it is done."""

    sentence: str
    when: Moment = Moment.BEFORE


@dataclass(frozen=True, slots=True)
class Part:
    """What is told of one problem, or of one other matter.

    `topic` is a code of the card topics. `rows` are the ids of the table rows that it speaks for. `source` is the
    guideline and its year; `source_row` the row whose page is the source. `meanwhile`: it is an emergency.
    """

    topic: str
    indicator: Indicator
    summary: str
    found: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    source: str = ""
    source_row: str | None = None
    rows: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    meanwhile: bool = False
