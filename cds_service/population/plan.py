"""What one run is to do: its inputs, how they are split, and every choice that its result depends on.

Written once into the folder of the run. A run that goes on after a kill compares: the same inputs, tables and choices,
or it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from cds_service.errors import SetupError
from cds_service.population.export import Export, is_packed
from cds_service.population.files import PLAN

SPLIT = 16 << 20
BUCKET = 6 << 20
_MOST_BUCKETS = 4096
_GROWS = 12
"""About how much a compressed file grows; it only decides the number of buckets."""

WORK = "work"
"""Folder of what a run writes for itself, clinical content among it; removed when the run is done."""


class Input(msgspec.Struct, frozen=True):
    """One file as it was when the run was planned."""

    path: str
    size: int
    modified_ns: int
    packed: bool


class Split(msgspec.Struct, frozen=True):
    """A part of an input by bytes; `end` None is the whole of a compressed file."""

    input: int
    start: int
    end: int | None


class Choices(msgspec.Struct, frozen=True):
    """What was asked for; `zone` is an IANA name, `data_start` an ISO date that replaces the one found in the data."""

    site: str | None
    compare: str | None
    as_of: str
    undated: str
    zone: str
    result_lag_hours: float
    data_start: str | None
    with_text: bool
    worklist: str | None = None
    """Id of the procedure that patients are listed for; None where orders are judged."""

    @property
    def timezone(self) -> tzinfo:
        """The hospital's zone."""
        return ZoneInfo(self.zone)


class Plan(msgspec.Struct, frozen=True):
    """One run; `exports` are the files and folders that it was asked for."""

    exports: tuple[str, ...]
    inputs: tuple[Input, ...]
    splits: tuple[Split, ...]
    buckets: int
    choices: Choices
    versions: tuple[str, ...]
    """Versions of the tables: of the site, and of the one compared with."""


def make_plan(exports: Sequence[str], export: Export, choices: Choices, versions: Sequence[str]) -> Plan:
    """The plan for an export; the same export gives the same plan."""
    inputs = tuple(_input(path) for path in export.files)
    size = sum(one.size * (_GROWS if one.packed else 1) for one in inputs)
    buckets = max(1, min(_MOST_BUCKETS, -(-size // BUCKET)))
    return Plan(tuple(exports), inputs, tuple(_splits(inputs)), buckets, choices, tuple(versions))


def read_plan(run: Path) -> Plan | None:
    """The plan of a run; None where there is none.

    Raises:
        SetupError: it can't be read.
    """
    path = run / PLAN
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise SetupError(f"{path}: can't be read ({error}); name another folder with --out") from None


def check_unchanged(old: Plan, new: Plan, run: Path) -> None:
    """Refuse to go on with a run whose inputs or choices are not what they were.

    Raises:
        SetupError: names what changed.
    """
    changed = sorted({one.path for one in {*old.inputs} ^ {*new.inputs}})
    if changed:
        raise SetupError(f"{run}: the input changed since this run began ({changed[0]}); start a new run with --out")
    if old.versions != new.versions:
        raise SetupError(f"{run}: the tables changed since this run began; start a new run with --out")
    if old != new:
        raise SetupError(f"{run}: was begun with other options; repeat them, or start a new run with --out")


def _input(path: Path) -> Input:
    found = path.stat()
    return Input(str(path), found.st_size, found.st_mtime_ns, is_packed(path))


def _splits(inputs: Sequence[Input]) -> Iterator[Split]:
    for number, one in enumerate(inputs):
        if one.packed:
            yield Split(number, 0, None)
            continue
        for start in range(0, one.size, SPLIT):
            yield Split(number, start, min(start + SPLIT, one.size))
