"""The lines of some buckets, read from all spill files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from cds_service.population.plan import WORK
from cds_service.population.spill import PLACE, spill_file

_FEW = 4 << 20
"""Bytes of lines that are held in memory."""


class BucketLines:
    """The lines of buckets, in no order; each is owner, kind and body with tabs between, ended.

    They can be gone through several times. Few are held in memory; of many each is read anew each time, so that the
    record of one patient may be larger than memory.
    """

    def __init__(self, run: Path, buckets: range, parts: Sequence[int]) -> None:
        """Find them.

        Args:
            run: folder of the run.
            buckets: numbers that follow each other.
            parts: number of spill files of each split.
        """
        files = [spill_file(run / WORK, number, part) for number, count in enumerate(parts) for part in range(count)]
        self._places = [(file, *_place_of(file, buckets)) for file in files]
        self._few: list[bytes] | None = None
        if sum(end - start for _, start, end in self._places) <= _FEW:
            self._few = list(self._read())

    def __iter__(self) -> Iterator[bytes]:
        """Line by line."""
        return self._read() if self._few is None else iter(self._few)

    def _read(self) -> Iterator[bytes]:
        for path, start, end in self._places:
            with path.open("rb") as file:
                file.seek(start)
                while start < end:
                    line = file.readline()
                    start += len(line)
                    yield line


def _place_of(path: Path, buckets: range) -> tuple[int, int]:
    """Where the lines of buckets begin and end in a spill file."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        (end,) = PLACE.unpack(_at(file, size - PLACE.size, PLACE.size))
        first, last = (
            PLACE.unpack(_at(file, end + bucket * PLACE.size, PLACE.size))[0]
            for bucket in (buckets.start, buckets.stop)
        )
        return first, last


def _at(file: IO[bytes], place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)
