"""The file of registered clients (`CDS_CLIENTS`) -> registrations by issuer, or every mistake with its line.

A mistake reads `clients.toml line 7: client 2, max_lifetime is "1h"; write seconds ...`. The remedies are the
descriptions in `schemas/clients.json`.
"""

from __future__ import annotations

import json
import re
import ssl
import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from cds_service.errors import ClientsError
from cds_service.security.client import Client
from cds_service.security.fhir_servers import is_plain
from cds_service.security.keys import FixedKeys, KeyProblem, Keys, PublishedKeys, read_key_file
from cds_service.security.tokens import Registration

_SCHEMA = Path(__file__).parent / "schemas" / "clients.json"
_ALGORITHMS = ("ES384", "RS384")
_MAX_LIFETIME = 3600
_HEADER = re.compile(r"\s*\[\[\s*client\s*\]\]")
_REMEDY = "write one [[client]] table per EHR, see docs/integration.md"


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_SCHEMA.read_text("utf-8")))


def read_clients(path: Path, service_ids: Collection[str]) -> dict[str, Registration]:
    """The registered clients by issuer.

    Args:
        path: the file; paths in it count from its folder.
        service_ids: the ids that a client can be registered for.

    Raises:
        ClientsError: the file can't be read or something in it is wrong; one line per mistake.
    """
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ClientsError([f"{path}: can't be read ({error.strerror}); correct CDS_CLIENTS"]) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClientsError([f"{path}: is not TOML ({error}); {_REMEDY}"]) from None
    lines = _Lines(path, text)
    problems = list(_schema_problems(data, lines))
    if problems:
        raise ClientsError(problems)
    registrations: dict[str, Registration] = {}
    for number, row in enumerate(data["client"]):
        say = _Says(lines, number, problems)
        registration = _registration(row, path.parent, service_ids, say)
        others = registrations.values()
        if row["issuer"] in registrations:
            say("issuer", "is registered twice", "keep one [[client]] of each issuer")
        elif registration.client.name in {other.client.name for other in others}:
            say("name", "is there twice", "give each client a name of its own")
        registrations[row["issuer"]] = registration
    if problems:
        raise ClientsError(problems)
    return registrations


class _Lines:
    """Where each field of each client stands in the file: TOML readers do not keep it."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._starts: list[int] = []
        self._fields: dict[tuple[int, str], int] = {}
        for line, content in enumerate(text.splitlines(), start=1):
            if _HEADER.match(content):
                self._starts.append(line)
            elif field := re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=", content):
                self._fields.setdefault((len(self._starts) - 1, field[1]), line)

    def at(self, client: int | None, field: str | None) -> str:
        """The file and, where it is known, the line of a field, or else of its client."""
        line = self._fields.get((-1 if client is None else client, field or ""))
        if line is None and client is not None and client < len(self._starts):
            line = self._starts[client]
        return f"{self._path} line {line}" if line else str(self._path)


class _Says:
    """Collects the mistakes of one client."""

    def __init__(self, lines: _Lines, client: int, problems: list[str]) -> None:
        self._lines, self._client, self._problems = lines, client, problems

    def __call__(self, field: str, problem: str, remedy: str = "") -> None:
        place = f"{self._lines.at(self._client, field)}: client {self._client + 1}, {field}"
        self._problems.append(f"{place} {problem}; {remedy}" if remedy else f"{place} {problem}")


def _registration(row: Mapping[str, Any], folder: Path, service_ids: Collection[str], say: _Says) -> Registration:
    for url in row.get("fhir_servers", ()):
        if not is_plain(url):
            say("fhir_servers", f'has "{url}"', "write an https base URL without user, query, percent signs or ..")
    for service in row.get("services", ()):
        if service not in service_ids:
            say("services", f'has "{service}", which is no service', f"services are {', '.join(service_ids)}")
    ca_file = _ca_file(row, folder, say)
    client = Client(
        issuer=row["issuer"],
        name=row.get("name", row["issuer"]),
        fhir_servers=tuple(row.get("fhir_servers", ())),
        tenants=tuple(row.get("tenants", ())),
        services=tuple(row.get("services", ())),
        shadow=row.get("shadow", False),
        ca_file=ca_file,
    )
    algorithms = tuple(row.get("algorithms", _ALGORITHMS))
    keys = _keys(row, folder, ca_file, algorithms, say)
    return Registration(client, keys, algorithms, row.get("max_lifetime", _MAX_LIFETIME))


def _keys(row: Mapping[str, Any], folder: Path, ca_file: Path | None, algorithms: Collection[str], say: _Says) -> Keys:
    match "jwks" in row, "jwks_url" in row:
        case True, False:
            return _file_keys(row["jwks"], folder, algorithms, say)
        case False, True:
            return PublishedKeys(row["jwks_url"], ca_file=ca_file)
        case True, True:
            say("jwks_url", "is there beside jwks", "keep one of the two")
        case _:
            say("jwks", "is missing", "name the file of the EHR's public keys, or give jwks_url")
    return FixedKeys({})


def _file_keys(name: str, folder: Path, algorithms: Collection[str], say: _Says) -> Keys:
    try:
        keys = read_key_file(folder / name)
    except KeyProblem as problem:
        say("jwks", f"{folder / name} {problem}")
        return FixedKeys({})
    if not any(set(algorithms) & set(key.algorithms) for key in keys.keys.values()):
        say("jwks", f"{folder / name} has no key for {', '.join(algorithms)}", "add the algorithm, or the right keys")
    return keys


def _ca_file(row: Mapping[str, Any], folder: Path, say: _Says) -> Path | None:
    if "ca_file" not in row:
        return None
    path: Path = folder / row["ca_file"]
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        say("ca_file", f"{path} can't be used ({error.strerror})", "name a PEM file of certificates")
    return path


def _schema_problems(data: Any, lines: _Lines) -> Iterator[str]:
    for error in sorted(_validator().iter_errors(data), key=lambda error: [str(part) for part in error.absolute_path]):
        path = list(error.absolute_path)
        client = path[1] if len(path) > 1 else None
        for field, problem in _faults(error):
            name = field or (path[2] if len(path) > 2 else None)
            who = "" if client is None else f"client {client + 1}"
            what = ", ".join(str(part) for part in (who, name) if part) or "the file"
            yield f"{lines.at(client, name)}: {what} {problem}"


def _faults(error: ValidationError) -> Iterator[tuple[str | None, str]]:
    """The field that each fault is about, where the place of the error doesn't name it, and the fault."""
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield name, f"is missing; write {schema['properties'][name]['description']}"
    elif error.validator == "additionalProperties":
        known = schema["properties"]
        unknown = [name for name in error.instance if name not in known]
        yield from ((name, f"is no field here; fields are {', '.join(known)}") for name in unknown)
    else:
        shown = json.dumps(error.instance, default=str)[:80]
        yield None, f"is {shown}; write {schema.get('description', _REMEDY)}"
