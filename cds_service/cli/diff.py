"""What `cds-service diff` does; its options are in `commands/diff.py`."""

from __future__ import annotations

import argparse
import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cds_service.cases import SHIPPED_CASES, Case, case_folders, read_cases
from cds_service.cli.kept_tables import VERSION, kept_knowledge
from cds_service.cli.options import local_now, settings_of
from cds_service.cli.table_diff import Cause, case_differences, row_differences
from cds_service.cli.terminal import counted
from cds_service.errors import SetupError, TableError
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings

SHIPPED = "shipped"


def run(args: argparse.Namespace) -> int:
    """Print what differs; 0 without a difference, 1 with one.

    Raises:
        SetupError: one of them can't be read, or `--cases` names no folder; TableError where tables are wrong.
    """
    if args.cases and not args.cases.is_dir():
        raise SetupError(f"--cases {args.cases}: is no folder; name one of .toml files such as tests/cases")
    settings = settings_of(args)
    now = local_now(settings)
    with site_of(args.old) as old_site, site_of(args.new) as new_site:
        old, new = _load(args.old, old_site, settings), _load(args.new, new_site, settings)
        rows = row_differences(old, new)
        is_same = old.version == new.version  # the same tables answer every case alike
        played = [] if is_same else cases_of(old_site, new_site, shipped=args.cases or SHIPPED_CASES)
        cases = case_differences(played, old, new, now)
    print(f"{old.version} → {new.version}")
    differences = counted(len(rows), "difference") if rows else "No differences"
    print(f"\n{differences} in rows{':' if rows else '.'}")
    for line in rows:
        print(f"  {line}")
    count = sum(cause.count for cause in cases)
    answered = counted(count, "case is", "cases are") if cases else "No cases are"
    print(f"\n{answered} answered otherwise{':' if cases else '.'}")
    for cause in cases:
        _print(cause)
    return 1 if rows or cases else 0


def _load(name: str, site: Path | None, settings: Settings) -> Knowledge:
    if site is None and name != SHIPPED:
        return kept_knowledge(name, settings)
    try:
        return load_knowledge(site)
    except TableError as error:
        first = error.problems[0].replace(f"{site}/", "")  # of a packed file, a folder that is gone by now
        raise SetupError(f"{name}: {len(error.problems)} to fix, see cds-service check: {first}") from None


def cases_of(*sites: Path | None, shipped: Path) -> list[Case]:
    """The shipped cases, or those of another folder, and those of the sites, the last of an id.

    Raises:
        TableError: a case file has a mistake.
    """
    folders = dict.fromkeys(folder for site in sites for folder in case_folders(site, shipped))
    return list({case.row["id"]: case for folder in folders for case in read_cases(folder)}.values())


def _print(cause: Cause) -> None:
    """What changed, and below it the cards with the cases in which they did."""
    print(f"  {cause.rows or 'no row, only cards'}: {cause.count} case{'s' if cause.count > 1 else ''}")
    for cards, places in cause.cards.items():
        print(f"    {cards}")
        for place in places:
            print(f"      {place}")


@contextmanager
def site_of(name: str) -> Iterator[Path | None]:
    """The folder that OLD or NEW means; None for the shipped tables and those of a kept version.

    Raises:
        SetupError: it is none of what may be given.
    """
    if name == SHIPPED or VERSION.fullmatch(name):
        yield None
        return
    path = Path(name)
    if path.is_dir():
        yield path
        return
    folder, at, revision = name.rpartition("@")
    if path.is_file():
        archive = path.read_bytes()
    elif at and Path(folder).is_dir():
        archive = _archive(Path(folder), revision)
    else:
        raise SetupError(
            f"{name}: is no folder, packed file, DIR@REVISION or version; write `shipped` for the tables as shipped"
        )
    with TemporaryDirectory(prefix="cds-service-") as unpacked:
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(unpacked, filter="data")
        except tarfile.TarError:
            raise SetupError(f"{name}: is no file of `cds-service site pack`") from None
        yield Path(unpacked)


def _archive(folder: Path, revision: str) -> bytes:
    """The folder at a git revision, as tar."""
    if revision.startswith("-"):
        raise SetupError(f"{folder}@{revision}: is no git revision")
    command = ["git", "-C", str(folder), "archive", "--format=tar", revision]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603  no shell, checked above
    except FileNotFoundError:
        raise SetupError(f"{folder}@{revision}: git is not installed") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise SetupError(f"{folder}@{revision}: git says: {said}") from None
