"""The FHIR package's own description: `package.json` and `.index.json`.

Source: FHIR NPM package specification, https://confluence.hl7.org/display/FHIR/NPM+Package+Specification.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.publishing.definition import CANONICAL, Resource

PACKAGE = "org.example.ir-cds"
MANIFEST = "package.json"
INDEX = ".index.json"
_INDEXED = ("resourceType", "id", "url", "version", "kind", "type", "derivation", "content")


def package_version(release: str) -> str:
    """The release of the tables as three numbers, as packages are counted: `2026.11` is `2026.11.0`.

    What follows a hyphen, the hash of a hospital's tables, stays: `2026.11.0-5f1c9a2e`.
    """
    numbers, hyphen, label = release.partition("-")
    parts = numbers.split(".")
    return ".".join([*parts, *["0"] * (3 - len(parts))]) + hyphen + label


def manifest(release: str) -> dict[str, Any]:
    """`package.json`."""
    return {
        "name": PACKAGE,
        "version": package_version(release),
        "type": "IG",
        "canonical": CANONICAL,
        "url": CANONICAL,
        "title": "Decision support for ordering interventional-radiology procedures",
        "description": "Profiles, value sets and published rules of the service.",
        "license": "Apache-2.0",
        "author": "Authors of ir-cds-service",
        "fhirVersions": ["4.0.1"],
        "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
        "directories": {"lib": "package", "example": "example"},
    }


def index(files: Iterable[tuple[str, Resource]]) -> str:
    """An index over files: name, and the members by which a loader finds a resource."""
    entries = [{"filename": name} | _entry(resource) for name, resource in files]
    return json.dumps({"index-version": 2, "files": entries}, indent=1, ensure_ascii=False) + "\n"


def _entry(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {name: resource[name] for name in _INDEXED if isinstance(resource.get(name), str)}
