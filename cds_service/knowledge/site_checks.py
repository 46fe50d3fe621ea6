"""What a hospital wrote in its site folder that would change nothing, or that can't be meant; one line a mistake.

A value set that no row reads, or a local code that is mapped to a mistyped one, looks as if it were judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.knowledge.check_digits import is_mistyped
from cds_service.knowledge.cross_checks import conditions_named
from cds_service.knowledge.site import SiteChanges
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.value_sets import procedure_value_set


def check_site(site: SiteChanges, rows: TableRows) -> Iterator[str]:
    """Every such mistake.

    Args:
        site: all changes, also those that do not count today.
        rows: the shipped rows with those laid over them that count.
    """
    yield from _unused(site, rows)
    for value_set in site.value_sets:
        place = site.places[f"value_sets/{value_set['id']}"]
        for include in value_set["compose"]["include"]:
            for concept in include.get("concept", ()):
                if is_mistyped(include["system"], concept["code"]):
                    yield f'{place}: "{concept["code"]}" {_mistyped(include["system"])}'
    for concept_map in site.concept_maps:
        place = site.places[f"concept_maps/{concept_map['id']}"]
        for group in concept_map["group"]:
            for code, target in _targets(group):
                if is_mistyped(group["target"], target):
                    yield f'{place}: "{code}" is mapped to "{target}", which {_mistyped(group["target"])}'


def _mistyped(system: str) -> str:
    return f"can't be a code of {system} (its form or check digit is wrong); look it up again"


def _targets(group: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for element in group["element"]:
        yield from ((element["code"], target["code"]) for target in element.get("target", ()) if "code" in target)


def _unused(site: SiteChanges, rows: TableRows) -> Iterator[str]:
    procedures = [*rows.procedures.values(), *site.procedures]
    asked = {name for row in procedures for name in _asked(row)}
    for row in site.conditions:
        if row["id"] not in asked:
            yield (
                f'site/conditions.toml: "{row["id"]}" is asked by no procedure; name it in an indication of one '
                "(site/procedures), or remove it"
            )
    named = {row["value_set"] for row in (*rows.conditions.values(), *site.conditions)}
    named |= {procedure_value_set(row["id"]) for row in procedures}
    for value_set in site.value_sets:
        if value_set["id"] not in named:
            yield (
                f'{site.places["value_sets/" + value_set["id"]]}: "{value_set["id"]}" is read by no row; name it in '
                "site/conditions.toml or call it procedure-<id of the procedure>, or remove it"
            )


def _asked(procedure: Mapping[str, Any]) -> Iterator[str]:
    """Conditions that a row of a procedure names, as it is written."""
    for indication in procedure.get("indication", ()):
        for part in ("present_if", "possible_if"):
            yield from conditions_named(indication.get(part))
    for alert in procedure.get("alert", ()):
        yield from conditions_named(alert["when"])
    yield from conditions_named({"any_of": procedure.get("settled_by", ())})
