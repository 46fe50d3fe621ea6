"""`cds-service diff OLD NEW`: what a change of the tables does, before it is used.

OLD and NEW are each a site folder, `DIR@REVISION` (a git revision of that folder), a file of `site pack`, a knowledge
version that the database keeps, or the word `shipped` (the tables without a site).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("diff", help="what a change does to rows and cases", description=__doc__)
    parser.add_argument("old", metavar="OLD", help="folder, DIR@REVISION, packed file, version, or `shipped`")
    parser.add_argument("new", metavar="NEW", help="the same")
    parser.add_argument("--cases", type=Path, metavar="DIR", help="folder of cases, if not the shipped ones")
    add_config(parser)
    parser.set_defaults(run=later("diff"))
