"""The occurrences of an element's children in a JSON object: single or in arrays, with `_` siblings, with their types.

Source: FHIR R4 JSON Representation of Resources, sections 2.6.2.1 to 2.6.2.3; ElementDefinition, choice of types.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.profiles.elements import Element, Type
from cds_service.profiles.primitives import is_primitive
from cds_service.profiles.validation_run import Node, ValidationRun


def occurrences(run: ValidationRun, node: Node, tree: Element, child: Element, full: bool) -> Iterator[Node]:
    """Every occurrence of a child, with its type; in the base walk (`full`) wrong JSON form is reported."""
    if child.is_choice:
        keys = [(key, one.code) for one in child.types if _present(node.value, key := _key(child, one))]
        if full and len(keys) > 1:
            names = " and ".join(key for key, _ in keys)
            run.error(node, "choice", "structure", f"{child.path} is present as {names}: only one type is allowed")
        if not full:
            _check_choice(run, node, tree, child)
    else:
        code = (
            child.types[0].code if child.types else node.type if child.content_reference is None else "BackboneElement"
        )
        keys = [(child.name, code)] if _present(node.value, child.name) else []
    for key, code in keys:
        yield from _values(run, node, child, key, code, full)


def _key(child: Element, one: Type) -> str:
    return child.name + one.code[0].upper() + one.code[1:]


def _present(value: dict[str, Any], key: str) -> bool:
    return key in value or "_" + key in value


def _check_choice(run: ValidationRun, node: Node, tree: Element, child: Element) -> None:
    """Report a type of a choice that the base allows but the profile does not."""
    for key in node.value:
        kind = key.removeprefix("_")
        if (
            kind.startswith(child.name)
            and kind[len(child.name) : len(child.name) + 1].isupper()
            and kind not in tree.keys
        ):
            allowed = ", ".join(one.code for one in child.types)
            run.error(node, "choice", "structure", f"{key} is not allowed here: the profile allows {allowed}")


def _values(run: ValidationRun, node: Node, child: Element, key: str, code: str, full: bool) -> Iterator[Node]:
    value, sibling = node.value.get(key), node.value.get("_" + key)
    primitive = is_primitive(code)
    alias = (child.content_reference or "").partition("#")[2]
    if full:
        _check_form(run, node, child, key, value, sibling)
    if not (isinstance(value, list) or (isinstance(sibling, list) and value is None)):
        if isinstance(value, list) or (value is None and sibling is None):
            return
        yield Node(value, code, child.name, node, None, sibling if primitive else None, child.is_choice, alias)
        return
    values = value if isinstance(value, list) else [None] * len(sibling)
    siblings = sibling if isinstance(sibling, list) else []
    for index, one in enumerate(values):
        item_sibling = siblings[index] if index < len(siblings) else None
        if one is None and item_sibling is None:
            if full:
                run.error(node, "null", "structure", f"{key}[{index}] is null: leave it out")
            continue
        yield Node(one, code, child.name, node, index, item_sibling if primitive else None, child.is_choice, alias)


def _check_form(run: ValidationRun, node: Node, child: Element, key: str, value: Any, sibling: Any) -> None:
    """Check for array or single value, null and empty arrays. Source: FHIR R4 JSON, sections 2.6.2.1 and 2.6.2.2."""
    for name, one in ((key, value), ("_" + key, sibling)):
        if one is None:
            if name in node.value:
                run.error(node, "null", "structure", f"{name} is null: leave it out")
        elif child.is_array != isinstance(one, list):
            form = "must be an array, even for one value" if child.is_array else "must be a single value, not an array"
            run.error(node, "json-array", "structure", f"{name}: {form}")
        elif one == []:
            run.error(node, "empty", "structure", f"{name} is an empty array: leave it out")
    if isinstance(value, list) and isinstance(sibling, list) and len(value) != len(sibling):
        run.error(node, "json-array", "structure", f"{key} and _{key} have different lengths")
