"""`cds-service serve`: the production server."""

from __future__ import annotations

import argparse

from cds_service.cli.options import add_config, settings_of
from cds_service.settings import Settings
from cds_service.web.serve import serve


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
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop.

    Raises:
        SettingError: a setting is wrong, or the address is open to the network without clients or `--insecure`.
        ClientsError: the clients file is wrong.
        TableError: a table is wrong.
    """

    def settings() -> Settings:
        return settings_of(args, host=args.host, port=args.port, workers=args.workers)

    serve(settings(), insecure=args.insecure, reread=settings)
    return 0
