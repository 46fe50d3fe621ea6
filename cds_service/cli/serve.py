"""What `cds-service serve` does; its options are in `commands/serve.py`."""

from __future__ import annotations

import argparse
import gc
import os

from cds_service.cli.options import settings_of
from cds_service.errors import SetupError
from cds_service.settings import Settings

_NO_FORK = (
    "the server needs a system with fork (Linux, macOS); on Windows run it in WSL or in a container, see "
    "docs/operations.md. All other commands work here: cds-service invoke calls the service without a server"
)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop.

    Raises:
        SetupError: this system has no fork.
        SettingError: a setting is wrong, or the address is open to the network without clients or `--insecure`.
        ClientsError: the clients file is wrong.
        TableError: a table is wrong.
    """
    if not hasattr(os, "fork"):
        raise SetupError(_NO_FORK)
    gc.disable()  # until all is loaded: what is made until then stays, and `serve` excludes it from collection
    from cds_service.web.serve import serve

    def settings() -> Settings:
        return settings_of(args, host=args.host, port=args.port, workers=args.workers)

    serve(settings(), insecure=args.insecure, reread=settings)
    return 0
