"""Reads resources from files and folders, one at a time: one per JSON file, one per line of NDJSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cds_service.errors import SetupError

_ENDINGS = {".json", ".ndjson"}


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of one resource and their location; `line` counts from 1, None in a JSON file."""

    path: Path
    line: int | None
    content: bytes

    @property
    def name(self) -> str:
        """`FILE`, or `FILE:LINE`."""
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files of the paths: a file itself, or all .json and .ndjson files below a folder.

    Raises:
        SetupError: a path does not exist, or no file was found.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise SetupError(f"{path}: there is no such file or folder; correct the path")
        found += sorted(one for one in path.rglob("*") if one.suffix in _ENDINGS) if path.is_dir() else [path]
    if not found:
        raise SetupError(f"{', '.join(map(str, paths))}: holds no .json or .ndjson file; name a file or another folder")
    return found


def resources_in(files: Sequence[Path]) -> Iterator[Source]:
    """Every resource, in order; empty lines of NDJSON are skipped.

    Raises:
        SetupError: a file can't be read.
    """
    for path in files:
        try:
            if path.suffix != ".ndjson":
                yield Source(path, None, path.read_bytes())
                continue
            with path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield Source(path, number, line)
        except OSError as error:
            raise SetupError(f"{path}: can't be read ({error.strerror}); check its permissions") from None
