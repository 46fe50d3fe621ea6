"""Copies of the shipped tables that a test may change, and site folders laid over the shipped ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from cds_service.knowledge.load import PROFILES, TABLES, load_knowledge
from cds_service.knowledge.tables import Knowledge

_NOT_LOADED = ("input", "compiled", "examples")
"""Folders of the package that the service does not load."""

CHANGE = (
    'change = { reason = "local protocol", approver = "Head of department", date = "2026-11-02", '
    'source = "Protocol IR-07" }'
)
"""The fields that every site change needs."""


def a_copy(folder: Path) -> Path:
    """The shipped tables and FHIR content, as `knowledge` and `fhir_profiles` in a folder."""
    for source, name in ((TABLES, "knowledge"), (PROFILES, "fhir_profiles")):
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.py*", "__*", *_NOT_LOADED))
    return folder


def put(path: Path, text: str) -> None:
    """Write a file, creating its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def load_copy(folder: Path) -> Knowledge:
    """Load a copy, with the `site` folder in it if there is one."""
    site = folder / "site"
    return load_knowledge(
        site if site.exists() else None, tables=folder / "knowledge", profiles=folder / "fhir_profiles"
    )


def with_site(folder: Path, files: Mapping[str, str]) -> Knowledge:
    """The shipped tables under a site folder that holds these files, path -> text."""
    for name, text in files.items():
        put(folder / name, text)
    return load_knowledge(folder)
