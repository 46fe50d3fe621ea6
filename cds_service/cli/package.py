"""`cds-service package`: the FHIR package, made from the tables; `build` writes a folder, `pack` the archive."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.errors import SetupError
from cds_service.publishing.archive import archive, archive_name
from cds_service.publishing.build import write
from cds_service.publishing.sources import shipped_sources


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("package", help="the FHIR package: profiles, value sets, rules", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    for name, run, out, says in (
        ("build", run_build, Path("build/fhir_profiles"), "write the package as a folder, to look at what is made"),
        ("pack", run_pack, Path("dist"), "write the .tgz that SUSHI and other FHIR tools load"),
    ):
        task = tasks.add_parser(name, help=says)
        task.add_argument("--out", type=Path, default=out, metavar="DIR", help=f"folder to write to ({out})")
        task.set_defaults(run=run)


def run_build(args: argparse.Namespace) -> int:
    """Write the package as a folder and print its path.

    Raises:
        TableError: a table is wrong.
        SetupError: the folder holds something else, or can't be written to.
    """
    try:
        write(shipped_sources(), args.out)
    except OSError as error:
        raise _cannot_write(args.out, error) from error
    print(args.out)
    return 0


def run_pack(args: argparse.Namespace) -> int:
    """Write the archive and print its path.

    Raises:
        TableError: a table is wrong.
        SetupError: the folder can't be written to.
    """
    sources = shipped_sources()
    path = args.out / archive_name(sources)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive(sources))
    except OSError as error:
        raise _cannot_write(path, error) from error
    print(path)
    return 0


def _cannot_write(path: Path, error: OSError) -> SetupError:
    return SetupError(f"{path}: can't be written ({error.strerror}); give another folder with --out")
