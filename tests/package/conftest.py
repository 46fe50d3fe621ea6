"""The committed package, read once."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cds_service.knowledge.load import PROFILES
from cds_service.publishing.manifest import definition_files

BAD_INDEX: list[dict[str, Any]] = tomllib.loads((PROFILES / "examples/bad/index.toml").read_text("utf-8"))["example"]


def good_examples() -> dict[str, dict[str, Any]]:
    """Every good example by file name."""
    return {path.name: _read(path) for path in sorted((PROFILES / "examples/good").glob("*.json"))}


def bad_example(file: str) -> dict[str, Any]:
    """One bad example."""
    return _read(PROFILES / "examples/bad" / file)


@pytest.fixture(scope="session")
def definitions() -> dict[str, dict[str, Any]]:
    """Every definition of the package, by path below `fhir_profiles/`."""
    return {path.relative_to(PROFILES).as_posix(): _read(path) for path in definition_files(PROFILES)}


def of_type(definitions: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """The definitions of one resource type by id."""
    return {r["id"]: r for r in definitions.values() if r["resourceType"] == kind}


def _read(path: Path) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return resource


def constraint_of(issue: Any) -> str | None:
    """The key of the invariant that an issue of the validator names; None for a rule of the structure."""
    key: str | None = issue.rule if issue.code == "invariant" else None
    return key
