"""Reads definitions from FHIR packages: folders, or `.tgz` files as published by npm and the FHIR registry."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from cds_service.errors import SetupError

# Folders of a package without definitions; examples may reuse the URL of a real definition.
_SKIPPED_FOLDERS = {"example", "examples", "openapi", "other", "xml", "node_modules"}


def read_package(package: Path, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Every definition of a package.

    Args:
        package: a folder (with or without `package/` inside) or a `.tgz`.
        kinds: the resource types to read.

    Raises:
        SetupError: the package is missing, can't be read, or has no such resources.
    """
    if not package.exists():
        raise SetupError(f"{package}: there is no such package; name a folder or a .tgz")
    try:
        found = list(resources_below(package, kinds) if package.is_dir() else _in_archive(package, kinds))
    except (tarfile.TarError, OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or "no tar archive"
        raise SetupError(f"{package}: can't be read as a package ({why}); name a folder or a .tgz") from None
    if not found:
        raise SetupError(f"{package}: has no StructureDefinition, ValueSet or CodeSystem in JSON")
    return found


def resources_below(folder: Path, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The definitions in the JSON files below a folder, in a fixed order.

    Raises:
        SetupError: a file is not JSON.
    """
    for path in sorted(folder.rglob("*.json")):
        if not _SKIPPED_FOLDERS.intersection(path.relative_to(folder).parts[:-1]) and not path.name.startswith("."):
            yield from _parse(path.read_bytes(), str(path), kinds)


def _in_archive(package: Path, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    with tarfile.open(package) as archive:
        for member in archive:
            path = Path(member.name)
            content = archive.extractfile(member) if member.isfile() and path.suffix == ".json" else None
            if content and not _SKIPPED_FOLDERS.intersection(path.parts[:-1]) and not path.name.startswith("."):
                yield from _parse(content.read(), f"{package}: {member.name}", kinds)


def _parse(content: bytes, where: str, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    if not any(kind.encode() in content for kind in kinds):
        return
    try:
        resource = json.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except ValueError as error:
        raise SetupError(f"{where}: is not JSON ({error}); fix the package") from None
    if isinstance(resource, dict) and resource.get("resourceType") in kinds:
        yield resource
