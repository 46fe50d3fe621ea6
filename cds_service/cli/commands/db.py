"""`cds-service db`: the database of feedback and records."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("db", help="maintain the database of feedback and records", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    upgrade = actions.add_parser("upgrade", help="migrate the tables to this release; `serve` does this too")
    add_config(upgrade)
    upgrade.set_defaults(run=later("db", "run_upgrade"))
    prune_parser = actions.add_parser("prune", help="delete old calls, cards and feedback")
    prune_parser.add_argument("--older-than", type=_days, required=True, metavar="DAYS", help="age in days")
    add_config(prune_parser)
    prune_parser.set_defaults(run=later("db", "run_prune"))
    copy = actions.add_parser(
        "copy",
        help="copy everything to an empty database, such as from SQLite to PostgreSQL",
        description="Copies everything from the database of the settings to an empty one, which is migrated first. "
        "Stop the service before; afterwards set CDS_DATABASE_URL to the copy.",
    )
    target = copy.add_mutually_exclusive_group(required=True)
    target.add_argument("--to", metavar="URL", help="database URL, as in CDS_DATABASE_URL")
    target.add_argument(
        "--to-file", type=Path, metavar="FILE", help="the same from a file, so that no list of processes shows it"
    )
    add_config(copy)
    copy.set_defaults(run=later("db", "run_copy"))


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:
        raise argparse.ArgumentTypeError(f'"{text}" is not an age; write a whole number of days from 1')
    return int(text)
