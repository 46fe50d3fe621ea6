"""Profiles: their differential names elements that the base has, and does not change a value that the base fixes.

Source: FHIR R4 StructureDefinition, baseDefinition and derivation: a constraint may only restrict its base;
ElementDefinition, fixed[x], type.profile and slicing.discriminator.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from cds_service.profiles.issues import has_errors
from cds_service.profiles.snapshots import Element, NotInBase, SnapshotError, apply, elements_of, locate, with_ids
from cds_service.profiles.validation_run import Node, ValidationRun, below
from cds_service.profiles.values import quoted

# Types whose profile may be one of another type, or of which the children are in the profile itself.
_ABSTRACT = {"Resource", "DomainResource", "BackboneElement", "Element"}
# The first step of a discriminator's path, if it is the name of an element.
_NAME = re.compile(r"(?:\$this\.)?([a-z]\w*)(?![\w(])")


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
            _check_discriminators(run, replace(entry, value=value), elements)
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
            kind = str(structure.get("type")) if structure else code
            if code != kind and not (code in _ABSTRACT and code in run.definitions.ancestors(kind)):
                message = f"the profile {url} is for {kind}, not for {code}"
                run.error(one, "differential", "business-rule", message)


def _check_discriminators(run: ValidationRun, entry: Node, elements: dict[str, Element]) -> None:
    """Check that a discriminator begins at a child of the element that it slices."""
    identity = str(entry.value["id"])
    codes = [str(one.get("code")) for one in elements.get(identity, {}).get("type", ())]
    trees = [run.definitions.type_tree(code) for code in codes]
    if not codes or None in trees or not _ABSTRACT.isdisjoint(codes):
        return
    known = {name for tree in trees if tree for name in tree.children or {}}
    slicing = Node(entry.value.get("slicing") or {}, "Element", "slicing", entry)
    for one in below(slicing, "discriminator"):
        first = _NAME.match(str(one.value.get("path")))
        if first and first[1] not in known:
            message = f"{entry.value['path']} has no {first[1]}, by which it is sliced"
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
