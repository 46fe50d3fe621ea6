"""The lines of a split: each checked for syntax and asked for its type and patient, nothing else.

A whole block of lines is decoded in one go; only where one of them is broken, line by line.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path

import msgspec

from cds_service.fhir_references import local_reference
from cds_service.population.export import open_lines

BLOCK = 1 << 20
_NONE = msgspec.Raw()
_OWNER = re.compile(
    rb'"(?:subject|patient)"\s*:\s*\{[^{}]*?"reference"\s*:\s*"(?:[^"]*/)?Patient/([A-Za-z0-9.-]{1,64})"'
)
_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_ID = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9.-]{1,64})"')
_SAFE = re.compile(r"[^\s/]{1,128}")
_BROKEN_FILE = (EOFError, BadGzipFile, zlib.error)


class _Reference(msgspec.Struct):
    reference: str | None = None


class Head(msgspec.Struct, rename="camel"):
    """What is read of every line. The dates are raw: one of the wrong type is for its reader to refuse."""

    resource_type: str
    id: str | None = None
    subject: _Reference | None = None
    patient: _Reference | None = None
    effective_date_time: msgspec.Raw = _NONE
    recorded_date: msgspec.Raw = _NONE
    authored_on: msgspec.Raw = _NONE

    @property
    def owner(self) -> str | None:
        """The bare id of the patient; None where the resource names none."""
        if self.resource_type == "Patient":
            return self.id if self.id and _SAFE.fullmatch(self.id) else None
        named = self.subject or self.patient
        reference = named.reference if named is not None else None
        if not reference:
            return None
        if reference.startswith("urn:uuid:"):
            return reference.removeprefix("urn:uuid:")
        kind, _, bare = local_reference(reference).rpartition("/")
        return bare if kind == "Patient" and _SAFE.fullmatch(bare) else None

    @property
    def names_another(self) -> bool:
        """Whether it is about something that is no patient: a group, a device, a place."""
        named = self.subject or self.patient
        return named is not None and bool(named.reference) and "Patient" not in (named.reference or "")


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that can't be read: why, and whose and of what type it seems to be."""

    reason: str
    owner: str | None = None
    resource_type: str | None = None


_head = msgspec.json.Decoder(Head)
_heads = msgspec.json.Decoder(list[Head])


class CutShort(Exception):
    """A compressed file ends early or is damaged; what came before counts, what comes after is not known."""


def read_blocks(path: Path, start: int, end: int | None) -> Iterator[list[bytes]]:
    """The lines that begin in a part of a file, in blocks.

    Args:
        path: the file.
        start: byte at which the part begins; the line that this byte is in the middle of belongs to the part before.
        end: byte after the part; None for the whole file.

    Raises:
        CutShort: after the last block that could be read.
    """
    if end is None:
        yield from _blocks_of_whole(path)
        return
    with path.open("rb") as file:
        if start:
            file.seek(start - 1)
            file.readline()
        place = file.tell()
        while place < end and (lines := file.readlines(min(BLOCK, end - place))):
            place += sum(map(len, lines))
            yield lines


def _blocks_of_whole(path: Path) -> Iterator[list[bytes]]:
    """The lines of a compressed file: by chunks, so that all of them before a damage are read."""
    rest, damage = b"", None
    with open_lines(path) as file:
        while True:
            try:
                chunk = file.read(BLOCK)
            except _BROKEN_FILE as error:
                chunk, damage = b"", error
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                yield lines
            if not chunk:
                break
    if rest:
        yield [rest]
    if damage is not None:
        raise CutShort from damage


def read_heads(lines: Sequence[bytes]) -> list[Head | Broken | None]:
    """The head of each line, why it has none, or None for an empty line."""
    block = b",".join(lines)
    if block.isascii() or _is_text(block):
        try:
            heads = _heads.decode(b"[" + block + b"]")
        except (msgspec.DecodeError, RecursionError):
            heads = []
        if len(heads) == len(lines):
            return list(heads)
    return [_read_head(line.strip()) for line in lines]


def _is_text(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_head(line: bytes) -> Head | Broken | None:
    if not line:
        return None
    if not _is_text(line):
        return _broken(line, "not UTF-8")
    try:
        return _head.decode(line)
    except msgspec.ValidationError:
        return _broken(line, "no FHIR resource")
    except (msgspec.DecodeError, RecursionError):
        return _broken(line, "not JSON")


def _broken(line: bytes, reason: str) -> Broken:
    """What a broken line still says about itself, so that its patient is not taken for one without such data."""
    kind, owner = _TYPE.search(line), _OWNER.search(line)
    if owner is None and kind is not None and kind[1] == b"Patient":
        owner = _ID.search(line)
    return Broken(reason, owner[1].decode() if owner else None, kind[1].decode() if kind else None)
