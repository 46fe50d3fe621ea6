"""`cds-service explain CARD-UUID | HOOK-INSTANCE`: why a card came.

Told are the data read, the rows, their limits and sources of that day, and what the clinician answered.

Nothing of the patient is stored but a hash (and resource ids with CDS_KEEP_REFERENCES), so no value is shown. The UUID
is in the response, and in what the EHR reports about the card.
"""

from __future__ import annotations

import argparse

from cds_service.cli.options import add_config, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("explain", help="why a card came", description=__doc__)
    parser.add_argument(
        "id", metavar="UUID", help="of a card, from the response or the feedback; or the hookInstance of a call"
    )
    parser.add_argument("--json", action="store_true", help="print everything that is stored, as JSON")
    add_config(parser)
    parser.set_defaults(run=later("explain"))
