"""Everything in `fhir_profiles/` that is made from the tables: what `cds-service package build` writes and compares.

The value sets are the source of all codes and are never written here. Same tables, same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from cds_service.knowledge.load import PROFILES, TABLES, load_knowledge, shipped_rows
from cds_service.publishing.bindings import binding_sets, fsh_from_tables
from cds_service.publishing.code_systems import code_systems
from cds_service.publishing.concept_maps import indication_map
from cds_service.publishing.definition import Resource
from cds_service.publishing.manifest import INDEX, index_text, manifest
from cds_service.publishing.plan_definitions import plan_definitions

OWN_FOLDERS = ("binding_sets", "concept_maps", "plan_definitions")
"""Folders that hold nothing but what is made here; a file that is no longer made is removed from them."""


def made_from_tables(folder: Path = PROFILES, tables: Path = TABLES) -> Mapping[str, str]:
    """Path below the folder -> text of every file that is made from the tables.

    Args:
        folder: `fhir_profiles/` or a copy; its value sets are read.
        tables: folder of the tables.

    Raises:
        TableError: a table is wrong; `cds-service check` says the same.
    """
    knowledge, rows = load_knowledge(tables=tables, profiles=folder), shipped_rows(tables, folder)
    release = rows.release
    folders: Mapping[str, list[Resource]] = {
        "code_systems": code_systems(rows.procedures, rows.contraindications, release),
        "concept_maps": [indication_map(knowledge, rows.value_sets, release)],
        "plan_definitions": plan_definitions(knowledge, release),
        "binding_sets": binding_sets(knowledge, rows.value_sets, release),
    }
    made = {f"{folder}/{r['id']}.json": text_of(r) for folder, resources in folders.items() for r in resources}
    made["input/fsh/from_tables.fsh"] = fsh_from_tables(knowledge, rows.value_sets, rows.systems, release)
    made["package.json"] = text_of(manifest(release))
    return made


def text_of(resource: Resource) -> str:
    """A resource as it is written in the repository."""
    return json.dumps(resource, indent=1, ensure_ascii=False) + "\n"


def stale(folder: Path = PROFILES, tables: Path = TABLES) -> list[str]:
    """Paths below the folder that are not what the tables say, the index and files no longer made among them."""
    return _stale(folder, made_from_tables(folder, tables))


def write(folder: Path = PROFILES, tables: Path = TABLES) -> list[str]:
    """Write what `stale` names, and the index; the paths of what was wrong."""
    made = made_from_tables(folder, tables)
    wrong = _stale(folder, made)
    for name in wrong:
        path = folder / name
        if name in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[name], "utf-8")
        elif name != INDEX:
            path.unlink()
    (folder / INDEX).write_text(index_text(folder), "utf-8")
    return wrong


def _stale(folder: Path, made: Mapping[str, str]) -> list[str]:
    wrong = [name for name, text in made.items() if _text(folder / name) != text]
    wrong += _left_over(folder, made)
    if not wrong and _text(folder / INDEX) != index_text(folder):
        wrong.append(INDEX)
    return sorted(wrong)


def _left_over(folder: Path, made: Mapping[str, str]) -> Iterator[str]:
    for own in OWN_FOLDERS:
        yield from (name for p in (folder / own).glob("*.json") if (name := f"{own}/{p.name}") not in made)


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None
