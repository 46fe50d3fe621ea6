"""`cds-service package`: what it prints, writes and ends with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shipped import shipped_archive, shipped_files


@pytest.mark.slow
def test_build_writes_a_folder_to_look_at(run, tmp_path: Path) -> None:
    """The folder that is printed holds the whole package, every file as it is published."""
    ran = run("package", "build", "--out", tmp_path / "new")
    assert (ran.code, ran.out.strip()) == (0, str(tmp_path / "new"))
    written = {path.relative_to(tmp_path / "new").as_posix(): path for path in (tmp_path / "new").rglob("*.json")}
    assert {name: path.read_text("utf-8") for name, path in written.items()} == shipped_files()


def test_build_spares_a_folder_of_something_else(run, tmp_path: Path) -> None:
    """A folder that holds other files is named and left as it was, and the command ends with 2."""
    (tmp_path / "notes.txt").write_text("mine")
    ran = run("package", "build", "--out", tmp_path)
    assert ran.code == 2
    assert "name another folder with --out" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.slow
def test_pack_writes_the_archive_and_says_where(run, tmp_path: Path) -> None:
    """The path that is printed is the archive, in a folder that is made if need be."""
    ran = run("package", "pack", "--out", tmp_path / "new")
    path = Path(ran.out.strip())
    assert (ran.code, path.parent) == (0, tmp_path / "new")
    assert path.read_bytes() == shipped_archive()


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_named(run, tmp_path: Path) -> None:
    """Where the package can't be written, the command ends with 2 and says what to do."""
    (tmp_path / "file").write_text("x")
    for task in ("build", "pack"):
        ran = run("package", task, "--out", tmp_path / "file" / "below")
        assert ran.code == 2
        assert "give another folder with --out" in ran.err
