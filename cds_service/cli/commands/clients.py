"""`cds-service clients check`: reads the clients file as the service does, and reports what is wrong with it.

The JWK Set that an EHR publishes at a URL is fetched once, unless `--offline` is given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.options import add_config, later

_JWKS = "Prints the public key of a private key as a JWK Set, to be registered in the clients file (`jwks`)."
_SIGN = "Prints a signed token for one call, to try it with curl. It is valid for five minutes, and once."


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("clients", help="the registered EHRs", description="The registered EHRs.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check the clients file and the keys in it", description=__doc__)
    check.add_argument("--clients", type=Path, metavar="FILE", help="the file, instead of the setting CDS_CLIENTS")
    check.add_argument("--offline", action="store_true", help="do not fetch the keys that EHRs publish")
    add_config(check)
    check.set_defaults(run=later("clients"))
    jwks = actions.add_parser("jwks", help="create the JWK Set to register, from a private key", description=_JWKS)
    jwks.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key, PEM or JWK")
    jwks.add_argument("--kid", required=True, metavar="ID", help="id of the key, as in the header of its tokens")
    jwks.set_defaults(run=later("clients", "print_key_set"))
    token = actions.add_parser("token", help="sign a token for one call, as an EHR does", description=_SIGN)
    token.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key, PEM or JWK")
    token.add_argument("--kid", metavar="ID", help="id of the key, if the file has none")
    token.add_argument("--issuer", required=True, metavar="URL", help="issuer, as registered with the service")
    token.add_argument("--url", required=True, metavar="URL", help="the exact URL that is called")
    token.set_defaults(run=later("clients", "print_token"))
