"""What all splits together held: which kinds of data are there at all, what of them is missing, and the days covered.

Made once, between partition and judging; every bucket is judged by it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from pathlib import Path

import msgspec

from cds_service.kinds import CLINICAL, KINDS
from cds_service.population.export import Export, types_named
from cds_service.population.files import write_whole
from cds_service.population.plan import WORK, Plan
from cds_service.population.spill import ENCOUNTERS, KINDS_READ, SplitDone

_BATCH = 1 << 20
"""About how many bytes of records are judged in one task."""
_ENOUGH = 100
"""Dated resources that a kind must have to tell when it started; of fewer, the first one may come long after."""
_BAD = ""
"""Counts the bad lines of a file among its types."""
_STRAYS = 1000
"""One resource in so many may have a date that is a mistake; the first and last days are found without them."""


class Coverage(msgspec.Struct, frozen=True):
    """What a bucket must know of all the others.

    `absent` are kinds of which the export holds no file and no line, `incomplete` those of which a part is missing.
    `first_day` and `last_day` are ISO dates, `starts` those on which kinds of data begin; `now` is the time of the
    export, as its manifest says it.
    """

    absent: tuple[str, ...]
    incomplete: tuple[str, ...]
    first_day: str | None
    last_day: str | None
    starts: dict[str, str]
    now: str | None
    deleted: frozenset[str]
    parts: tuple[int, ...]
    batches: int
    """How many tasks the buckets are judged in, each of buckets that follow each other."""

    def buckets_of(self, batch: int, buckets: int) -> range:
        """The buckets of one batch; `buckets` is the number of all."""
        return range(batch * buckets // self.batches, (batch + 1) * buckets // self.batches)


def cover(export: Export, plan: Plan, splits: Sequence[SplitDone]) -> Coverage:
    """What all splits of a plan held."""
    types = sum((Counter(split.types) for split in splits), Counter[str]())
    named = {name for name in types if name in KINDS_READ} | export.listed
    incomplete = export.missing | _cut_short(splits) | _fewer(export.counts, types, splits) | _beside(named)
    incomplete |= _unlike_their_names(plan, splits)
    by_kind = _by_kind(splits)
    first, last = _days_covered(sum(by_kind.values(), Counter[str]()))
    return Coverage(
        absent=tuple(kind.key for kind in CLINICAL if not named.intersection(kind.resource_types)),
        incomplete=tuple(key for key in KINDS if key in incomplete),
        first_day=first,
        last_day=last,
        starts={kind: day for kind, days in by_kind.items() if (day := _days_covered(days)[0]) and _is_enough(days)},
        now=export.transaction_time,
        deleted=export.deleted,
        parts=tuple(split.parts for split in splits),
        batches=max(1, min(plan.buckets, -(-sum(split.spilled for split in splits) // _BATCH))),
    )


def _beside(named: AbstractSet[str]) -> set[str]:
    """Kinds of which there is only what stands beside a list: a dose that was given is no list of medications."""
    found = {kind for kind in CLINICAL if not named.isdisjoint(kind.resource_types)}
    return {kind.key for kind in found if named.isdisjoint({kind.resource_type, *kind.also_asked})}


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


def _unlike_their_names(plan: Plan, splits: Sequence[SplitDone]) -> set[str]:
    """Kinds that a file is named after that holds something, and nothing of them: of another format, for instance."""
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for split, done in zip(plan.splits, splits, strict=True):
        found[split.input].update({**done.types, _BAD: done.bad})
    named = {number: types_named(Path(plan.inputs[number].path)) for number, types in found.items() if types.total()}
    return {KINDS_READ[name] for number, names in named.items() if names.isdisjoint(+found[number]) for name in names}


def _fewer(promised: Mapping[str, int], types: Mapping[str, int], splits: Iterable[SplitDone]) -> set[str]:
    """Kinds of which fewer lines were there than the manifest promised; broken lines may be any of them."""
    broken = sum(split.bad for split in splits)
    short = {name for name, count in promised.items() if types.get(name, 0) + broken < count}
    return {KINDS_READ[name] for name in short if name in KINDS_READ} - {ENCOUNTERS}


def _by_kind(splits: Iterable[SplitDone]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for split in splits:
        for kind, days in split.days.items():
            found.setdefault(kind, Counter()).update({day: count for day, count in days.items() if _is_date(day)})
    return found


def _is_enough(days: Counter[str]) -> bool:
    return days.total() >= _ENOUGH


def _days_covered(days: Mapping[str, int]) -> tuple[str | None, str | None]:
    """The first and last day on which the export has data, a few stray dates left out."""
    if not days:
        return None, None
    ordered, spare = sorted(days), sum(days.values()) // _STRAYS
    return _past(ordered, days, spare), _past(ordered[::-1], days, spare)


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
