"""The lines of a part of a file, in blocks: each line belongs to the part that it begins in, however long it is."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from gzip import BadGzipFile
from io import BufferedIOBase, BytesIO, RawIOBase
from pathlib import Path

from cds_service.population.export import open_lines

BLOCK = 1 << 16
"""Small enough for the nearest caches: a line is decoded while it is still there."""
LONGEST = 32 << 20
"""Bytes of the longest line that is read: a worker has memory for a few of these."""
LONGEST_RESOURCE = 4 << 20
"""Bytes of the longest resource that is judged: what is made of a result with very many components takes far more."""
_KEPT = 1 << 16
BOM = b"\xef\xbb\xbf"
_BEGINS = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"resourceType"\s*:\s*("[A-Za-z]{1,64}")')
_BROKEN_FILE = (EOFError, BadGzipFile, zlib.error)

Line = bytes | bytearray


class TooLong(bytes):
    """The beginning of a line that is longer than `LONGEST`, and bytes that no reader takes."""


class CutShort(Exception):
    """A compressed file ends early or is damaged; what came before counts, what comes after is not known."""


def read_blocks(path: Path, start: int, end: int | None) -> Iterator[list[Line]]:
    """The lines that begin in a part of a file, each with a newline at its end, the last one too.

    A line that is longer than a block is the first one of its list.

    Args:
        path: the file.
        start: byte at which the part begins; the line that this byte is in the middle of belongs to the part before.
        end: byte after the part; None for the whole of a compressed file.

    Raises:
        CutShort: after the last line that could be read.
    """
    rest: Line = b""
    try:
        for chunk in _chunks(path, start, end):
            lines: list[Line] = [*BytesIO(chunk).readlines()]
            if rest:
                lines[0] = _longer(rest, lines[0])
            rest = b"" if chunk.endswith(b"\n") else lines.pop()
            if lines:
                yield lines
    except CutShort:
        if rest:
            yield [_longer(rest, b"\n")]
        raise
    if rest:
        yield [_longer(rest, b"\n")]


def _longer(line: Line, more: Line) -> Line:
    """A line with what comes after it: in place where it is long, and of one that is too long the beginning."""
    if isinstance(line, TooLong):
        return line
    if len(line) + len(more) > LONGEST:
        return TooLong(line[:_KEPT] + b"\xff\n")
    if len(line) > BLOCK and isinstance(line, bytes):
        line = bytearray(line)
    line += more
    return line


def _chunks(path: Path, start: int, end: int | None) -> Iterator[bytes]:
    """A part of a file, from where its first line begins to where its last one ends."""
    stop = sys.maxsize if end is None else end
    with open_lines(path, packed=end is None) as file:
        place = _first_line(file, start, stop) if start else 0
        if place >= stop:
            return
        if start:
            file.seek(place)
        while chunk := _read(file):
            last = chunk.find(b"\n", max(stop - 1 - place, 0)) if place + len(chunk) >= stop else -1
            if last >= 0:
                yield chunk[: last + 1]
                return
            yield chunk
            place += len(chunk)


def _first_line(file: BufferedIOBase | RawIOBase, start: int, stop: int) -> int:
    """Where the first line of a part begins; at `stop` or later if none does."""
    place = file.seek(start - 1)
    while place < stop and (chunk := _read(file)):
        newline = chunk.find(b"\n")
        if newline >= 0:
            return place + newline + 1
        place += len(chunk)
    return max(place, stop)


def _read(file: BufferedIOBase | RawIOBase) -> bytes:
    """Some bytes; of a damaged file all that come before the damage."""
    try:
        return (file.read1(BLOCK) if isinstance(file, BufferedIOBase) else file.read(BLOCK)) or b""
    except _BROKEN_FILE as error:
        raise CutShort from error


def find_lines(path: Path, start: int, end: int | None, named: bytes) -> Iterator[Line]:
    """The lines that begin in a part of a file and hold the name of a resource type.

    Nothing is found, and little is read, where the lines at some places all are of one other type: a file of an export
    holds one type.
    Source: FHIR Bulk Data Access 2.0, Output File: one resource type each.

    Args:
        path: the file.
        start: as of `read_blocks`.
        end: as of `read_blocks`.
        named: the type in quotes.
    """
    try:
        if _is_of_another_type(path, start, end, named):
            return
        for block in read_blocks(path, start, end):
            yield from (line for line in block if named in line)
    except CutShort:
        return  # what comes after the damage is nowhere


def _is_of_another_type(path: Path, start: int, end: int | None, named: bytes) -> bool:
    """Whether the lines at the beginning, in the middle and at the end say first that they are of one other type."""
    places = {start} if end is None else {start, (start + end) // 2, max(start, end - BLOCK)}
    lines = [line for place in places for line in next(read_blocks(path, place, end), []) if line.strip()]
    types = {begins[1] if (begins := _BEGINS.match(line)) else named for line in lines}
    return len(types) == 1 and named not in types
