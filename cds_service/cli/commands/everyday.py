"""`cds-service everyday DIR`: plays ordinary orders of ordinary patients, and says how many of them are disturbed.

A card is false where it is louder than a clinician accepts for that order, and missed where an order that must speak
does not. Exit 1 on a false or a missed one, and on shares above the targets of the folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, add_site, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("everyday", help="play ordinary orders: how many bring a card", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of orders, see docs/everyday.md")
    add_site(parser)
    add_config(parser)
    parser.set_defaults(run=later("everyday"))
