"""Whether what stands under one id is of one patient: an id is unique on its server alone.

References may name their server. Where those of one id name several, nobody can tell whose the rest is, and nothing is
judged by it. References without a server are of whichever the export is of.
Source: FHIR R4 References, absolute and relative; FHIR Bulk Data Access 2.0, Complete Status: `request`.
"""

from __future__ import annotations

import re

_EXPORT = re.compile(r"(?P<base>.+?)(?:/Patient|/Group/[^/]+)?/\$export$")


def server_of(reference: str) -> str | None:
    """The server that a reference to a patient names, as host and path; None for a relative one."""
    base, named, _ = reference.partition("/Patient/")
    return _server(base) if named else None


def exported_from(request: str) -> str | None:
    """The server that an export was asked of, as host and path; None for a URL that is none of Bulk Data."""
    asked = _EXPORT.fullmatch(request.partition("?")[0])
    return _server(asked["base"]) if asked else None


def _server(base: str) -> str | None:
    """Host and path: one server may be named with http and https."""
    host, _, path = base.partition("://")[2].partition("/")
    return f"{host.lower()}/{path}".rstrip("/") or None
