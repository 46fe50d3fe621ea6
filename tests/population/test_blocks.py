"""The lines of a file in parts: each line belongs to one part, wherever the parts begin and however long it is."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.population import blocks
from cds_service.population.blocks import CutShort, TooLong, find_lines, read_blocks

NAMED = b"NN"
TEXTS = st.lists(st.text("aN", max_size=12).map(str.encode), max_size=8)
SHARES = st.lists(st.floats(0, 1), max_size=4)


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    """Blocks that cut most lines, as long lines do where they are large."""
    patch = pytest.MonkeyPatch()
    patch.setattr(blocks, "BLOCK", 5)
    yield
    patch.undo()


@given(TEXTS, st.booleans(), SHARES)
def test_every_line_is_in_one_part(texts: list[bytes], ended: bool, shares: list[float]) -> None:
    """However a file is cut, its parts together hold each line once, in order; so do the lines with some bytes."""
    content = b"\n".join(texts) + (b"\n" if ended and texts else b"")
    cuts = sorted({0, len(content), *(int(share * len(content)) for share in shares)})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lines.ndjson"
        path.write_bytes(content)
        read, found = [], []
        for start, end in pairwise(cuts):
            read += [bytes(line) for block in read_blocks(path, start, end) for line in block]
            found += find_lines(path, start, end, NAMED)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in read)
    assert b"".join(read).rstrip(b"\n") == content.rstrip(b"\n")
    assert found == [line + b"\n" for line in content.split(b"\n") if NAMED in line]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), SHARES)
def test_a_line_that_is_too_long_is_one_bad_line(lengths: list[int], shares: list[float]) -> None:
    """Of a line above the limit its beginning is kept, in the part that it begins in; others are read as they are."""
    content = b"".join(b"a" * length + b"\n" for length in lengths)
    cuts = sorted({0, len(content), *(int(share * len(content)) for share in shares)})
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "LONGEST", 30)
        path = Path(folder) / "lines.ndjson"
        path.write_bytes(content)
        parts = [read_blocks(path, start, end) for start, end in pairwise(cuts)]
        read = [line for part in parts for block in part for line in block]
    assert [isinstance(line, TooLong) for line in read] == [length + 1 > 30 for length in lengths]
    assert [len(line) for line in read if not isinstance(line, TooLong)] == [n + 1 for n in lengths if n + 1 <= 30]


@pytest.mark.parametrize("lost", [1, 8, 200])
def test_what_comes_before_a_damage_is_read(lost: int, tmp_path: Path) -> None:
    """Every line of a compressed file that can be decompressed counts; then it is said that more may be missing."""
    lines = [b"%d\n" % (number * 7919) for number in range(1000)]
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"".join(lines))[:-lost])
    read: list[bytes] = []

    def gather() -> None:
        for block in read_blocks(tmp_path / "a.gz", 0, None):
            read.extend(map(bytes, block))

    with pytest.raises(CutShort):
        gather()
    assert read[:-1] == lines[: len(read) - 1]
    assert len(read) == len(lines) if lost <= 8 else len(read) > 500
