"""What `cds-service clients` does; its options are in `commands/clients.py`."""

from __future__ import annotations

import argparse

from cds_service.cli.keys import named_key, public_key_set, read_key
from cds_service.cli.options import settings_of
from cds_service.cli.terminal import print_err, safe
from cds_service.errors import ClientsError, SettingError
from cds_service.hooks.catalog import SERVICES
from cds_service.security.clients_file import read_clients
from cds_service.security.keys import Key, KeySetError, LocalKeySet, RemoteKeySet, fetch_jwks
from cds_service.security.tokens import Registration


def print_key_set(args: argparse.Namespace) -> int:
    """Print the public key of a private key as a JWK Set.

    Raises:
        SetupError: the file holds no usable private key.
    """
    print(public_key_set(read_key(args.key, args.kid)))
    return 0


def print_token(args: argparse.Namespace) -> int:
    """Print a token for one call.

    Raises:
        SetupError: the file holds no usable private key, or the key has no id.
    """
    key = named_key(args.key, args.kid)
    print(key.sign(iss=args.issuer, aud=args.url))
    return 0


def run(args: argparse.Namespace) -> int:
    """Check the file; 1 with one line per mistake (file, line, problem, remedy), else 0.

    Raises:
        SettingError: no file is given, or a setting can't be used.
    """
    path = args.clients or settings_of(args).clients
    if path is None:
        raise SettingError("no clients file is given: set CDS_CLIENTS, or add --clients FILE")
    try:
        registrations = read_clients(path, SERVICES)
    except ClientsError as error:
        problems = error.problems
    else:
        problems = [problem for each in registrations.values() for problem in _show(each, offline=args.offline)]
    for problem in problems:
        print_err(problem)
    if problems:
        print_err(f"{len(problems)} to fix; how to write the file: docs/integration.md")
    return 1 if problems else 0


def _show(registration: Registration, *, offline: bool) -> list[str]:
    """Print one client and return the problems with its keys."""
    client = registration.client
    facts = {
        "issuer": client.issuer,
        "algorithms": ", ".join(registration.algorithms),
        "longest token lifetime": f"{registration.max_lifetime} s",
        "FHIR servers": ", ".join(client.fhir_servers) or "none: calls may not name one",
        "tenants": ", ".join(client.tenants) or "not checked",
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
