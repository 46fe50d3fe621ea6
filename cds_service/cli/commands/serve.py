"""`cds-service serve`: the production server."""

from __future__ import annotations

import argparse

from cds_service.cli.options import add_config, add_site, later


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("serve", help="run the service", description=__doc__)
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (CDS_HOST, 127.0.0.1)")
    parser.add_argument("--port", metavar="N", help="port to listen on (CDS_PORT, 8080)")
    parser.add_argument("--workers", metavar="N", help="server processes (CDS_WORKERS)")
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="without registered clients (CDS_CLIENTS), let anyone on the network call the service",
    )
    add_site(parser)
    add_config(parser)
    parser.set_defaults(run=later("serve"))
