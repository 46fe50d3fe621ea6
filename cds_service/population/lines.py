"""The lines of a split: each checked for syntax and asked for its type and patient, nothing else."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from gzip import BadGzipFile
from io import BytesIO
from pathlib import Path

import msgspec

from cds_service.fhir_references import local_reference
from cds_service.population.export import open_lines

BOM = b"\xef\xbb\xbf"
BLOCK = 1 << 17
"""Small enough for the nearest caches: a line is decoded while it is still there."""
_CHUNK = 1 << 19
_BUFFER = 1 << 18
"""Python's own reads 8 kB at a time, which doubles what reading a line costs."""
_OWNER = re.compile(
    rb'"(?:subject|patient)"\s*:\s*\{[^{}]*?"reference"\s*:\s*"(?:[^"]*/)?Patient/([A-Za-z0-9.-]{1,64})"'
)
_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_ID = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9.-]{1,64})"')
_PLAIN = re.compile(r"Patient/([A-Za-z0-9.-]{1,64})")
_SAFE = re.compile(r"[^\s/]{1,128}")
_BROKEN_FILE = (EOFError, BadGzipFile, zlib.error)


class Reference(msgspec.Struct, gc=False):
    """FHIR Reference."""

    reference: str | None = None


class Head(msgspec.Struct, rename="camel", gc=False):
    """What is read of every line."""

    resource_type: str
    id: str | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    effective_date_time: str | None = None
    recorded_date: str | None = None
    authored_on: str | None = None
    performed_date_time: str | None = None

    @property
    def about(self) -> str | None:
        """The reference that says whom it is about; of a Patient its own."""
        if self.resource_type == "Patient":
            return f"Patient/{self.id}" if self.id else None
        named = self.subject or self.patient
        return named.reference if named is not None else None


class _RoughHead(msgspec.Struct, rename="camel"):
    """The same without its dates."""

    resource_type: str
    id: str | None = None
    subject: Reference | None = None
    patient: Reference | None = None


def patient_in(reference: str | None) -> str | None:
    """The bare id of the patient in a reference; None for one that names none."""
    if not reference:
        return None
    if plain := _PLAIN.fullmatch(reference):  # nearly every one
        return plain[1]
    if reference.startswith("urn:uuid:"):
        kind, bare = "Patient", reference.removeprefix("urn:uuid:")
    else:
        kind, _, bare = local_reference(reference).rpartition("/")
    return bare if kind == "Patient" and _SAFE.fullmatch(bare) else None


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that can't be read: why, and whose and of what type it seems to be."""

    reason: str
    owner: str | None = None
    resource_type: str | None = None


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a line that is none raises."""
read_clean_head = msgspec.json.Decoder(Head).decode
"""`read_head` of a line in ASCII whose dates are texts: nearly every one; raises more often."""
_decode_rough = msgspec.json.Decoder(_RoughHead).decode


class CutShort(Exception):
    """A compressed file ends early or is damaged; what came before counts, what comes after is not known."""


def read_blocks(path: Path, start: int, end: int | None) -> Iterator[list[bytes]]:
    """The lines that begin in a part of a file, in blocks; each ends with a newline, the last one too.

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
    with path.open("rb", buffering=_BUFFER) as file:
        if start:
            file.seek(start - 1)
            file.readline()
        place = file.tell()
        while place < end:
            # readlines goes on at exactly its hint, where the next part begins; and 0 would be no hint.
            most = min(BLOCK, end - place - 1)
            lines = file.readlines(most) if most else [file.readline()]
            if not lines or not lines[0]:
                return
            place += sum(map(len, lines))
            if not lines[-1].endswith(b"\n"):
                lines[-1] += b"\n"
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
            lines = BytesIO(rest + chunk).readlines()
            rest = lines.pop() if chunk and lines and not lines[-1].endswith(b"\n") else b""
            if not chunk:
                break
            if lines:
                yield lines
    if lines:
        yield [line if line.endswith(b"\n") else line + b"\n" for line in lines]
    if damage is not None:
        raise CutShort from damage


def find_lines(path: Path, start: int, end: int | None, named: bytes) -> Iterator[bytes]:
    """The lines that begin in a part of a file and hold some bytes, without looking at the others.

    Of a compressed file nothing is found where its first lines all are of one type and none holds the bytes: a file of
    an export holds one type, and to decompress it costs as much as to read it.
    Source: FHIR Bulk Data Access 2.0, Output File: one resource type each.

    Args:
        path: the file.
        start: as of `read_blocks`.
        end: as of `read_blocks`.
        named: the bytes.
    """
    if end is None:
        yield from _find_in_whole(path, named)
        return
    with path.open("rb", buffering=0) as file:
        file.seek(max(start - 1, 0))
        rest, begins = file.read(_CHUNK), max(start - 1, 0)
        if start:
            cut = rest.find(b"\n") + 1
            while not cut:  # in the middle of a very long line
                begins += len(rest)
                if not (rest := file.read(_CHUNK)):
                    return
                cut = rest.find(b"\n") + 1
            rest, begins = rest[cut:], begins + cut
        while begins < end:
            more = file.read(_CHUNK)
            held = rest + more
            whole = held.rfind(b"\n") + 1 if more else len(held)
            yield from _found_in(held, whole, named, end - begins)
            if not more:
                return
            rest, begins = held[whole:], begins + whole


def _found_in(held: bytes, whole: int, named: bytes, before: int) -> Iterator[bytes]:
    """The lines of a text that hold some bytes; those that begin in its first so many bytes."""
    place = held.find(named, 0, whole)
    while place >= 0:
        begin = held.rfind(b"\n", 0, place) + 1
        if begin >= before:
            return
        after = held.find(b"\n", place)
        after = whole if after < 0 else after
        yield held[begin:after]
        place = held.find(named, after, whole)


def _find_in_whole(path: Path, named: bytes) -> Iterator[bytes]:
    try:
        for number, lines in enumerate(_blocks_of_whole(path)):
            found = [line for line in lines if named in line]
            if number == 0 and not found and len({kind[1] for line in lines if (kind := _TYPE.search(line))}) == 1:
                return
            yield from found
    except CutShort:
        return  # what comes after the damage is nowhere


def read_head(line: bytes) -> Head:
    """The head of a line.

    Raises:
        UNREADABLE: see `why_broken`.
    """
    if not line.isascii():
        line.decode()
    try:
        return read_clean_head(line)
    except msgspec.ValidationError:
        rough = _decode_rough(line)  # a date of the wrong type is for its reader to refuse, and no bad line
        return Head(rough.resource_type, rough.id, rough.subject, rough.patient)


def why_broken(line: bytes, error: Exception) -> Broken:
    """Why a line has no head, and what it still says of itself.

    So its patient is not taken for one without such data.
    """
    kind, owner = _TYPE.search(line), _OWNER.search(line)
    if owner is None and kind is not None and kind[1] == b"Patient":
        owner = _ID.search(line)
    return Broken(_reason(error), owner[1].decode() if owner else None, kind[1].decode() if kind else None)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return "no FHIR resource" if isinstance(error, msgspec.ValidationError) else "not JSON"
