"""`cds-service package`: the FHIR package, made from the tables; `build` writes a folder, `pack` the archive."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, add_site, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("package", help="the FHIR package: profiles, value sets, rules", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    for name, out, says in (
        ("build", Path("build/fhir_profiles"), "write the package as a folder, to look at what is made"),
        ("pack", Path("dist"), "write the .tgz that SUSHI and other FHIR tools load"),
    ):
        task = tasks.add_parser(name, help=says)
        task.add_argument("--out", type=Path, default=out, metavar="DIR", help=f"folder to write to ({out})")
        add_site(task)
        add_config(task)
        task.set_defaults(run=later("package", f"run_{name}"))
