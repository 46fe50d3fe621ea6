"""The lines of a file in parts: each line belongs to one part, wherever the parts begin."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.population import lines
from cds_service.population.lines import find_lines, read_blocks

NAMED = b"NN"
TEXTS = st.lists(st.text("aN", max_size=12).map(str.encode), max_size=8)


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    """Chunks that cut most lines, as long lines do where they are large."""
    patch = pytest.MonkeyPatch()
    patch.setattr(lines, "_CHUNK", 5)
    yield
    patch.undo()


@given(TEXTS, st.booleans(), st.lists(st.floats(0, 1), max_size=4))
def test_every_line_is_in_one_part(texts: list[bytes], ended: bool, shares: list[float]) -> None:
    """However a file is cut, its parts together hold each line once, in order; so do the lines with some bytes."""
    content = b"\n".join(texts) + (b"\n" if ended and texts else b"")
    cuts = sorted({0, len(content), *(int(share * len(content)) for share in shares)})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lines.ndjson"
        path.write_bytes(content)
        read, found = b"", []
        for start, end in pairwise(cuts):
            read += b"".join(line for block in read_blocks(path, start, end) for line in block)
            found += find_lines(path, start, end, NAMED)
    assert read.rstrip(b"\n") == content.rstrip(b"\n")
    assert found == [line for line in content.split(b"\n") if NAMED in line]
