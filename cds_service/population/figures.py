"""The numbers of a report: rates of a finished run with their denominators, small cells suppressed.

A cell of few orders could show who somebody is, and says little: it is shown as fewer than so many. Whatever would give
it away by subtraction is not shown either: where the lines of a table add up to a number of the page, the next larger
ones are left out with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cds_service.population.intervals import Rate, rate_of
from cds_service.population.rows import Row

SMALL = 5
"""Counts from 1 to below this are suppressed."""
_LEFT_OUT = "not shown"
OTHER_TEXTS = f"other texts, each of fewer than {SMALL} orders"
_LOUD = ("critical", "warning")
_MOST = 40
_LEAST_HIDDEN = 2
_SHORT = 8
"""Digits of a pseudonym that are enough to tell requesters apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: how many orders of how many, as a rate with its interval.

    `covers` is True for one that is large enough and is left out, because it would give a small one away.
    """

    name: str
    rate: Rate
    covers: bool = False

    @property
    def is_small(self) -> bool:
        """Whether the count, its total or what is left of it is too small to show, or it covers one that is."""
        if self.covers:
            return True
        numbers = (self.rate.count, self.rate.total, self.rate.total - self.rate.count)
        return any(0 < number < SMALL for number in numbers)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report; `what` says in words what is counted of what."""

    id: str
    title: str
    what: str
    lines: tuple[Line, ...]


@dataclass(slots=True)
class Counts:
    """What is counted while the rows of a run are read once."""

    orders: int = 0
    interrupted: int = 0
    told: int = 0
    silent: int = 0
    texts: set[str] = field(default_factory=set)
    """Names that are somebody's own words, not codes."""
    by: dict[str, Counter[str]] = field(default_factory=dict)
    of: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, table: str, name: str, *, hit: bool) -> None:
        """One order of a group, and whether it counts."""
        self.of.setdefault(table, Counter())[name] += 1
        if hit:
            self.by.setdefault(table, Counter())[name] += 1


_GROUPS: Mapping[str, tuple[str, Callable[[Row], str | None]]] = {
    "procedure": ("procedure", lambda row: row.procedure),
    "month": ("month", lambda row: row.day[:7]),
    "requester": ("requester (pseudonym)", lambda row: row.requester and row.requester[:_SHORT]),
    "unit": ("unit", lambda row: row.unit),
}


def count_rows(rows: Iterable[Row]) -> Counts:
    """Everything that the tables need, in one pass."""
    counts = Counts()
    for row in rows:
        if row.procedure is None:
            if row.text:
                counts.texts.add(row.text)
            for name in [row.text] if row.text else row.codes or ["no code"]:
                counts.add("to-map" if row.shown else "unrecognised", name, hit=True)
            continue
        _count_row(row, counts)
    return counts


def _count_row(row: Row, counts: Counts) -> None:
    shown = row.shown
    loud = any(card.indicator in _LOUD for card in shown)
    counts.orders += 1
    counts.interrupted += loud
    counts.told += bool(shown) and not loud
    counts.silent += not shown
    interrupting = {matter for card in shown if card.indicator in _LOUD for matter in row.matters(card)}
    told = {matter for card in shown for matter in row.matters(card)} - interrupting
    for table, matters in (("interrupts", interrupting), ("told", told)):
        for matter in matters:
            counts.add(table, matter, hit=True)
    for indicator in {card.indicator for card in shown}:
        counts.add("indicator", indicator, hit=True)
    for table, (_, of) in _GROUPS.items():
        counts.add(table, of(row) or "not recorded", hit=loud)
    for contraindication in row.applies:
        reasons = row.unknown.get(contraindication)
        counts.add("unchecked", contraindication, hit=reasons is not None)
        for reason in reasons or ():
            counts.add("why", f"{contraindication}: {reason}", hit=True)


def tables_of(counts: Counts, summary: Mapping[str, Any]) -> list[Table]:
    """Every table of the report, most frequent first, months in their order."""
    found = list(_tables(counts))
    repeats = summary["cards"]["repeatedOnTheSameDay"]
    small = {
        line.name for table in found if table.id in ("interrupts", "told") for line in table.lines if line.is_small
    }
    found.append(
        Table(
            "repeats",
            "Repeats on the same day",
            "cards of a row that the same patient had already had on that day, of all cards of the row",
            tuple(
                Line(row, rate_of(repeats[row], total), covers=row in small)
                for row, total in summary["cards"]["byRow"].items()
                if repeats.get(row)
            ),
        )
    )
    return found


