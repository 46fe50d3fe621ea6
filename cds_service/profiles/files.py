"""Reads resources from files, folders and standard input, one at a time: one per JSON file, one per line of NDJSON."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from cds_service.errors import SetupError

STANDARD_INPUT = Path("-")
_LINES = {".ndjson", ".jsonl"}
_ENDINGS = {".json", *_LINES}
_GZIP = ".gz"
_BESIDE = {
    "the manifest of a Bulk Data export": {"transactionTime", "output"},
    "the manifest of a FHIR package": {"name", "version", "fhirVersions"},
    "the index of a FHIR package": {"index-version", "files"},
    "a description in OpenAPI": {"openapi", "info"},
}
"""JSON files that lie beside resources and are none -> their required members.

Source: Bulk Data Access 2.0.0, Output Manifest; FHIR NPM Packages, package.json, .index.json and folder openapi.
"""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# How a line ends that is no JSON value yet.
_OPEN = (b"{", b"[", b",")


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of one resource and their location; `line` counts from 1, None in a JSON file.

    `problem` says why the file can't be read; the content is then empty. `beside` says what the file is, if it is none
    of the resources but describes them.
    """

    path: Path
    line: int | None
    content: bytes
    problem: str | None = None
    beside: str | None = None

    @property
    def name(self) -> str:
        """`FILE`, or `FILE:LINE`."""
        name = "standard input" if self.path == STANDARD_INPUT else str(self.path)
        return name if self.line is None else f"{name}:{self.line}"


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files of the paths: a file itself, or all below a folder with the name of a resource file.

    A link to nothing is among them: it is reported when it is read.

    Raises:
        SetupError: a path does not exist, or no file was found.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(one for one in path.rglob("*") if _ending(one) in _ENDINGS and not one.is_dir())
        elif path == STANDARD_INPUT or path.exists():
            found.append(path)
        elif path.is_symlink():
            raise SetupError(f"{path}: is a link to {path.readlink()}, which does not exist; correct the link")
        else:
            raise SetupError(f"{path}: there is no such file or folder; correct the path")
    if not found:
        raise SetupError(
            f"{', '.join(map(str, paths))}: holds no .json, .ndjson or .jsonl file, plain or with .gz; "
            "name a file or another folder"
        )
    return found


def size_of(path: Path) -> int:
    """The bytes of a file as stored; 0 for standard input and for what can't be read."""
    try:
        return 0 if path == STANDARD_INPUT else path.stat().st_size
    except OSError:
        return 0


def resources_in(files: Sequence[Path]) -> Iterator[Source]:
    """Every resource, in order; a file that can't be read gives one with a problem. NDJSON may have empty lines."""
    for path in files:
        try:
            yield from _standard_input() if path == STANDARD_INPUT else _resources(path)
        except (OSError, EOFError, zlib.error) as error:
            yield Source(path, None, b"", _problem(path, error))


def _problem(path: Path, error: Exception) -> str:
    if path.is_symlink() and not path.exists():
        return f"is a link to {path.readlink()}, which does not exist: correct the link"
    if isinstance(error, OSError) and error.strerror:
        return f"can't be read ({error.strerror}): check its permissions"
    return f"is not a whole gzip file ({error}): copy it again"


def _ending(path: Path) -> str:
    """The ending that says how a file is read, in lower case: .json for a.JSON and a.json.gz."""
    name = path.with_suffix("") if path.suffix.lower() == _GZIP else path
    return name.suffix.lower()


def _resources(path: Path) -> Iterator[Source]:
    with gzip.open(path) if path.suffix.lower() == _GZIP else path.open("rb") as file:
        if _ending(path) in _LINES:
            yield from _lines(path, file)
        else:
            content = file.read()
            yield Source(path, None, content, beside=_beside(content))


def _beside(content: bytes) -> str | None:
    """What a file beside resources is; None for a resource and for anything else."""
    likely = (what for what, members in _BESIDE.items() if all(b'"%s"' % name.encode() in content for name in members))
    if (what := next(likely, None)) is None:
        return None
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return what if isinstance(value, dict) and "resourceType" not in value and value.keys() >= _BESIDE[what] else None


def _standard_input() -> Iterator[Source]:
    """NDJSON if its first line is a whole JSON value and there are more, else one resource; plain or compressed."""
    content = sys.stdin.buffer.read()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    first, _, rest = content.lstrip().partition(b"\n")
    if rest.strip() and _is_json(first):
        yield from _lines(STANDARD_INPUT, content.splitlines(keepends=True))
    else:
        yield Source(STANDARD_INPUT, None, content)


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _lines(path: Path, lines: Iterable[bytes]) -> Iterator[Source]:
    """A resource a line; the file as a whole where its first line shows that it has another form."""
    following = iter(lines)
    first = next(following, b"")
    if first.startswith(_UTF_16):
        yield Source(path, None, first)
        return
    if first.rstrip().endswith(_OPEN):
        rest = list(following)
        if _is_json(b"".join([first, *rest])):
            yield Source(path, None, b"", "is one JSON value over several lines: name it .json")
            return
        following = iter(rest)
    for number, line in enumerate(chain([first], following), start=1):
        if line.strip():
            yield Source(path, number, line)
