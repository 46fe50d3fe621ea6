"""The map step: one split of the export, its lines sorted by patient into the parts of one file.

A part holds the lines of one bucket; at the end of the file stands where each part begins. So a bucket is read with
two reads from each file, and the number of files does not grow with the number of buckets.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import msgspec

from cds_service.clinical_data.bundles import OF_NOBODY
from cds_service.fhir_references import local_reference
from cds_service.kinds import KINDS
from cds_service.population.blocks import BOM, LONGEST_RESOURCE, CutShort, Line, read_blocks
from cds_service.population.files import whole_file, write_whole
from cds_service.population.lines import (
    UNREADABLE,
    Broken,
    Head,
    patient_in,
    plain_ids,
    read_head,
    read_heads,
    too_long,
    why_broken,
)
from cds_service.population.plan import WORK, Plan
from cds_service.population.wanted import Wanted

ENCOUNTERS = "encounters"
ORDERS = "orders"
PATIENT = "patient"
ORDER_TYPE = KINDS[ORDERS].resource_type
_OTHER_SUBJECTS = frozenset({"Group", "Device", "Location"})
"""Source: FHIR R4 Observation.subject, ServiceRequest.subject, MedicationRequest.subject, Condition.subject."""
_MOST_HELD = 16 << 20
_BESIDE = 128
"""About how many bytes of memory a line takes beside its own."""
_MOST_PLACES = 50_000
TAB = b"\t"
PLACE = struct.Struct("<Q")

KINDS_READ: Mapping[str, str] = {
    **{name: kind.key for kind in KINDS.values() for name in kind.resource_types},
    "Encounter": ENCOUNTERS,
}
"""Resource type -> what it is spilled as; nothing reads the others."""
ROUTES = {name: f"\t{key}\t".encode() for name, key in KINDS_READ.items()}
"""Resource type -> what stands between owner and body."""
_PATIENTS = KINDS[PATIENT].resource_type
_PATIENT, _ORDER = ROUTES[_PATIENTS], ROUTES[ORDER_TYPE]


class BadLine(msgspec.Struct):
    """A line that could not be used; `line` counts from 1 within its split until all of the file is known."""

    line: int
    reason: str


class SplitDone(msgspec.Struct):
    """What one split held, and how many spill files it made, of how many bytes; `shared` are files of what is nobody's.

    `bad` counts bad lines, which are in `bad_files` files; `ownerless` are those that may be anybody's. `types` counts
    lines by resource type, `days` dated resources by kind of data and ISO date. `no_patient` are the ServiceRequests of
    no patient. `cut_short`: types of a file that ends early; empty where it does not, `*` where no type is known.
    """

    lines: int = 0
    parts: int = 0
    shared: int = 0
    spilled: int = 0
    no_patient: int = 0
    ownerless: int = 0
    bad: int = 0
    bad_files: int = 0
    types: dict[str, int] = {}
    days: dict[str, dict[str, int]] = {}
    cut_short: list[str] = []


Place = tuple[list[Line], bytes]
"""The lines of a bucket, and the bare id of a patient of it."""
_NOT_KEPT: Place = ([], b"")
"""Where the lines of patients go whose record nobody needs: one place for all, so that it stays in the caches."""


class _Sorter:
    """Lines by bucket, written out whenever they fill the memory that they may have."""

    def __init__(self, folder: Path, number: int, buckets: int, wanted: Wanted) -> None:
        self._folder, self._number, self.wanted = folder, number, wanted
        self._lines: list[list[Line]] = [[] for _ in range(buckets)]
        self._places: dict[str | None, Place] = {}  # of those that were asked for lately
        self.shared: list[Line] = []
        """Lines of nobody that anybody's may refer to."""
        self._bad: list[bytes] = []
        self.held = 0
        self.written = SplitDone()

    def place(self, reference: str | None) -> Place | None:
        """Where lines about a reference go; None for no patient."""
        if reference in self._places:
            return self._places[reference]
        place = self._own_place(reference)
        if place is None or reference is None:
            return None
        if len(self._places) == _MOST_PLACES:
            self._places.clear()
        self._places[reference] = place = place if self.wanted.holds(place[1]) else _NOT_KEPT
        return place

    def add(self, place: Place, route: bytes, line: Line) -> None:
        """Put a line in its place."""
        lines, owner = place
        lines += (owner + route, line)
        self.held += len(line) + _BESIDE

    def note(self, patients: Sequence[bytes]) -> None:
        """Keep of patients that they exist."""
        buckets = self._lines
        for owner in patients:
            buckets[crc32(owner) % len(buckets)] += (owner + _PATIENT, b"\n")
        self.held += len(patients) * _BESIDE

    def note_bad(self, number: int, reason: str) -> None:
        """List a line, counted from 0 after those that are done, as one that can't be used."""
        self.written.bad += 1
        self._bad.append(msgspec.json.encode(BadLine(self.written.lines + number + 1, reason)) + b"\n")
        self.held += len(self._bad[-1]) + _BESIDE

    def keep(self, reference: str | None, route: bytes, line: Line) -> None:
        """Keep a line whoever's it is."""
        if (place := self._own_place(reference)) is not None:
            self.add(place, route, line)

    def _own_place(self, reference: str | None) -> Place | None:
        owner = patient_in(reference)
        if owner is None:
            return None
        name = owner.encode()
        return self._lines[crc32(name) % len(self._lines)], name

    def write(self) -> None:
        """Write what is held as one more part."""
        done = self.written
        with whole_file(spill_file(self._folder, self._number, done.parts)) as file:
            starts = []
            for lines in self._lines:
                starts.append(file.tell())
                file.writelines(lines)
                lines.clear()
            starts.append(file.tell())
            file.write(b"".join(map(PLACE.pack, starts)))
        done.parts += 1
        done.spilled += starts[-1]
        if self.shared:
            write_whole(_shared(self._folder, self._number, done.shared), b"".join(self.shared))
            done.shared += 1
            self.shared.clear()
        if self._bad:
            write_whole(_bad(self._folder, self._number, done.bad_files), b"".join(self._bad))
            done.bad_files += 1
            self._bad.clear()
        self.held = 0


