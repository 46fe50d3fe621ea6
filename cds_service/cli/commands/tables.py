"""`cds-service tables`: the two tables for review, as text, CSV or Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, add_site, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("tables", help="the two tables for review", description=__doc__)
    parser.add_argument("--format", choices=("text", "csv", "markdown"), default="text")
    parser.add_argument("--wording", metavar="LANGUAGE", help="instead, every sentence of a language by its key")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--versions", action="store_true", help="list the versions that the database keeps")
    which.add_argument("--of", metavar="VERSION", help="the tables of a version that answered, as kept in the database")
    parser.add_argument("--export", type=Path, metavar="DIR", help="with --of: write their files instead")
    add_site(parser)
    add_config(parser)
    parser.set_defaults(run=later("tables"))
