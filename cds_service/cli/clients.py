"""`cds-service clients check`: reads the file of registered EHRs as the service would, and says what is wrong with it.

KeySet that an EHR publishes under an address are fetched once, unless `--offline` is given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cds_service.cli.keys import public_key_set, read_key
from cds_service.cli.options import add_config, settings_of
from cds_service.cli.terminal import complain, safe
from cds_service.errors import ClientsError, SettingError
from cds_service.hooks.catalog import SERVICES
from cds_service.security.clients_file import read_clients
from cds_service.security.keys import Key, KeySetError, LocalKeySet, RemoteKeySet, fetch_jwks
from cds_service.security.tokens import Registration

_JWKS = "Prints the public half of a private key as a JWK Set, the form in which it is registered (`jwks`)."


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("clients", help="the registered EHRs", description="The registered EHRs.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check the file of registered EHRs and their keys", description=__doc__)
    check.add_argument("--clients", type=Path, metavar="FILE", help="the file; instead of the setting CDS_CLIENTS")
    check.add_argument("--offline", action="store_true", help="do not fetch the keys that EHRs publish")
    add_config(check)
    check.set_defaults(run=run)
    jwks = actions.add_parser("jwks", help="make the key set that is registered, from a private key", description=_JWKS)
    jwks.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key, PEM or JWK")
    jwks.add_argument("--kid", required=True, metavar="ID", help="id of the key, as its tokens will name it")
    jwks.set_defaults(run=print_key_set)


def print_key_set(args: argparse.Namespace) -> int:
    """Print the public half of a key as a JWK Set.

    Raises:
        SetupError: the file holds no private key that can be used.
    """
    print(public_key_set(read_key(args.key, args.kid)))
    return 0


def run(args: argparse.Namespace) -> int:
    """Check the file; 1 with one line per mistake (file, line, problem, remedy), else 0.

    Raises:
        SettingError: no file is named, or a setting can't be used.
    """
    path = args.clients or settings_of(args).clients
    if path is None:
        raise SettingError("no file of clients is named: set CDS_CLIENTS, or add --clients FILE")
    try:
        registrations = read_clients(path, SERVICES)
    except ClientsError as error:
        problems = error.problems
    else:
        problems = [problem for each in registrations.values() for problem in _show(each, offline=args.offline)]
    for problem in problems:
        complain(problem)
    if problems:
        complain(f"{len(problems)} to mend; how the file is written: docs/integration.md")
    return 1 if problems else 0


def _show(registration: Registration, *, offline: bool) -> list[str]:
    """Prints one client; what can't be fetched is returned."""
    client = registration.client
    facts = {
        "issuer": client.issuer,
        "algorithms": ", ".join(registration.algorithms),
        "tokens live at most": f"{registration.max_lifetime} s",
        "FHIR servers": ", ".join(client.fhir_servers) or "none: calls may not name one",
        "tenants": ", ".join(client.tenants) or "not asked for",
        "services": ", ".join(client.services) or "all",
        "cards": "recorded, not shown (shadow)" if client.shadow else "shown",
    }
    keys, problems = _keys(registration, offline=offline)
    print(safe(client.name))
    for name, value in {**facts, "keys": keys}.items():
        print(f"  {name}: {safe(value)}")
    return problems


def _keys(registration: Registration, *, offline: bool) -> tuple[str, list[str]]:
    match registration.keys:
        case LocalKeySet(keys):
            return _listed(list(keys.values())), []
        case RemoteKeySet() as published if not offline:
            try:
                found = fetch_jwks(published.url, registration.client.ca_file)
            except KeySetError as problem:
                return "none", [f"{registration.client.name}: {published.url} {problem}"]
            return f"{_listed(list(found.values()))}, from {published.url}", []
        case _:
            return "published by the EHR, not fetched", []


def _listed(keys: list[Key]) -> str:
    return ", ".join(f"{key.kid} ({'/'.join(key.algorithms)})" for key in keys)
