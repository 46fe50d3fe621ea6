"""`cds-service package`: the FHIR package; `build` makes it from the tables, `pack` writes the archive."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.terminal import print_err
from cds_service.errors import SetupError
from cds_service.publishing.archive import archive, archive_name
from cds_service.publishing.build import stale, write


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("package", help="the FHIR package: profiles, value sets, rules", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    build = tasks.add_parser("build", help="write what is made from the tables into fhir_profiles/")
    build.add_argument("--check", action="store_true", help="write nothing; 1 where a file is not what the tables say")
    build.set_defaults(run=run_build)
    pack = tasks.add_parser("pack", help="write the .tgz that SUSHI and other FHIR tools load")
    pack.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="folder to write to (dist)")
    pack.set_defaults(run=run_pack)


def run_build(args: argparse.Namespace) -> int:
    """Write the files that are made from the tables, or with `--check` name those that differ.

    Raises:
        TableError: a table is wrong.
        SetupError: a file can't be written.
    """
    if args.check:
        wrong = stale()
        for name in wrong:
            print_err(f"fhir_profiles/{name} is not what the tables say: run 'cds-service package build' and commit it")
        return 1 if wrong else 0
    try:
        written = write()
    except OSError as error:
        raise SetupError(f"{error.filename}: can't be written ({error.strerror}); build in a clone you own") from error
    print(f"{len(written)} files of fhir_profiles/ written.")
    return 0


def run_pack(args: argparse.Namespace) -> int:
    """Write the archive and print its path.

    Raises:
        SetupError: the folder can't be written to.
    """
    path = args.out / archive_name()
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive())
    except OSError as error:
        raise SetupError(f"{path}: can't be written ({error.strerror}); give another folder with --out") from error
    print(path)
    return 0
