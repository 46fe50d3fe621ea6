"""Why a service refused a token: its response never says, so it is looked at by the clients file of this machine."""

from __future__ import annotations

import argparse
from urllib.parse import urlsplit

from cds_service.cli.call import Signer
from cds_service.errors import NotAllowed, SetupError
from cds_service.hooks.catalog import SERVICES
from cds_service.saved_request import service_for
from cds_service.security.clients_file import read_clients
from cds_service.security.fhir_servers import is_loopback
from cds_service.security.tokens import InvalidToken, TokenVerifier
from cds_service.settings import Settings

_SEE_LOG = "The reason is in the log of the service, in the line `token refused`."


def why_refused(args: argparse.Namespace, settings: Settings, sign: Signer | None) -> str:
    """One sentence; where this machine has not the settings of the service, where the reason can be read.

    Args:
        args: the parsed command line of `invoke`.
        settings: those in force here; they are the service's where it runs on this machine with the same ones.
        sign: signs a token for a URL; None if the call had none.
    """
    if sign is None:
        return "The call had no token: sign it with --issuer and --client-key, as registered with the service."
    if settings.clients is None or not is_loopback(urlsplit(args.service_url).hostname or ""):
        return f"{_SEE_LOG} Run this on the machine of the service with its settings (--config FILE) to see it here."
    base = settings.public_url or args.service_url.rstrip("/").removesuffix("/cds-services")
    service_id = args.service or (service_for(args.request.read_bytes()) if args.request else _service_of(args.hook))
    path = f"/cds-services/{service_id}"
    called = f"{args.service_url.rstrip('/').removesuffix('/cds-services')}{path}"
    try:
        verifier = TokenVerifier(read_clients(settings.clients, SERVICES), lambda *_: True)
        verifier.verify(f"Bearer {sign(called)}", f"{base}{path}")
    except InvalidToken as error:
        return f"By {settings.clients}: {error.reason}"
    except (NotAllowed, SetupError) as error:
        return f"{_SEE_LOG} {error.message}"
    return f"By {settings.clients} and CDS_PUBLIC_URL {base} such a token is accepted; the service has other settings."


def _service_of(hook: str) -> str:
    return next(service.id for service in SERVICES.values() if service.hook == hook)
