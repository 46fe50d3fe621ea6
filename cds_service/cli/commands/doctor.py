"""`cds-service doctor`: checks this installation, and how well it can read the data of a FHIR server."""

from __future__ import annotations

import argparse

from cds_service.cli.options import add_config, add_fhir_access, add_site, later, whole


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("doctor", help="check this installation, or a FHIR server", description=__doc__)
    parser.add_argument("--fhir-server", metavar="URL", help="base URL of a FHIR R4 server to check")
    add_fhir_access(parser)
    parser.add_argument("--patient", action="append", metavar="ID", help="read this patient; may be repeated")
    parser.add_argument(
        "--sample", type=whole(1, 1000), metavar="N", help="without --patient: number of patients to read (5)"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON, and nothing else")
    add_site(parser)
    add_config(parser)
    parser.set_defaults(run=later("doctor"))
