"""What all splits together held: which kinds of data are there at all, what of them is missing, and the days covered.

Made once, between partition and judging; every bucket is judged by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec

from cds_service.kinds import CLINICAL
from cds_service.population.export import Export
from cds_service.population.files import write_whole
from cds_service.population.plan import WORK
from cds_service.population.spill import ENCOUNTERS, KINDS_READ, SplitDone

_STRAYS = 1000
"""One resource in so many may have a date that is a mistake; the first and last days are found without them."""


class Coverage(msgspec.Struct, frozen=True):
    """What a bucket must know of all the others.

    `absent` are kinds of which the export holds no file and no line, `incomplete` those of which a part is missing.
    `first_day` and `last_day` are ISO dates; `now` is the time of the export, as its manifest says it.
    """

    absent: tuple[str, ...]
    incomplete: tuple[str, ...]
    first_day: str | None
    last_day: str | None
    now: str | None
    deleted: frozenset[str]
    parts: tuple[int, ...]


def cover(export: Export, splits: Sequence[SplitDone]) -> Coverage:
    """What all splits held."""
    types = sum((Counter(split.types) for split in splits), Counter[str]())
    held = {KINDS_READ[name] for name in types if name in KINDS_READ} | export.listed
    clinical = [kind.key for kind in CLINICAL]
    incomplete = export.missing | _cut_short(splits) | _fewer(export.counts, types, splits)
    days = sum((Counter(split.days) for split in splits), Counter[str]())
    first, last = _days_covered(days)
    return Coverage(
        absent=tuple(key for key in clinical if key not in held),
        incomplete=tuple(key for key in clinical if key in incomplete),
        first_day=first,
        last_day=last,
        now=export.transaction_time,
        deleted=export.deleted,
        parts=tuple(split.parts for split in splits),
    )


def coverage_file(run: Path) -> Path:
    """Where it is left for the buckets."""
    return run / WORK / "coverage.json"


def write_coverage(run: Path, coverage: Coverage) -> None:
    """Leave it for the buckets."""
    write_whole(coverage_file(run), msgspec.json.encode(coverage))


def read_coverage(run: Path) -> Coverage:
    """As written by `write_coverage`."""
    return msgspec.json.decode(coverage_file(run).read_bytes(), type=Coverage)


def _cut_short(splits: Iterable[SplitDone]) -> set[str]:
    names = {name for split in splits for name in split.cut_short}
    everything = set(KINDS_READ.values())
    return everything if "*" in names else {KINDS_READ[name] for name in names}


def _fewer(promised: Mapping[str, int], types: Mapping[str, int], splits: Iterable[SplitDone]) -> set[str]:
    """Kinds of which fewer lines were there than the manifest promised; broken lines may be any of them."""
    broken = sum(len(split.bad) for split in splits)
    short = {name for name, count in promised.items() if types.get(name, 0) + broken < count}
    return {KINDS_READ[name] for name in short if name in KINDS_READ} - {ENCOUNTERS}


def _days_covered(days: Mapping[str, int]) -> tuple[str | None, str | None]:
    """The first and last day on which the export has data, a few stray dates left out."""
    dated = {day: count for day, count in days.items() if _is_date(day)}
    if not dated:
        return None, None
    ordered, spare = sorted(dated), sum(dated.values()) // _STRAYS
    return _past(ordered, dated, spare), _past(ordered[::-1], dated, spare)


def _past(ordered: Sequence[str], counts: Mapping[str, int], spare: int) -> str:
    for day in ordered:
        spare -= counts[day]
        if spare < 0:
            return day
    return ordered[-1]


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2026-11-24")
