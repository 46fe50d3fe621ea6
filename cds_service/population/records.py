"""The records of the patients of one batch, none larger than a worker has memory for.

What a record holds is read again and again, so it is kept as a whole. Of a large one results are left out that no
question reads: what monitors write each minute is the most of it. One that is still too large is told, and not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

from cds_service.kinds import KINDS
from cds_service.population.lines import UNREADABLE, read_head
from cds_service.population.medications import open_medications
from cds_service.population.servers import server_of
from cds_service.population.spill import ORDERS, TAB
from cds_service.population.versions import name_of

LARGE = 4 << 20
"""Bytes of a record of which results are left out that no question reads."""
LARGEST = 16 << 20
"""Bytes of a record that is judged; with what is made of it, it takes a few times as much memory."""
TOO_LARGE, OF_SEVERAL_SERVERS = "record too large", "patient id of several servers"
_RESULTS = KINDS["observations"].key
_MAY_NAME_A_SERVER = b"/Patient"

Bodies = Mapping[str, Sequence[bytes]]
"""What the export holds of one patient: kind of data -> resources as given, in any order."""
_Record = dict[str, list[bytes]]


class ReadsResults(Protocol):
    """Whoever judges records."""

    def reads_result(self, owner: str, body: bytes) -> bool:
        """Whether an Observation says anything that a question reads, or can't be read."""


def records_of(
    run: Path, lines: Iterable[bytes], owners: Collection[bytes], judges: Sequence[ReadsResults]
) -> Iterator[tuple[bytes, Bodies | None]]:
    """All that lines of a batch say of some patients; None of one whose record is too large.

    Large records come last, one in memory at a time.

    Args:
        run: folder of the run.
        lines: of the batch; gone through once, and again for each large record.
        owners: bare ids of the patients.
        judges: whoever judges the records.
    """
    records: dict[bytes, _Record] = {owner: {} for owner in owners}
    sizes = Counter[bytes]()
    for owner, kind, body in _parts(lines, owners):
        sizes[owner] += len(body)
        if sizes[owner] <= LARGE:
            records[owner].setdefault(kind, []).append(body)
        else:
            records.pop(owner, None)
    with open_medications(run) as medications:
        while records:
            owner, record = records.popitem()
            medications.add_to(record)
            yield owner, record
        for owner in [owner for owner, size in sizes.items() if size > LARGE]:
            large = _what_is_read(lines, owner, judges)
            if large is not None:
                medications.add_to(large)
            yield owner, large


def _what_is_read(lines: Iterable[bytes], owner: bytes, judges: Sequence[ReadsResults]) -> _Record | None:
    """A large record without the results that nothing reads any version of; None where it is still too large."""

    def is_read(body: bytes) -> bool:
        return any(judge.reads_result(owner.decode(), body) for judge in judges)

    read = _names(lines, owner, is_read)
    record, size = _Record(), 0
    for _, kind, body in _parts(lines, {owner}):
        if kind == _RESULTS and hash(name_of(body)) not in read:
            continue
        size += len(body)
        if size > LARGEST:
            return None
        record.setdefault(kind, []).append(body)
    return record


def _names(lines: Iterable[bytes], owner: bytes, is_read: Callable[[bytes], bool]) -> set[int]:
    """Hashes of the names of the results that are read."""
    return {hash(name_of(body)) for _, kind, body in _parts(lines, {owner}) if kind == _RESULTS and is_read(body)}


def _parts(lines: Iterable[bytes], owners: Collection[bytes]) -> Iterator[tuple[bytes, str, bytes]]:
    """Owner, kind and body of the lines of some patients, their orders left out."""
    for line in lines:
        owner = line[: (end := line.index(TAB))]
        if owner in owners:
            begin = line.index(TAB, end + 1)
            if (kind := line[end + 1 : begin].decode()) != ORDERS:
                yield owner, kind, line[begin + 1 : -1]


def why_not_judged(bodies: Bodies | None, orders: Iterable[bytes] = ()) -> str | None:
    """Why a patient's record can't be judged as a whole; None where it can.

    Args:
        bodies: what the export holds of the patient; None where that is too large.
        orders: the patient's.
    """
    if bodies is None:
        return TOO_LARGE
    return OF_SEVERAL_SERVERS if len(_servers_named(chain(orders, *bodies.values()))) > 1 else None


def _servers_named(bodies: Iterable[bytes]) -> set[str]:
    """The servers of the absolute references by which resources say whom they are about."""
    return {server for body in bodies if _MAY_NAME_A_SERVER in body and (server := server_of(_about(body)))}


def _about(body: bytes) -> str:
    try:
        return read_head(body).about or ""
    except UNREADABLE:
        return ""
