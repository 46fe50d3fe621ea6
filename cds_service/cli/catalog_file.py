"""Reads a hospital's order catalog from CSV, one order at a time: its columns are found by their headings."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from cds_service.errors import SetupError

_DELIMITERS = ",;\t|"
_TEXT = (
    "text",
    "name",
    "order name",
    "procedure name",
    "description",
    "long description",
    "display",
    "title",
    "procedure",
)
_CODE = ("code", "order code", "procedure code", "local code", "id", "order id", "item", "charge code", "number")
_SYSTEM = ("system", "code system", "codesystem")
_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_MAX_FIELD = 1_000_000


@dataclass(frozen=True, slots=True)
class CatalogOrder:
    """One order of the catalog; `line` is its line in the file. `code` and `system` are empty where it has none."""

    line: int
    code: str
    text: str
    system: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The headings of the columns to read; None for those to be found."""

    text: str | None = None
    code: str | None = None
    system: str | None = None


def read_catalog(path: Path, columns: Columns, encoding: str | None = None) -> Iterator[CatalogOrder]:
    """Every order of the file, in its order; lines without a word are left out.

    Args:
        path: a CSV file with headings; commas, semicolons, tabs or bars between its columns.
        columns: headings given by the user.
        encoding: of the file; None for UTF-8, or what its byte order mark says.

    Raises:
        SetupError: the file can't be read as such a table.
    """
    csv.field_size_limit(_MAX_FIELD)
    try:
        with path.open(encoding=encoding or _encoding(path), newline="") as file:
            yield from _orders(file, path, columns)
    except OSError as error:
        raise SetupError(f"{path}: can't be read ({error.strerror}); correct the path") from None
    except LookupError:
        raise SetupError(f"{encoding} is no encoding; write one like utf-8 or latin-1") from None
    except UnicodeError:
        wrong = encoding or "UTF-8"
        raise SetupError(f"{path}: is not {wrong}; save it as UTF-8, or give --encoding, such as latin-1") from None


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in _ENCODINGS.items() if start.startswith(mark)), "utf-8")


def _orders(file: TextIO, path: Path, columns: Columns) -> Iterator[CatalogOrder]:
    first = file.readline()
    file.seek(0)
    reader = csv.reader(file, delimiter=max(_DELIMITERS, key=first.count))
    try:
        headings = [heading.strip() for heading in next(reader, [])]
        text = _place(headings, columns.text, _TEXT)
        if text is None:
            found = ", ".join(filter(None, headings)) or "none"
            raise SetupError(
                f"{path}: has no column with the names of orders (found: {found}); give --text-column NAME"
            )
        code, system = _place(headings, columns.code, _CODE), _place(headings, columns.system, _SYSTEM)
        for row in reader:
            order = CatalogOrder(reader.line_num, _cell(row, code), _cell(row, text), _cell(row, system))
            if order.text or order.code:
                yield order
    except csv.Error as error:
        raise SetupError(f"{path}, line {reader.line_num}: is not CSV ({error}); correct that line") from None


def _place(headings: Sequence[str], given: str | None, usual: Sequence[str]) -> int | None:
    """Where a column is; a heading that the user gave must be there."""
    lower = [heading.lower().replace("_", " ") for heading in headings]
    if given is not None:
        if given.lower().replace("_", " ") not in lower:
            raise SetupError(f'there is no column "{given}"; the columns are {", ".join(headings)}')
        return lower.index(given.lower().replace("_", " "))
    return next((lower.index(name) for name in usual if name in lower), None)


def _cell(row: Sequence[str], place: int | None) -> str:
    return row[place].strip() if place is not None and place < len(row) else ""
