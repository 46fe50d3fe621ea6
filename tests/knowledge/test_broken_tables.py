"""Every mistake that an author of tables can make, one a file in `tests/broken_tables/`, with its message.

A file holds a sentence (`says`), the file concerned with what is written instead (`replace`, `with`, or `write` for a
new file), and the lines that must come (`expects`). Each line says file, row, problem and remedy.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import TableError
from cds_service.knowledge.load import load_knowledge
from tests.support.tables import a_copy, load_copy, put

GALLERY = {
    path.stem: tomllib.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[1] / "broken_tables").glob("*.toml"))
}


def _broken(folder: Path, mistake: dict[str, Any]) -> list[str]:
    a_copy(folder)
    path = folder / mistake["file"]
    text = mistake.get("write")
    if text is None:
        shipped = path.read_text("utf-8")
        assert mistake["replace"] in shipped, "the shipped file no longer holds the text to replace"
        text = shipped.replace(mistake["replace"], mistake["with"], 1)
    put(path, text)
    with pytest.raises(TableError) as caught:
        load_copy(folder)
    return caught.value.problems


@pytest.mark.parametrize("name", GALLERY)
def test_a_mistake_is_named_with_its_remedy(name: str, tmp_path: Path) -> None:
    """The message of a mistake names file, row, problem and remedy, and nothing else is complained of."""
    assert _broken(tmp_path, GALLERY[name]) == GALLERY[name]["expects"]


def test_the_copies_are_right_without_a_mistake(tmp_path: Path) -> None:
    """An unchanged copy of the tables loads as the shipped ones do."""
    assert load_copy(a_copy(tmp_path)).version == load_knowledge().version


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
    with pytest.raises(TableError, match=r"^thresholds\.toml: can't be read"):
        load_copy(tmp_path)