def _tables(counts: Counts) -> Iterator[Table]:
    yield Table(
        "interrupts",
        "What interrupts",
        "orders with a critical or warning card of the row, of recognized orders",
        _ofall(counts, "interrupts"),
    )
    yield Table(
        "told",
        "What is told without interrupting",
        "orders with an info card of the row and no louder one of it, of recognized orders",
        _ofall(counts, "told"),
    )
    yield Table(
        "indicator",
        "Cards by level",
        "orders with a card of the level, of recognized orders",
        _ofall(counts, "indicator"),
    )
    for table, (title, _) in _GROUPS.items():
        yield Table(
            table,
            f"Interrupted by {title}",
            f"orders with a critical or warning card, of those of each {title}",
            that_add_up(_ofeach(counts, table)),
        )
    unchecked = sorted(_ofeach(counts, "unchecked"), key=lambda line: -line.rate.count)
    yield Table(
        "unchecked", "Not checked", "orders for which the row has no answer, of those it applies to", tuple(unchecked)
    )
    yield Table("why", "Why not", "orders with this reason, of recognized orders", _ofall(counts, "why"))
    yield from _unrecognised(counts)


def without_rare(counts: Mapping[str, int], texts: Collection[str]) -> Counter[str]:
    """Counts with the texts that stand there a few times put together: what somebody wrote once may name a patient."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        found[OTHER_TEXTS if name in texts and count < SMALL else name] += count
    return found


def _unrecognised(counts: Counts) -> Iterator[Table]:
    """Two tables of different orders: those that the hook says it does not know, and those that it is silent on."""
    found = {table: counts.of.get(table, Counter()) for table in ("to-map", "unrecognised")}
    total = counts.orders + sum(missed.total() for missed in found.values())
    for table, title in (
        ("to-map", "Orders that look interventional and are not recognized"),
        ("unrecognised", "Other orders not recognized"),
    ):
        named = without_rare(found[table], counts.texts)
        lines = (Line(name, rate_of(count, total)) for name, count in named.most_common(_MOST))
        yield Table(table, title, "orders of this name or code, of all judged orders", tuple(lines))


def _ofeach(counts: Counts, table: str) -> list[Line]:
    hits = counts.by.get(table, Counter())
    return [Line(name, rate_of(hits[name], total)) for name, total in _order(counts, table)]


def _ofall(counts: Counts, table: str) -> tuple[Line, ...]:
    hits = counts.by.get(table, Counter())
    return tuple(Line(name, rate_of(count, counts.orders)) for name, count in hits.most_common())


def that_add_up(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The same lines of a table that add up to a number of the page; if one is small, others are left out beside it.

    At least two lines are, and of so many orders together that the sum says nothing of each.
    """
    given = tuple(lines)
    small = [line for line in given if line.is_small]
    others = sorted((line for line in given if not line.is_small), key=lambda line: line.rate.count)
    covers: list[Line] = []
    while small and others and (len(small) + len(covers) < _LEAST_HIDDEN or _orders_in(*small, *covers) < 2 * SMALL):
        covers.append(others.pop(0))
    return tuple(replace(line, covers=True) if line in covers else line for line in given)


def _orders_in(*lines: Line) -> int:
    return sum(line.rate.count for line in lines)


def cells(counts: Mapping[str, int]) -> dict[str, str]:
    """Counts that add up to a number of the page, as they may be shown."""
    total = sum(counts.values())
    lines = that_add_up(Line(name, rate_of(count, total)) for name, count in counts.items())
    return {line.name: str(shown(line)["count"]) for line in lines}


def _order(counts: Counts, table: str) -> list[tuple[str, int]]:
    groups = counts.of.get(table, Counter())
    return sorted(groups.items()) if table == "month" else groups.most_common(_MOST)


def shown(line: Line) -> dict[str, Any]:
    """A line as it may be shown: a small cell without its numbers."""
    if line.covers:
        return {"name": line.name, "count": _LEFT_OUT, "total": _LEFT_OUT}
    if line.is_small:
        count = f"<{SMALL}" if line.rate.count < SMALL else _LEFT_OUT
        total = line.rate.total if line.rate.total >= SMALL else f"<{SMALL}"
        return {"name": line.name, "count": count, "total": total}
    rate = line.rate
    per_100 = {"per100": rate.value, "low": rate.low, "high": rate.high}
    rounded = {name: round(100 * value, 1) for name, value in per_100.items() if value is not None}
    return {"name": line.name, "count": rate.count, "total": rate.total, **rounded}
