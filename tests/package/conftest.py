"""The package, made once."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cds_service.knowledge.load import PROFILES
from cds_service.publishing.package import make_package
from cds_service.publishing.sources import shipped_sources

BAD_INDEX: list[dict[str, Any]] = tomllib.loads((PROFILES / "examples/bad/index.toml").read_text("utf-8"))["example"]


def good_examples() -> dict[str, dict[str, Any]]:
    """Every good example by file name."""
    return {path.name: _read(path) for path in sorted((PROFILES / "examples/good").glob("*.json"))}


def bad_example(file: str) -> dict[str, Any]:
    """One bad example."""
    return _read(PROFILES / "examples/bad" / file)


@pytest.fixture(scope="session")
def definitions() -> dict[str, dict[str, Any]]:
    """Every definition of the package, by its path in it."""
    return make_package(shipped_sources())


@pytest.fixture(scope="session")
def by_hand() -> dict[str, dict[str, Any]]:
    """The StructureDefinitions that SUSHI compiled of the hand-written FSH, as they are committed, by id."""
    compiled = [_read(path) for path in (PROFILES / "compiled").glob("*.json")]
    return {r["id"]: r for r in compiled if r["resourceType"] == "StructureDefinition"}


def of_type(definitions: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """The definitions of one resource type by id."""
    return {r["id"]: r for r in definitions.values() if r["resourceType"] == kind}


def constraints(profiles: Iterable[dict[str, Any]], view: str = "differential") -> list[dict[str, Any]]:
    """The constraints of all elements of profiles."""
    return [c for profile in profiles for e in profile[view]["element"] for c in e.get("constraint", ())]


def _read(path: Path) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return resource


def constraint_of(issue: Any) -> str | None:
    """The key of the invariant that an issue of the validator names; None for a rule of the structure."""
    key: str | None = issue.rule if issue.code == "invariant" else None
    return key
