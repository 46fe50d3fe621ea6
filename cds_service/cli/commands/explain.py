"""`cds-service explain CARD-UUID`: why a card came: the data read, rows, limit and source of that day, and the answer.

Nothing of the patient is stored but a hash (and resource ids with CDS_KEEP_REFERENCES), so no value is shown. The UUID
is in the response, and in what the EHR reports about the card.
"""

from __future__ import annotations

import argparse

from cds_service.cli.options import add_config, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("explain", help="why a card came", description=__doc__)
    parser.add_argument("card", metavar="CARD-UUID", help="uuid of the card, from the response or the feedback")
    parser.add_argument("--json", action="store_true", help="print everything that is stored, as JSON")
    add_config(parser)
    parser.set_defaults(run=later("explain"))
