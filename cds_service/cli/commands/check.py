"""`cds-service check`: reads every table and value set, and a site's changes, and reports what is wrong with them.

The clinical cases are judged as well. The shipped ones describe the shipped tables: with a site folder, one with
another result is a change for a person to confirm. The site's own cases must hold.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, add_site, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("check", help="check every table, value set and case", description=__doc__)
    add_site(parser)
    parser.add_argument("--cases", type=Path, metavar="DIR", help="folder of cases, if not the shipped ones")
    add_config(parser)
    parser.set_defaults(run=later("check"))
