"""`cds-service package`: output, files and exit codes."""

from __future__ import annotations

from pathlib import Path

from cds_service.publishing.archive import archive


def test_the_committed_package_is_up_to_date(run) -> None:
    """`package build --check` prints nothing and ends with 0 if nothing differs."""
    ran = run("package", "build", "--check")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_pack_writes_the_archive_and_says_where(run, tmp_path: Path) -> None:
    """`package pack` prints the path of the archive, and creates its folder if needed."""
    ran = run("package", "pack", "--out", tmp_path / "new")
    path = Path(ran.out.strip())
    assert (ran.code, path.parent) == (0, tmp_path / "new")
    assert path.read_bytes() == archive()


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path: Path) -> None:
    """If the archive can't be written, the command ends with 2 and says what to do."""
    (tmp_path / "file").write_text("x")
    ran = run("package", "pack", "--out", tmp_path / "file")
    assert ran.code == 2
    assert "give another folder with --out" in ran.err
