"""The FHIR package's own description: `package.json` and `.index.json`.

Source: FHIR NPM package specification, https://confluence.hl7.org/display/FHIR/NPM+Package+Specification.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cds_service.publishing.definition import CANONICAL

PACKAGE = "org.example.ir-cds"
FOLDERS = ("structure_definitions", "value_sets", "binding_sets", "code_systems", "concept_maps", "plan_definitions")
"""Folders of `fhir_profiles/` that hold definitions; examples are apart."""
GUIDE = "implementation_guide.json"
INDEX = ".index.json"
EXAMPLES = "examples/good"
_INDEXED = ("resourceType", "id", "url", "version", "kind", "type", "derivation", "content")


def package_version(release: str) -> str:
    """The release of the tables as three numbers, as packages are counted: `2026.11` is `2026.11.0`."""
    parts = release.split(".")
    return ".".join([*parts, *["0"] * (3 - len(parts))])


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


def definition_files(folder: Path) -> list[Path]:
    """Every definition of `fhir_profiles/`, in a fixed order."""
    found = [path for name in FOLDERS for path in sorted((folder / name).glob("*.json"))]
    guide = folder / GUIDE
    return [*found, guide] if guide.exists() else found


def index_text(folder: Path) -> str:
    """`.index.json` of `fhir_profiles/` as it lies there; names are paths below the folder."""
    files = ((path.relative_to(folder).as_posix(), path.read_bytes()) for path in definition_files(folder))
    return index(files)


def index(files: Iterable[tuple[str, bytes]]) -> str:
    """An index over files: name, and the members by which a loader finds a resource."""
    entries = [{"filename": name} | _entry(json.loads(body)) for name, body in files]
    return json.dumps({"index-version": 2, "files": entries}, indent=1, ensure_ascii=False) + "\n"


def _entry(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {name: resource[name] for name in _INDEXED if isinstance(resource.get(name), str)}