def _shared(folder: Path, number: int, part: int) -> Path:
    return folder / f"split-{number:06}-{part:04}.shared"


def _bad(folder: Path, number: int, part: int) -> Path:
    return folder / f"split-{number:06}-{part:04}.bad"


def spill_file(folder: Path, number: int, part: int) -> Path:
    """A part of a split, its lines by bucket and at its end where each bucket begins."""
    return folder / f"split-{number:06}-{part:04}.spill"


def split_done(run: Path, number: int) -> Path:
    """The file that says that a split is done."""
    return run / WORK / f"split-{number:06}.json"


def partition(run: Path, plan: Plan, number: int, wanted: Wanted) -> None:
    """Sort one split into buckets, and write what it held."""
    split = plan.splits[number]
    sorter = _Sorter(run / WORK, number, plan.buckets, wanted)
    done, counts = sorter.written, _Counts()
    try:
        for lines in read_blocks(Path(plan.inputs[split.input].path), split.start, split.end):
            _sort(lines, sorter, counts)
            if sorter.held > _MOST_HELD:
                sorter.write()
    except CutShort:
        done.cut_short = [name for name in counts.types if name in ROUTES] or ["*"]
        sorter.note_bad(0, "the compressed file is damaged or cut short here")
    sorter.write()
    done.types = dict(counts.types)
    done.days = {kind: dict(days) for kind, days in counts.days.items()}
    write_whole(split_done(run, number), msgspec.json.encode(done))


@dataclass(frozen=True, slots=True)
class _Counts:
    """Lines by type, and dated resources by kind of data and day."""

    types: Counter[str] = field(default_factory=Counter)
    days: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def _sort(lines: list[Line], sorter: _Sorter, counts: _Counts) -> None:
    """Put each line of a block in its place.

    What is done for every line is most of what it costs, so it is done for many at once.
    """
    numbers: Sequence[int] = range(len(lines))
    heads = read_heads(lines) if len(lines[0]) <= LONGEST_RESOURCE else None
    if heads is None:
        heads, numbers = _closely(lines, sorter)
    for alike, their_numbers in _by_type(heads, numbers):
        name = alike[0].resource_type
        counts.types[name] += len(alike)
        if name in ROUTES:
            _place_alike(alike, their_numbers, lines, sorter, counts)
    sorter.written.lines += len(lines)


def _by_type(heads: Sequence[Head], numbers: Sequence[int]) -> Iterator[tuple[Sequence[Head], Sequence[int]]]:
    """Heads and the numbers of their lines, apart for each type; most files hold one."""
    names = [head.resource_type for head in heads]
    if names and names.count(names[0]) == len(names):
        yield heads, numbers
        return
    alike: dict[str, tuple[list[Head], list[int]]] = {}
    for name, head, number in zip(names, heads, numbers, strict=True):
        its_heads, its_numbers = alike.get(name) or alike.setdefault(name, ([], []))
        its_heads.append(head)
        its_numbers.append(number)
    yield from alike.values()


def _closely(lines: list[Line], sorter: _Sorter) -> tuple[list[Head], list[int]]:
    """The heads of lines one by one, and which lines they are of; those that have none are noted."""
    found: dict[int, Head] = {}
    for number, line in enumerate(lines):
        if line.startswith(BOM):  # also where files with one were joined
            lines[number] = line = line.removeprefix(BOM)
        try:
            head = read_head(line)
        except UNREADABLE as error:
            _note_broken(why_broken(line, error), line, number, sorter)
            continue
        if len(line) > LONGEST_RESOURCE and head.resource_type in ROUTES:
            _note_broken(too_long(head, LONGEST_RESOURCE), line, number, sorter)
        else:
            found[number] = head
    return list(found.values()), list(found)


