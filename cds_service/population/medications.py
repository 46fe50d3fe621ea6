"""Medications of the export that are nobody's, for the orders that only refer to them.

The one kind of data that is not in a patient's own lines. They are put into a table by reference once, between
partition and judging; where it is cheap to look one up, none has to be kept in memory.
Source: FHIR R4 MedicationRequest.medicationReference, Medication.ingredient.itemReference.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from cds_service.fhir_references import local_reference
from cds_service.population.lines import UNREADABLE, Reference, read_head
from cds_service.population.plan import WORK
from cds_service.population.spill import shared_files

KEY = "medications"
_DEPTH = 3
"""How far references are followed: to the product, to its ingredients, to theirs."""
_OWNER_ONLY = 0o600


class _Item(msgspec.Struct, rename="camel"):
    item_reference: Reference | None = None


class _Refers(msgspec.Struct, rename="camel"):
    """What is read of a medication or its order: what it refers to."""

    medication_reference: Reference | None = None
    ingredient: list[_Item] | None = None


_decode = msgspec.json.Decoder(_Refers).decode


def _file(run: Path) -> Path:
    return run / WORK / "medications.sqlite"


def keep_medications(run: Path, shared: Sequence[int]) -> None:
    """Write the table; none where the export has no such resource. `shared` as of `shared_files`."""
    files = shared_files(run, shared)
    if not files:
        return
    temporary = _file(run).with_suffix(".part")
    temporary.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT, _OWNER_ONLY))
    with closing(sqlite3.connect(temporary)) as table, table:
        table.execute("PRAGMA journal_mode = OFF")  # a crash leaves none, and it is made again
        table.execute("CREATE TABLE medication (reference TEXT NOT NULL, body BLOB NOT NULL)")
        for path in files:
            table.executemany("INSERT INTO medication VALUES (?, ?)", _named(path))
        table.execute("CREATE INDEX by_reference ON medication (reference)")
    temporary.replace(_file(run))


def _named(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as lines:
        for line in lines:
            head = read_head(line)
            if head.id:
                yield f"{head.resource_type}/{head.id}", line.rstrip(b"\n")


class Medications:
    """Looks up what medication orders refer to."""

    def __init__(self, table: sqlite3.Connection | None) -> None:
        """`table`: None where the export has none."""
        self._table = table

    def add_to(self, record: dict[str, list[bytes]]) -> None:
        """Add to what a patient's record holds of medications those that it refers to, each once."""
        table = self._table
        if table is None or KEY not in record:
            return
        known: dict[str, list[bytes]] = {}
        asked = record[KEY]
        for _ in range(_DEPTH):
            new = {reference for body in asked for reference in _references(body)} - known.keys()
            for reference in new:
                found = table.execute("SELECT body FROM medication WHERE reference = ?", (reference,))
                known[reference] = [body for (body,) in found]
            asked = [body for reference in new for body in known[reference]]
        record[KEY] += [body for bodies in known.values() for body in bodies]


def _references(body: bytes) -> Iterable[str]:
    try:
        refers = _decode(body)
    except UNREADABLE:
        return []
    named = [refers.medication_reference, *(item.item_reference for item in refers.ingredient or ())]
    return [local_reference(one.reference) for one in named if one is not None and one.reference]


@contextmanager
def open_medications(run: Path) -> Iterator[Medications]:
    """The table, for one task."""
    if not _file(run).exists():
        yield Medications(None)
        return
    with closing(sqlite3.connect(f"{_file(run).absolute().as_uri()}?immutable=1", uri=True)) as table:
        yield Medications(table)
