"""Every definition of the FHIR package, by its path: kept by hand, compiled from FSH, or made from the tables.

Value sets, two code systems, examples and what SUSHI compiled are files; the rest exists when somebody asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cds_service.publishing.bindings import binding_sets
from cds_service.publishing.code_systems import card_topics, code_systems
from cds_service.publishing.compiled import compiled_guide, compiled_profiles
from cds_service.publishing.concept_maps import indication_map
from cds_service.publishing.definition import Resource, text_of
from cds_service.publishing.guide import guide
from cds_service.publishing.manifest import INDEX, MANIFEST, index, manifest
from cds_service.publishing.plan_definitions import plan_definitions
from cds_service.publishing.result_profiles import result_profiles
from cds_service.publishing.sources import Sources

EXAMPLES = "examples/good"
_REASONS = "code_systems/override-reasons.json"
_CODE_SYSTEMS_BY_HAND = ("code_systems/code-relations.json", _REASONS)
_BY_HAND = ("value_sets/", f"{EXAMPLES}/", *_CODE_SYSTEMS_BY_HAND)
_GUIDE = "implementation_guide.json"


def make_definitions(sources: Sources, folders: Iterable[str] | None = None) -> dict[str, Resource]:
    """Path below the package -> definition, in a fixed order; without the guide, which lists them.

    Args:
        sources: what they are made from.
        folders: folders of the package that are wanted, as `value_sets`; None for all.
    """
    return {
        f"{folder}/{resource['id']}.json": resource
        for folder in (_FOLDERS if folders is None else folders)
        for resource in sorted(_FOLDERS[folder](sources), key=lambda one: str(one["id"]))
    }


def read_examples(sources: Sources) -> dict[str, Resource]:
    """Path below the package -> good example."""
    paths = sorted((sources.folder / EXAMPLES).glob("*.json"))
    return {f"{EXAMPLES}/{path.name}": _read(path) for path in paths}


def make_package(sources: Sources) -> dict[str, Resource]:
    """Path below the package -> definition, the guide last."""
    made = make_definitions(sources)
    return made | {_GUIDE: guide(compiled_guide(sources), made.values(), read_examples(sources).values())}


def make_files(sources: Sources) -> dict[str, str]:
    """Path below the package -> text of every file of a folder that FHIR tools can load."""
    held = make_package(sources)
    texts = {path: text_at(path, resource, sources) for path, resource in (held | read_examples(sources)).items()}
    return texts | {MANIFEST: text_of(manifest(sources.release)), INDEX: index(held.items())}


def text_at(path: str, resource: Resource, sources: Sources) -> str:
    """A resource as it is written; a file kept by hand as it is there, to the byte, unless a site changes it."""
    by_hand = path.startswith(_BY_HAND) and (sources.folder / path).exists()
    changed = sources.of_site and path == _REASONS
    return (sources.folder / path).read_text("utf-8") if by_hand and not changed else text_of(resource)


def _structure_definitions(sources: Sources) -> list[Resource]:
    by_hand = compiled_profiles(sources)
    base = next(profile for profile in by_hand if profile["id"] == "ir-result")
    return [*by_hand, *result_profiles(base, sources)]


def _code_systems(sources: Sources) -> list[Resource]:
    rows, release = sources.rows, sources.release
    relations, reasons = (_read(sources.folder / path) for path in _CODE_SYSTEMS_BY_HAND)
    by_hand = [relations, _own_reasons(rows.override_reasons) if sources.of_site else reasons]
    made = code_systems(rows.procedures, rows.contraindications, release)
    return [*by_hand, card_topics(rows.contraindications, sources.knowledge.wording, release), *made]


def _own_reasons(system: Mapping[str, Any]) -> Resource:
    """The reasons of the shipped code system that a site still offers; its own are of a code system of its own."""
    return {**system, "concept": [concept for concept in system["concept"] if "system" not in concept]}


def _read(path: Path) -> Resource:
    resource: Resource = json.loads(path.read_text("utf-8"))
    return resource


_FOLDERS: Mapping[str, Callable[[Sources], list[Resource]]] = {
    "structure_definitions": _structure_definitions,
    "value_sets": lambda sources: [dict(value_set) for value_set in sources.rows.value_sets.values()],
    "binding_sets": lambda sources: binding_sets(sources.knowledge, sources.rows.value_sets, sources.release),
    "code_systems": _code_systems,
    "concept_maps": lambda sources: [indication_map(sources.knowledge, sources.rows.value_sets, sources.release)],
    "plan_definitions": lambda sources: plan_definitions(sources.knowledge, sources.release),
}
