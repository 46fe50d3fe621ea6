"""Profiles: their differential names elements that the base has, and does not change a value that the base fixes.

Source: FHIR R4 StructureDefinition, baseDefinition and derivation: a constraint may only restrict its base;
ElementDefinition, fixed[x].
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cds_service.profiles.issues import has_errors
from cds_service.profiles.snapshots import Element, NotInBase, SnapshotError, apply, elements_of, locate, with_ids
from cds_service.profiles.validation_run import Node, ValidationRun, below
from cds_service.profiles.values import quoted


def check_structure_definition(run: ValidationRun, node: Node) -> None:
    """Check the differential of a profile against its base; nothing where the base or a type is not available."""
    if has_errors(run.issues):
        return  # the differential may have any shape
    base, differential = node.value.get("baseDefinition"), node.value.get("differential")
    known = run.definitions.with_snapshot(base) if isinstance(base, str) else None
    if known is None or node.value.get("derivation") != "constraint" or not isinstance(differential, dict):
        return
    elements = elements_of(known)
    listed = list(below(Node(differential, "BackboneElement", "differential", node), "element"))
    for entry, value in zip(listed, with_ids(one.value for one in listed), strict=True):
        _check_types(run, entry)
        try:
            elements = _applied(run, replace(entry, value=value), elements)
        except NotInBase as problem:
            run.error(entry, "differential", "business-rule", f"the base {base} does not have it: {problem}")
        except SnapshotError:
            return


def _check_types(run: ValidationRun, entry: Node) -> None:
    """Check that a profile that a type must conform to is one of that type."""
    for one in below(entry, "type"):
        for url in one.value.get("profile", ()):
            structure = run.definitions.structure(url)
            code = str(one.value.get("code"))
            if structure and code not in run.definitions.ancestors(str(structure.get("type"))):
                message = f"the profile {url} is for {structure.get('type')}, not for {code}"
                run.error(one, "differential", "business-rule", message)


def _applied(run: ValidationRun, entry: Node, elements: dict[str, Element]) -> dict[str, Element]:
    find = run.definitions.with_snapshot
    locate(elements, entry.value["path"], find)
    before = elements.get(str(entry.value["id"]), {})
    for name, value in _fixed(entry.value):
        if before.get(name, value) != value:
            run.error(entry, "differential", "business-rule", f"{name} is {quoted(before[name])} in the base")
    return apply(elements, entry.value, find)


def _fixed(entry: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in entry.items() if name.startswith("fixed")]
