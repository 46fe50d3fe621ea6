"""Counts of what was judged, that add up: a bucket's to a run's, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from cds_service.population.rows import Row

Counts = dict[str, int]
_DIGEST_SIZE = 1 << 256


class Tally(msgspec.Struct):
    """What a bucket, or a whole run, came to.

    `digest` is the sum of the digests of all rows, so that neither the order of rows nor the number of buckets matters.
    `by_row` counts cards by the table rows that they speak of (`Row.matters`), `by_indicator` and `by_procedure` cards;
    `fewest` and `most` count orders with a card of a row in every reading, and in any reading, of undated data.
    `repeats` counts cards that a patient's earlier order of the same day had brought already. `unread` is keyed
    `reason|detail`. `failed` maps buckets to why they were set aside.
    """

    patients: int = 0
    patients_without_record: int = 0
    orders: int = 0
    judged: int = 0
    recognised: int = 0
    interrupted: int = 0
    told: int = 0
    silent: int = 0
    set_aside: Counts = {}
    total_cards: int = 0
    by_row: Counts = {}
    by_indicator: Counts = {}
    by_procedure: Counts = {}
    shadow: Counts = {}
    fewest: Counts = {}
    most: Counts = {}
    repeats: Counts = {}
    unread: Counts = {}
    failed: dict[str, str] = {}
    digest: str = "0"


def tally_rows(rows: Iterable[Row]) -> Tally:
    """Counts of rows that hold whole patients."""
    tally, digest = Tally(), 0
    told_today: set[tuple[str, str, str]] = set()
    counts: dict[str, Counter[str]] = {name: Counter() for name in Tally.__struct_fields__}
    for row in sorted(rows, key=lambda one: (one.time, one.order)):
        digest += row.digest()
        tally.judged += 1
        if row.procedure is None:
            continue
        tally.recognised += 1
        _count_cards(row, tally, counts, told_today)
    for name in ("by_row", "by_indicator", "by_procedure", "shadow", "fewest", "most", "repeats"):
        setattr(tally, name, dict(counts[name]))
    tally.digest = str(digest % _DIGEST_SIZE)
    return tally


def _count_cards(
    row: Row, tally: Tally, counts: dict[str, Counter[str]], told_today: set[tuple[str, str, str]]
) -> None:
    shown = row.shown
    tally.total_cards += len(shown)
    loud = any(card.indicator != "info" for card in shown)
    tally.interrupted += loud
    tally.told += bool(shown) and not loud
    tally.silent += not shown
    for card in shown:
        counts["by_indicator"][card.indicator] += 1
        counts["by_procedure"][row.procedure or ""] += 1
        for matter in row.matters(card):
            counts["by_row"][matter] += 1
            key = (row.patient, row.day, matter)
            counts["repeats"][matter] += key in told_today
            told_today.add(key)
    counts["shadow"].update(matter for card in row.cards if not card.shown for matter in row.matters(card))
    readings = [
        {matter for card in cards if card.shown for matter in row.matters(card)} for cards in (row.cards, *row.others)
    ]
    counts["fewest"].update(set.intersection(*readings))
    counts["most"].update(set.union(*readings))


def add(tallies: Iterable[Tally]) -> Tally:
    """The sum."""
    totals: dict[str, Any] = msgspec.structs.asdict(Tally())
    digest = 0
    for tally in tallies:
        digest += int(tally.digest)
        for name, value in msgspec.structs.asdict(tally).items():
            if isinstance(value, int):
                totals[name] += value
            elif name == "failed":
                totals[name] = totals[name] | value
            elif isinstance(value, dict):
                totals[name] = dict(Counter(totals[name]) + Counter(value))
    return Tally(**totals | {"digest": str(digest % _DIGEST_SIZE)})
