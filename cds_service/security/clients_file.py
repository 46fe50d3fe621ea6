"""The clients file (`CDS_CLIENTS`) -> registrations by issuer, or every mistake with its line.

A message reads `clients.toml line 7: client 2, max_lifetime is "1h"; write seconds ...`. Its remedy is the description
in `schemas/clients.json`.
"""

from __future__ import annotations

import json
import re
import ssl
import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cds_service.errors import ClientsError
from cds_service.json_schema import JsonSchema
from cds_service.security.client import Client
from cds_service.security.fhir_servers import is_valid_base_url
from cds_service.security.keys import KeySet, KeySetError, LocalKeySet, RemoteKeySet, read_jwks_file
from cds_service.security.tokens import Registration

if TYPE_CHECKING:
    from jsonschema import ValidationError

_SCHEMA = Path(__file__).parent / "schemas" / "clients.json"
_ALGORITHMS = ("ES384", "RS384")
_MAX_LIFETIME = 3600
_HEADER = re.compile(r"\s*\[\[\s*client\s*\]\]")
_REMEDY = "write one [[client]] table per EHR, see docs/integration.md"


@cache
def _schema() -> JsonSchema:
    return JsonSchema(json.loads(_SCHEMA.read_text("utf-8")))


def read_clients(path: Path, service_ids: Collection[str]) -> dict[str, Registration]:
    """The registered clients by issuer.

    Args:
        path: the file; paths in it are relative to its folder.
        service_ids: the service ids that a client can be registered for.

    Raises:
        ClientsError: the file can't be read or has mistakes; one line per mistake.
    """
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ClientsError([f"{path}: can't be read ({error.strerror}); correct CDS_CLIENTS"]) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClientsError([f"{path}: is not TOML ({error}); {_REMEDY}"]) from None
    lines = _LineNumbers(path, text)
    problems = list(_schema_problems(data, lines))
    if problems:
        raise ClientsError(problems)
    registrations: dict[str, Registration] = {}
    for number, row in enumerate(data["client"]):
        report = _Report(lines, number, problems)
        registration = _registration(row, path.parent, service_ids, report)
        registered = registrations.values()
        if row["issuer"] in registrations:
            report("issuer", "is registered twice", "keep one [[client]] for each issuer")
        elif registration.client.name in {other.client.name for other in registered}:
            report("name", "is used twice", "give each client its own name")
        registrations[row["issuer"]] = registration
    if problems:
        raise ClientsError(problems)
    return registrations


class _LineNumbers:
    """The line number of each field of each client; TOML parsers do not keep them."""

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
        """The file and, if known, the line of a field or else of its client."""
        line = self._fields.get((-1 if client is None else client, field or ""))
        if line is None and client is not None and client < len(self._starts):
            line = self._starts[client]
        return f"{self._path} line {line}" if line else str(self._path)


class _Report:
    """Collects the mistakes in one client's table."""

    def __init__(self, lines: _LineNumbers, client: int, problems: list[str]) -> None:
        self._lines, self._client, self._problems = lines, client, problems

    def __call__(self, field: str, problem: str, remedy: str = "") -> None:
        """Add one mistake; `problem` continues a sentence that starts with the field."""
        place = f"{self._lines.at(self._client, field)}: client {self._client + 1}, {field}"
        self._problems.append(f"{place} {problem}; {remedy}" if remedy else f"{place} {problem}")


def _registration(row: Mapping[str, Any], folder: Path, service_ids: Collection[str], report: _Report) -> Registration:
    for url in row.get("fhir_servers", ()):
        if not is_valid_base_url(url):
            report("fhir_servers", f'has "{url}"', "write an https base URL without user, query, percent signs or ..")
    for service in row.get("services", ()):
        if service not in service_ids:
            report("services", f'has "{service}", which is not a service', f"services are {', '.join(service_ids)}")
    ca_file = _ca_file(row, folder, report)
    client = Client(
        issuer=row["issuer"],
        name=row.get("name", row["issuer"]),
        fhir_servers=tuple(row.get("fhir_servers", ())),
        tenants=tuple(row.get("tenants", ())),
        services=tuple(row.get("services", ())),
        shadow=row.get("shadow", False),
        language=row.get("language"),
        ca_file=ca_file,
    )
    algorithms = tuple(row.get("algorithms", _ALGORITHMS))
    keys = _key_set(row, folder, ca_file, algorithms, report)
    return Registration(client, keys, algorithms, row.get("max_lifetime", _MAX_LIFETIME))


def _key_set(
    row: Mapping[str, Any], folder: Path, ca_file: Path | None, algorithms: Collection[str], report: _Report
) -> KeySet:
    match "jwks" in row, "jwks_url" in row:
        case True, False:
            return _local_key_set(row["jwks"], folder, algorithms, report)
        case False, True:
            return RemoteKeySet(row["jwks_url"], ca_file=ca_file)
        case True, True:
            report("jwks_url", "is given together with jwks", "keep one of the two")
        case _:
            report("jwks", "is missing", "name the file of the EHR's public keys, or give jwks_url")
    return LocalKeySet({})


def _local_key_set(name: str, folder: Path, algorithms: Collection[str], report: _Report) -> KeySet:
    try:
        keys = read_jwks_file(folder / name)
    except KeySetError as problem:
        report("jwks", f"{folder / name} {problem}")
        return LocalKeySet({})
    if not any(set(algorithms) & set(key.algorithms) for key in keys.keys.values()):
        report("jwks", f"{folder / name} has no key for {', '.join(algorithms)}", "add the algorithm or a matching key")
    return keys


def _ca_file(row: Mapping[str, Any], folder: Path, report: _Report) -> Path | None:
    if "ca_file" not in row:
        return None
    path: Path = folder / row["ca_file"]
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        report("ca_file", f"{path} can't be used ({error.strerror})", "name a PEM file of CA certificates")
    return path


def _schema_problems(data: Any, lines: _LineNumbers) -> Iterator[str]:
    for error in sorted(_schema().errors(data), key=lambda error: [str(part) for part in error.absolute_path]):
        path = list(error.absolute_path)
        client = path[1] if len(path) > 1 else None
        for field, problem in _schema_messages(error):
            name = field or (path[2] if len(path) > 2 else None)
            who = "" if client is None else f"client {client + 1}"
            what = ", ".join(str(part) for part in (who, name) if part) or "the file"
            yield f"{lines.at(client, name)}: {what} {problem}"


def _schema_messages(error: ValidationError) -> Iterator[tuple[str | None, str]]:
    """Message for each field that the error concerns; the field is None if the path of the error names it."""
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield name, f"is missing; write {schema['properties'][name]['description']}"
    elif error.validator == "additionalProperties":
        known = schema["properties"]
        unknown = [name for name in error.instance if name not in known]
        yield from ((name, f"is not a known field; fields are {', '.join(known)}") for name in unknown)
    else:
        shown = json.dumps(error.instance, default=str)[:80]
        yield None, f"is {shown}; write {schema.get('description', _REMEDY)}"
