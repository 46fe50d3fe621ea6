"""`cds-service demo`: sends the example requests, all with synthetic patients, and shows the cards."""

from __future__ import annotations

import argparse
from pathlib import Path

import cds_service
from cds_service.cli.options import add_config, later

EXAMPLES = Path(cds_service.__file__).parents[1] / "examples"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("demo", help="judge the example requests and show their cards", description=__doc__)
    parser.add_argument("--examples", type=Path, default=EXAMPLES, metavar="DIR", help="folder of saved hook requests")
    add_config(parser)
    parser.set_defaults(run=later("demo"))
