"""`cds-service terminology expand`: the SNOMED CT codes below those of the tables, into a site folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_fhir_access, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "terminology", help="SNOMED CT codes from a terminology server, for a site folder", description=__doc__
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    expand = actions.add_parser("expand", help="write pinned expansions of the value sets into a site folder")
    expand.add_argument(
        "--tx", dest="fhir_server", required=True, metavar="URL", help="FHIR base URL of the terminology server"
    )
    expand.add_argument("--site", type=Path, required=True, metavar="DIR", help="the site folder")
    expand.add_argument(
        "--value-set",
        action="append",
        metavar="ID",
        help="a value set, repeatable (all that may raise a row, indicate a procedure or name an order)",
    )
    expand.add_argument(
        "--edition",
        metavar="URI",
        help="SNOMED CT edition or version, as http://snomed.info/sct/900000000000207008 (the server's default)",
    )
    expand.add_argument("--dry-run", action="store_true", help="show what would be gained and lost, write nothing")
    add_fhir_access(expand)
    expand.set_defaults(run=later("terminology"))
