"""`cds-service validate`: validates resources against FHIR R4 and profiles.

Reads resources and Bundles (.json), NDJSON (.ndjson or .jsonl, one resource per line), both also with .gz, folders of
them, and standard input (-). Profiles in meta.profile are checked if they are available. What is and is not checked:
docs/validation.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_format, later, whole


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("validate", help="check resources against FHIR R4 and profiles", description=__doc__)
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a .json or .ndjson file, a folder, or - for standard input"
    )
    parser.add_argument(
        "--profile", action="append", default=[], metavar="URL", help="a profile to check every resource against"
    )
    parser.add_argument(
        "--package", action="append", default=[], type=Path, metavar="DIR", help="a FHIR package: a folder or a .tgz"
    )
    add_format(parser, ("text", "json"), "text (default), or json: OperationOutcome")
    parser.add_argument(
        "--severity",
        choices=("error", "warning", "information"),
        help="the least severity that is shown (text: warning, json: information, --quiet: error)",
    )
    parser.add_argument(
        "--unknown-extensions",
        choices=("error", "warning", "information"),
        default="information",
        help="the severity of an extension without a definition in R4 and the packages (information)",
    )
    parser.add_argument("--jobs", type=whole(1, 256), default=1, metavar="N", help="number of processes (1)")
    parser.set_defaults(run=later("validate"))
