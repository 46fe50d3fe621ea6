"""What changes between two runs of the same export: which cards appear, disappear or change their level, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cds_service.errors import SetupError
from cds_service.indicator import indicator_of
from cds_service.population.results import read_rows
from cds_service.population.rows import Row
from cds_service.population.run import summary_of

_MOST = 5
_OF_THE_TABLES = {"site", "compare", "with_text", "look_back_days"}
"""Choices that come with other tables, or change no card."""


@dataclass(slots=True)
class Change:
    """Orders whose cards of one row changed one way, with the first few of them by reference."""

    orders: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, order: str) -> None:
        """One more order."""
        self.orders += 1
        if len(self.examples) < _MOST:
            self.examples.append(order)


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed. `changes` maps a row to `appears`, `disappears`, `louder` and `quieter`.

    `options` are those in which the runs differ, beside the site. `other_procedure` are orders that are recognized as
    something else; `only_first` and `only_second` count orders that only one of the runs judged.
    """

    versions: tuple[str, str]
    options: tuple[str, ...]
    orders: int
    only_first: int
    only_second: int
    other_procedure: Change
    changes: Mapping[str, Mapping[str, Change]]


def compare(first: Path, second: Path) -> Difference:
    """What is different in the second run.

    Raises:
        SetupError: one of them is not finished, or no order was judged by both.
    """
    summaries = summary_of(first), summary_of(second)
    before = dict(_named(read_rows(first)))
    other, changes = Change(), dict[str, dict[str, Change]]()
    both = new = 0
    for name, row in _named(read_rows(second)):
        old = before.pop(name, None)
        if old is None:
            new += 1
            continue
        both += 1
        if old.procedure != row.procedure:
            other.add(row.order)
        for matter, how in _changed(old, row):
            changes.setdefault(matter, {}).setdefault(how, Change()).add(row.order)
    if not both and (before or new):
        raise SetupError(f"{first} and {second}: no order was judged by both; compare runs of the same export")
    return Difference(
        (summaries[0]["knowledgeVersion"], summaries[1]["knowledgeVersion"]),
        _options(*(summary["choices"] for summary in summaries)),
        both,
        len(before),
        new,
        other,
        dict(sorted(changes.items())),
    )


def _options(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(name for name in {*one, *other} - _OF_THE_TABLES if one.get(name) != other.get(name)))


def _named(rows: Iterable[Row]) -> Iterator[tuple[tuple[str, str, int], Row]]:
    """Every row by what it is in both runs; servers that were exported together may each have an order of one id."""
    times: Counter[tuple[str, str]] = Counter()
    for row in rows:
        name = row.order, row.time
        yield (*name, times[name]), row
        times[name] += 1


def _changed(old: Row, new: Row) -> list[tuple[str, str]]:
    levels, now = _levels(old), _levels(new)
    found = [(row, "disappears") for row in levels if row not in now]
    found += [(row, "appears") for row in now if row not in levels]
    both = [row for row in now if row in levels and now[row] != levels[row]]
    return found + [(row, "louder" if now[row] > levels[row] else "quieter") for row in both]


def _levels(row: Row) -> dict[str, int]:
    """The loudest card of each table row."""
    levels: dict[str, int] = {}
    for card in row.shown:
        for matter in row.matters(card):
            levels[matter] = max(levels.get(matter, 0), int(indicator_of(card.indicator)))
    return levels
