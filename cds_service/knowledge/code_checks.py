"""What must hold of code systems, ValueSets and ConceptMaps together; every mistake is one line, as in `cross_checks`.

A code that nothing can look up is worse than none: it looks as if it were judged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from cds_service.knowledge.table_rows import Row
from cds_service.knowledge.value_sets import PROCEDURE_CODES
from cds_service.near_names import did_you_mean

"""The code system of this service's own procedure ids."""


def check_codes(
    systems: Sequence[Row],
    value_sets: Mapping[str, Row],
    concept_maps: Sequence[Row],
    procedures: Collection[str],
    places: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """Every mistake in the codes.

    Args:
        systems: rows of `code_systems.toml`.
        value_sets: ValueSets by id.
        concept_maps: the shipped ones and a site's.
        procedures: ids of all procedures, to which a ConceptMap may map.
        places: `value_sets/<id>` or `concept_maps/<id>` -> the file of a site that it is in.
    """
    yield from _systems(systems)
    known = {system["url"] for system in systems}
    for key, value_set in value_sets.items():
        file = places.get(f"value_sets/{key}", f"value_sets/{key}.json")
        yield from _value_set(file, key, value_set, known)
    named = known | {alias for system in systems for alias in system["aliases"]}
    for concept_map in concept_maps:
        file = places.get(f"concept_maps/{concept_map.get('id')}", "concept_maps")
        yield from _concept_map(file, concept_map, named, procedures)


def _systems(systems: Sequence[Row]) -> Iterator[str]:
    names = [name for system in systems for name in (system["url"], *system["aliases"])]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        yield f'code_systems.toml: "{name}" names two code systems or one of them twice; leave one'


def _value_set(file: str, key: str, value_set: Row, known: Collection[str]) -> Iterator[str]:
    if value_set["url"].rpartition("/")[2] != key:
        yield f'{file}: "{key}", url is "{value_set["url"]}"; end it with the id'
    compose = value_set["compose"]
    included = {include["system"] for include in compose["include"]}
    for system in sorted(included - set(known)):
        yield f'{file}: "{key}", system names "{system}", which is no code system; correct it or add the code system'
    for system in sorted({exclude["system"] for exclude in compose.get("exclude", ())} - included):
        yield f'{file}: "{key}", exclude names "{system}", of which nothing is included; correct or remove it'


def _concept_map(file: str, concept_map: Row, known: Collection[str], procedures: Collection[str]) -> Iterator[str]:
    name = concept_map.get("id") or concept_map.get("url") or concept_map.get("title") or "without an id"
    for group in concept_map["group"]:
        if group["target"] not in known:
            yield (
                f'{file}: "{name}", target names "{group["target"]}", which is no code system that the service '
                "reads; map to one of code_systems.toml"
            )
        if group["target"] != PROCEDURE_CODES:
            continue
        for element in group["element"]:
            for target in element.get("target", ()):
                if "code" in target and target["code"] not in procedures:
                    yield (
                        f'{file}: "{name}", "{element["code"]}" is mapped to "{target["code"]}", which is no '
                        f"procedure; {did_you_mean(target['code'], procedures, 'correct it or add the procedure')}"
                    )
