"""The look ahead: whose records are needed, known from the orders before anything is sorted.

Most patients of an export have no order that the tables know. Nothing of theirs is written again but that they exist.
Few patients are listed by name. Many are marked by a hash in a table of at most 8 MB, so memory does not grow with
their number; one who is marked by mistake costs a little and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec.structs import replace

from cds_service.clinical_data.retrieved import RawResource
from cds_service.facts.orders import read_order
from cds_service.facts.resources import Unreadable
from cds_service.findings.chart import empty_chart
from cds_service.findings.recognition import Recognized, recognize
from cds_service.kinds import KINDS
from cds_service.knowledge.tables import Knowledge
from cds_service.population.blocks import BOM, find_lines
from cds_service.population.files import write_whole
from cds_service.population.lines import UNREADABLE, are_plain, patient_in, plain_ids, read_head
from cds_service.population.plan import WORK, Plan

_ORDER = KINDS["orders"].resource_type
_NAMED = f'"{_ORDER}"'.encode()
_SMALLEST, _LARGEST = 1 << 16, 1 << 23
_FREE = 32
"""Places of the table for each mark: few enough for the caches, while one patient in 32 is marked by mistake."""
_FEW = 30_000
"""Patients that are listed by name, in less memory than the table may have."""


class SeenAhead(msgspec.Struct):
    """What the look ahead saw of one split: how many orders, and the bare ids of patients whose record they need."""

    orders: int
    owners: list[str]


class _Kept(msgspec.Struct):
    """Whose records are kept, as a file: names, or where there are more a table; neither for everybody."""

    names: list[str] = []
    table: bytes = b""
    everybody: bool = False


class Wanted:
    """Whose records are kept."""

    def __init__(self, names: Iterable[str] = (), table: bytes = b"", *, everybody: bool = False) -> None:
        """Keep some, or everybody.

        Args:
            names: their bare ids.
            table: of more patients than are listed by name: a power of two of bytes, as of `gather_wanted`.
            everybody: whether all records are kept.
        """
        self.everybody = everybody
        self._names = frozenset(name.encode() for name in names)
        self._references = frozenset(f"Patient/{name}" for name in names)
        self._table, self._mask = table, len(table) - 1

    def holds(self, owner: bytes) -> bool:
        """Whether a patient's record is kept; `owner` is the bare id."""
        if self._table:
            return bool(self._table[crc32(owner) & self._mask])
        return self.everybody or owner in self._names

    def among(self, references: Sequence[str]) -> Sequence[int]:
        """The places of the references that may name a patient whose record is kept; of nearly all it is sure.

        It is asked of every line, so it does for many at once what `holds` does for one.
        """
        names, table, mask = self._references, self._table, self._mask
        if self.everybody:
            return range(len(references))
        if not table and are_plain(references):
            return [place for place, reference in enumerate(references) if reference in names]
        if (ids := plain_ids(references)) is None:
            return range(len(references))
        if not table:
            return [place for place, owner in enumerate(ids) if owner in self._names]
        return [place for place, number in enumerate(map(crc32, ids)) if table[number & mask]]


def look_ahead(run: Path, plan: Plan, number: int, tables: Sequence[Knowledge]) -> None:
    """Look for the orders of one split, and write who needs to be kept.

    Args:
        run: folder of the run.
        plan: of the run.
        number: of the split.
        tables: of the site, and of the one compared with; each remembers the texts of orders.
    """
    split, owners, orders = plan.splits[number], set[str](), 0
    for line in find_lines(Path(plan.inputs[split.input].path), split.start, split.end, _NAMED):
        body = bytes(line).removeprefix(BOM)
        try:
            head = read_head(body)
        except UNREADABLE:
            continue
        if head.resource_type != _ORDER:
            continue
        orders += 1
        owner = patient_in(head.about)
        if owner is not None and _may_be_known(body, plan, tables):
            owners.add(owner)
    write_whole(_seen_file(run, number), msgspec.json.encode(SeenAhead(orders, sorted(owners))))


def _may_be_known(body: bytes, plan: Plan, tables: Sequence[Knowledge]) -> bool:
    """Whether an order is one of the tables'; the record decides which one it is, never whether."""
    try:
        order = read_order(RawResource("", _ORDER, body), {}, plan.choices.timezone)
    except Unreadable:
        return False  # and so it will be when it is judged
    order = replace(order, forbids=False)  # one that was revoked was live when it was written
    return any(isinstance(recognize(order, empty_chart(one), one), Recognized) for one in tables)


def _seen_file(run: Path, number: int) -> Path:
    return run / WORK / f"split-{number:06}.ahead"


def read_seen(run: Path, number: int) -> SeenAhead | None:
    """What was seen ahead of one split; None where nobody has looked yet, or another release did."""
    try:
        return msgspec.json.decode(_seen_file(run, number).read_bytes(), type=SeenAhead)
    except (FileNotFoundError, msgspec.ValidationError):
        return None


def wanted_file(run: Path) -> Path:
    """Where it stands whose records are kept."""
    return run / WORK / "wanted.msgpack"


def read_wanted(run: Path) -> Wanted:
    """As written by `gather_wanted` or `want_everybody`."""
    kept = msgspec.msgpack.decode(wanted_file(run).read_bytes(), type=_Kept)
    return Wanted(kept.names, kept.table, everybody=kept.everybody)


def gather_wanted(run: Path, plan: Plan) -> None:
    """Put together what was seen of all splits; what is there already stays."""
    if wanted_file(run).exists():
        return
    count = sum(1 for _ in _owners(run, plan))
    kept = _Kept(names=sorted({*_owners(run, plan)})) if count <= _FEW else _Kept(table=_table(run, plan, count))
    write_whole(wanted_file(run), msgspec.msgpack.encode(kept))


def _table(run: Path, plan: Plan, count: int) -> bytes:
    size, enough = _SMALLEST, min(_LARGEST, _FREE * count)
    while size < enough:
        size *= 2
    table = bytearray(size)
    for owner in _owners(run, plan):
        table[crc32(owner.encode()) & size - 1] = 1
    return bytes(table)


def want_everybody(run: Path) -> None:
    """Keep all records."""
    write_whole(wanted_file(run), msgspec.msgpack.encode(_Kept(everybody=True)))


def _owners(run: Path, plan: Plan) -> Iterator[str]:
    for number in range(len(plan.splits)):
        yield from _seen(run, number).owners


def missed(run: Path, orders: Iterable[int]) -> bool:
    """Whether there were more orders, by split, than were seen ahead: in a file that seemed to hold none."""
    if read_wanted(run).everybody:
        return False
    return any(found > _seen(run, number).orders for number, found in enumerate(orders))


def _seen(run: Path, number: int) -> SeenAhead:
    seen = read_seen(run, number)
    if seen is None:
        raise FileNotFoundError(_seen_file(run, number))
    return seen