def _place_alike(
    heads: Sequence[Head], numbers: Sequence[int], lines: Sequence[Line], sorter: _Sorter, counts: _Counts
) -> None:
    """Put lines of one type in their places; `numbers` says which of the lines each head is of."""
    name = heads[0].resource_type
    nobodys = [n for n in _asked_for(name, heads, sorter) if not _place(heads[n], lines[numbers[n]], sorter)]
    for n in nobodys:
        _note_ownerless(heads[n], lines[numbers[n]], numbers[n], sorter)
    if nobodys:
        heads = [head for n, head in enumerate(heads) if n not in nobodys]
    dates = [h.effective_date_time or h.recorded_date or h.authored_on or h.performed_date_time for h in heads]
    if any(dates):
        counts.days[KINDS_READ[name]].update([date[:10] for date in dates if date])


def _asked_for(name: str, heads: Sequence[Head], sorter: _Sorter) -> Sequence[int]:
    """The places of the lines of one type that something is done with: those that may be kept, or are nobody's."""
    if name == _PATIENTS:
        return _asked_for_of_patients(heads, sorter)
    if name == ORDER_TYPE:
        return range(len(heads))
    named = [head.subject or head.patient for head in heads]
    references = [one.reference for one in named if one is not None and one.reference]
    return sorter.wanted.among(references) if len(references) == len(heads) else range(len(heads))


def _asked_for_of_patients(heads: Sequence[Head], sorter: _Sorter) -> Sequence[int]:
    """As `_asked_for`; of the others it is noted that they exist."""
    ids = plain_ids([head.about or "" for head in heads])
    if ids is None:
        return range(len(heads))
    kept = [place for place, owner in enumerate(ids) if sorter.wanted.holds(owner)]
    sorter.note([owner for owner in ids if not sorter.wanted.holds(owner)])
    return kept


def _place(head: Head, line: Line, sorter: _Sorter) -> bool:
    """Put one line in its place; False where it is nobody's."""
    reference, route = head.about, ROUTES[head.resource_type]
    place = sorter.place(reference)
    if place is None:
        return False
    if place is not _NOT_KEPT:
        sorter.add(place, route, line)
    elif route is _ORDER:
        sorter.keep(reference, route, line)
    elif route is _PATIENT:
        sorter.keep(reference, route, b"\n")  # that there is somebody
    return True


def _note_broken(broken: Broken, line: Line, number: int, sorter: _Sorter) -> None:
    """List a broken line, and leave an empty one with its patient, whose data of this kind are not complete then."""
    if not line.strip():
        return
    done = sorter.written
    sorter.note_bad(number, broken.reason)
    route, place = ROUTES.get(broken.resource_type or ""), sorter.place(f"Patient/{broken.owner}")
    if broken.owner is None or route is None or place is None:
        done.ownerless += 1
    elif broken.resource_type != ORDER_TYPE and place is not _NOT_KEPT:
        sorter.add(place, route, b"\n")


def _note_ownerless(head: Head, line: Line, number: int, sorter: _Sorter) -> None:
    """A resource of nobody; one about a group, a device or a place is none of ours."""
    if head.resource_type in OF_NOBODY:
        sorter.shared.append(line)
        sorter.held += len(line)
        return
    done = sorter.written
    if head.resource_type == ORDER_TYPE:
        done.no_patient += 1
    if head.resource_type != "Encounter" and not _is_about_another(head.about):
        sorter.note_bad(number, "names no patient")
        done.ownerless += 1


def _is_about_another(reference: str | None) -> bool:
    """Whether it says that it is about somebody or something else than a patient."""
    kind = local_reference(reference or "").rpartition("/")[0]
    return kind in _OTHER_SUBJECTS


def read_done(run: Path, number: int) -> SplitDone | None:
    """What a split held; None where it is not done, or was by another release."""
    try:
        return msgspec.json.decode(split_done(run, number).read_bytes(), type=SplitDone)
    except (FileNotFoundError, msgspec.ValidationError):
        return None


def read_bad_lines(run: Path, number: int, done: SplitDone) -> Iterator[BadLine]:
    """The bad lines of a split that is done."""
    for part in range(done.bad_files):
        with _bad(run / WORK, number, part).open("rb") as lines:
            yield from (msgspec.json.decode(line, type=BadLine) for line in lines)


def shared_files(run: Path, shared: Sequence[int]) -> list[Path]:
    """The files of what is nobody's; `shared` is the number of them of each split."""
    return [_shared(run / WORK, number, part) for number, count in enumerate(shared) for part in range(count)]
