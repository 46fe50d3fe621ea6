"""What a FHIR server is asked: the prefetch templates as searches, and their variations from `searches.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
from msgspec.structs import replace

_TABLE: Mapping[str, Any] = tomllib.loads((Path(__file__).parent / "searches.toml").read_text("utf-8"))
_PATIENT_TOKEN = "{{context.patientId}}"  # noqa: S105  a prefetch token, no secret

NO_MATCH = tuple((re.compile(row["system"]), str(row["code"])) for row in _TABLE["no_match"])
"""System and code of what an OperationOutcome says where nothing was found."""
REFUSALS: Collection[int] = frozenset(_TABLE["refused"]["statuses"])
"""HTTP statuses after which a search is worth asking in simpler words."""


class Query(msgspec.Struct, frozen=True):
    """A read (`Patient/1`, no parameters) or a search; parameter values are not encoded yet."""

    path: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def is_search(self) -> bool:
        """Whether the answer is a Bundle."""
        return "/" not in self.path

    def url(self, base: str) -> str:
        """The URL at a server; `base` is its base URL without a slash at the end."""
        asked = "&".join(f"{name}={quote(value, safe=',:/')}" for name, value in self.parameters)
        return f"{base}/{self.path}" + (f"?{asked}" if asked else "")

    @property
    def codes(self) -> frozenset[str]:
        """The codes that the search is limited to, without their systems."""
        wanted = dict(self.parameters).get("code", "")
        return frozenset(token.rpartition("|")[2] for token in wanted.split(",") if token)


def query_of(template: str, patient_id: str) -> Query:
    """A prefetch template of ours as a query about one patient."""
    path, _, asked = template.replace(_PATIENT_TOKEN, patient_id).partition("?")
    return Query(path, tuple(parse_qsl(asked)))


def simpler(query: Query) -> list[Query]:
    """The search without what a server may refuse although it could do without, a step simpler each time."""
    found = []
    for step in _TABLE["refused"]["simpler"]:
        dropped, changed = step.get("drop", ()), step.get("set", {})
        kept = ((name, changed.get(name, value)) for name, value in query.parameters if name not in dropped)
        found.append(replace(query, parameters=tuple(kept)))
    return [one for one in found if one != query]


def with_patient_type(query: Query, patient_id: str) -> Query:
    """The search with its patient named in the other way; a query that names none stays as it is."""
    old, new = (_TABLE["patient"][key].format(id=patient_id).partition("=")[::2] for key in ("replace", "by"))
    return replace(query, parameters=tuple(new if p == old else p for p in query.parameters))


def checks(query: Query, code_checks: tuple[str, str]) -> tuple[Query, Query]:
    """The searches that check one by codes: for a part of what it should find, and for all of it."""
    rest = tuple(p for p in query.parameters if p[0] != "code")
    part, everything = ((*rest, *parse_qsl(added)) for added in code_checks)
    return replace(query, parameters=part), replace(query, parameters=everything)
