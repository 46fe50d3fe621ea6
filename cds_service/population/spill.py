"""The map step: one split of the export, its lines sorted by patient into the parts of one file.

A part holds the lines of one bucket; at the end of the file stands where each part begins. So a bucket is read with
two reads from each file, and the number of files does not grow with the number of buckets.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from zlib import crc32

import msgspec

from cds_service.kinds import KINDS
from cds_service.population.files import whole_file, write_whole
from cds_service.population.lines import Broken, CutShort, Head, read_blocks, read_heads
from cds_service.population.plan import WORK, Plan

ENCOUNTERS = "encounters"
ORDERS = "orders"
_MOST_HELD = 16 << 20
_BOM = b"\xef\xbb\xbf"
TAB = b"\t"
_PLACE = struct.Struct("<Q")
_HEADER_TYPES = frozenset({"Parameters"})
"""What stands between patients in files that are organized by patient."""

ROUTES: Mapping[str, bytes] = {
    **{kind.resource_type: kind.key.encode() for kind in KINDS.values()},
    "Encounter": ENCOUNTERS.encode(),
}
"""Resource type -> what it is spilled as; nothing reads the others."""


class BadLine(msgspec.Struct):
    """A line that could not be used; `line` counts from 1 within its split until all of the file is known."""

    line: int
    reason: str


class SplitDone(msgspec.Struct):
    """What one split held, and how many spill files it made.

    `types` counts lines by resource type, `days` counts dated resources by ISO date. `orders` are the ServiceRequests
    of patients, `no_patient` those of none. `cut_short`: types of a file that ends early; an empty list where it
    does not, `*` where no type is known.
    """

    lines: int = 0
    parts: int = 0
    orders: int = 0
    no_patient: int = 0
    ownerless: int = 0
    bad: list[BadLine] = []
    types: dict[str, int] = {}
    days: dict[str, int] = {}
    cut_short: list[str] = []


@dataclass(slots=True)
class _Sorter:
    """Lines by bucket, written out whenever they fill the memory that they may have."""

    folder: Path
    number: int
    buckets: int
    parts: int = 0
    _held: int = 0
    _lines: list[list[bytes]] = field(default_factory=list)
    _places: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lines = [[] for _ in range(self.buckets)]

    def add(self, kind: bytes, owner: str, line: bytes) -> None:
        place = self._places.get(owner)
        if place is None:
            name = owner.encode()
            place = self._places[owner] = (crc32(name) % self.buckets, name)
        self._lines[place[0]] += (kind, TAB, place[1], TAB, line)
        self._held += len(line)
        if self._held > _MOST_HELD:
            self.write()

    def write(self) -> None:
        if not self._held:
            return
        with whole_file(_spill(self.folder, self.number, self.parts)) as file:
            starts = []
            for lines in self._lines:
                starts.append(file.tell())
                file.write(b"".join(lines))
                lines.clear()
            starts.append(file.tell())
            file.write(b"".join(map(_PLACE.pack, starts)))
        self.parts += 1
        self._held = 0
        self._places.clear()


def _spill(folder: Path, number: int, part: int) -> Path:
    return folder / f"split-{number:06}-{part:04}.spill"


def split_done(run: Path, number: int) -> Path:
    """The file that says that a split is done."""
    return run / WORK / f"split-{number:06}.json"


def partition(run: Path, plan: Plan, number: int) -> None:
    """Sort one split into buckets, and write what it held."""
    split = plan.splits[number]
    sorter, done = _Sorter(run / WORK, number, plan.buckets), SplitDone()
    types: Counter[str] = Counter()
    days: Counter[bytes] = Counter()
    try:
        for lines in read_blocks(Path(plan.inputs[split.input].path), split.start, split.end):
            if done.lines == 0 and split.start == 0:
                lines[0] = lines[0].removeprefix(_BOM)
            _sort(lines, sorter, done, types, days)
    except CutShort:
        done.cut_short = [name for name in types if name in ROUTES] or ["*"]
        done.bad.append(BadLine(done.lines + 1, "the compressed file is damaged or cut short here"))
    sorter.write()
    done.parts = sorter.parts
    done.types = dict(types)
    done.days = {day.decode("ascii"): count for day, count in days.items() if day.isascii()}
    write_whole(split_done(run, number), msgspec.json.encode(done))


def _sort(lines: list[bytes], sorter: _Sorter, done: SplitDone, types: Counter[str], days: Counter[bytes]) -> None:
    heads = read_heads(lines)
    found = []
    for place, (line, head) in enumerate(zip(lines, heads, strict=True), start=done.lines + 1):
        if type(head) is not Head:
            _note_broken(head, line, place, sorter, done)
            continue
        name = head.resource_type
        found.append(name)
        route = ROUTES.get(name)
        if route is None:
            continue
        owner = head.owner
        if owner is None:
            _note_ownerless(head, place, done)
            continue
        date = head.effective_date_time or head.recorded_date or head.authored_on
        if len(date) > 10:
            days[bytes(date)[1:11]] += 1
        if name == "ServiceRequest":
            done.orders += 1
        sorter.add(route, owner, line if line.endswith(b"\n") else line + b"\n")
    types.update(found)
    done.lines += len(lines)


def _note_broken(head: Broken | Head | None, line: bytes, place: int, sorter: _Sorter, done: SplitDone) -> None:
    """List a broken line, and leave it with its patient, whose data of this kind are not complete without it."""
    if not isinstance(head, Broken):
        return
    done.bad.append(BadLine(place, head.reason))
    route = ROUTES.get(head.resource_type or "")
    if head.owner is None or route is None:
        done.ownerless += 1
    elif route != ORDERS.encode():
        sorter.add(route, head.owner, line.strip() + b"\n")


def _note_ownerless(head: Head, place: int, done: SplitDone) -> None:
    if head.resource_type == "ServiceRequest":
        done.no_patient += 1
    if head.resource_type != "Encounter" and not head.names_another:
        done.bad.append(BadLine(place, "names no patient"))


def read_done(run: Path, number: int) -> SplitDone | None:
    """What a split held; None where it is not done."""
    try:
        return msgspec.json.decode(split_done(run, number).read_bytes(), type=SplitDone)
    except FileNotFoundError:
        return None


def read_bucket(run: Path, bucket: int, parts: Sequence[int]) -> Iterator[list[bytes]]:
    """The lines of one bucket in no order, some at a time; each is kind, owner and body with tabs between.

    Args:
        run: folder of the run.
        bucket: its number.
        parts: number of spill files of each split.
    """
    for number, count in enumerate(parts):
        for part in range(count):
            yield _part(_spill(run / WORK, number, part), bucket).split(b"\n")[:-1]


def _part(path: Path, bucket: int) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        (end,) = _PLACE.unpack(_at(file, size - _PLACE.size, _PLACE.size))
        starts = _at(file, end + bucket * _PLACE.size, 2 * _PLACE.size)
        first, last = _PLACE.unpack(starts[: _PLACE.size])[0], _PLACE.unpack(starts[_PLACE.size :])[0]
        return _at(file, first, last - first)


def _at(file: IO[bytes], place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)
