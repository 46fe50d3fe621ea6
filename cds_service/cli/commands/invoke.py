"""`cds-service invoke`: plays the EHR, with a saved request or at a real FHIR server, and shows the cards."""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, add_fhir_access, add_site, later
from cds_service.hooks.catalog import SERVICES

_HOOKS = tuple(service.hook for service in SERVICES.values())


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("invoke", help="make one hook call and show its cards", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--request", type=Path, metavar="FILE", help="a hook request as JSON")
    what.add_argument("--fhir-server", metavar="URL", help="base URL of a FHIR R4 server, to build the request from")
    add_fhir_access(parser)
    parser.add_argument("--patient", metavar="ID", help="id of the patient on the FHIR server")
    parser.add_argument("--hook", choices=_HOOKS, help="the hook that fires")
    parser.add_argument(
        "--order", metavar="ORDER", help="a procedure of the tables, SYSTEM|CODE, or ServiceRequest/ID on the server"
    )
    parser.add_argument("--user", default="Practitioner/example", metavar="REF", help="reference of the ordering user")
    parser.add_argument(
        "--no-prefetch", action="store_true", help="send no prefetch: the service must read the FHIR server itself"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="save the request, its dates filled in, without its token"
    )
    parser.add_argument("--service", metavar="ID", help="id of the service to call; by default the one for the hook")
    parser.add_argument(
        "--service-url", metavar="URL", help="URL of a running service; by default judged in this process"
    )
    parser.add_argument("--issuer", metavar="URL", help="issuer to sign the call as, as registered with the service")
    parser.add_argument("--client-key", type=Path, metavar="FILE", help="private key to sign the call with, PEM or JWK")
    parser.add_argument("--kid", metavar="ID", help="id of that key, if the file has none")
    parser.add_argument("--json", action="store_true", help="print only the response, unchanged")
    parser.add_argument("--trace", action="store_true", help="also show every judged row with its evidence")
    add_site(parser)
    add_config(parser)
    parser.set_defaults(run=later("invoke"))
