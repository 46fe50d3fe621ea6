"""Every mistake that an author of tables can make, one a file in `tests/broken_tables/`, with its message.

A file holds a sentence (`says`), the file concerned with what is written instead (`replace`, `with`, or `write` for a
new file), and the lines that must come (`expects`). Each line says file, row, problem and remedy.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import TableError
from tests.support.shipped import shipped_knowledge
from tests.support.tables import a_copy, load_copy, put

GALLERY = {
    path.stem: tomllib.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[1] / "broken_tables").glob("*.toml"))
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tables that every mistake is made in, and taken back."""
    return a_copy(tmp_path_factory.mktemp("tables"))


@contextmanager
def _made_in(folder: Path, mistake: dict[str, Any]) -> Iterator[None]:
    path = folder / mistake["file"]
    shipped = path.read_text("utf-8") if path.exists() else None
    text = mistake.get("write")
    if text is None:
        assert mistake["replace"] in (shipped or ""), "the shipped file no longer holds the text to replace"
        text = (shipped or "").replace(mistake["replace"], mistake["with"], 1)
    put(path, text)
    try:
        yield
    finally:
        _take_back(folder, path, shipped)


def _take_back(folder: Path, path: Path, shipped: str | None) -> None:
    """What was written over is as it was; a file that was not there is gone, and so is a site folder."""
    if shipped is not None:
        put(path, shipped)
    else:
        path.unlink()
        shutil.rmtree(folder / "site", ignore_errors=True)


@pytest.mark.parametrize("name", GALLERY)
def test_a_mistake_is_named_with_its_remedy(name: str, copy: Path) -> None:
    """The message of a mistake names file, row, problem and remedy, and nothing else is complained of."""
    with _made_in(copy, GALLERY[name]), pytest.raises(TableError) as caught:
        load_copy(copy)
    # A site's file is named by the path that was given.
    assert [line.replace(f"{copy}/site", "site") for line in caught.value.problems] == GALLERY[name]["expects"]


def test_the_copies_are_right_without_a_mistake(tmp_path: Path) -> None:
    """An unchanged copy of the tables loads as the shipped ones do."""
    assert load_copy(a_copy(tmp_path)).version == shipped_knowledge().version


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Two mistakes in two files are two lines, so that an author need not try again and again."""
    a_copy(tmp_path)
    put(tmp_path / "knowledge/release.toml", "release = 5")
    put(tmp_path / "knowledge/spelling.toml", "[spelling]\ntumour = 1")
    with pytest.raises(TableError) as caught:
        load_copy(tmp_path)
    assert [line.partition(":")[0] for line in caught.value.problems] == ["release.toml", "spelling.toml"]


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    """A table that is not there stops the start, and is named."""
    (a_copy(tmp_path) / "knowledge/thresholds.toml").unlink()
    with pytest.raises(TableError, match=r"^thresholds\.toml: can't be opened"):
        load_copy(tmp_path)
