"""Generates a snapshot for a StructureDefinition that has only a differential.

Source: FHIR R4 Profiling, section Snapshot; ElementDefinition, section Interpretation. Only what validation uses is
generated: paths, cardinalities, types, values, bindings, slices, constraints. If a differential names an element that
its base does not have, there is no snapshot, and the profile is reported as not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Element = dict[str, Any]
Find = Callable[[str], Mapping[str, Any] | None]

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_BY_TYPE = {"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"}


class SnapshotError(Exception):
    """The differential can't be applied to its base."""


class NotInBase(SnapshotError):
    """The differential names an element that its base does not have."""


def with_snapshot(structure: Mapping[str, Any], find: Find) -> Mapping[str, Any]:
    """The StructureDefinition with a snapshot.

    Args:
        structure: a StructureDefinition with a differential.
        find: returns a StructureDefinition with a snapshot by its URL, or None.

    Raises:
        SnapshotError: the base is not available, or the differential does not fit it.
    """
    base = find(structure.get("baseDefinition", ""))
    if base is None:
        raise SnapshotError(f"base {structure.get('baseDefinition')} is not available")
    elements = elements_of(base)
    for entry in with_ids(structure.get("differential", {}).get("element", ())):
        elements = apply(elements, entry, find)
    return {**structure, "snapshot": {"element": list(elements.values())}}


def elements_of(structure: Mapping[str, Any]) -> dict[str, Element]:
    """The elements of a snapshot by id."""
    return {entry["id"]: dict(entry) for entry in structure["snapshot"]["element"]}


def with_ids(entries: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The elements of a differential, each with an id: without one, it belongs to the slice above it in the list.

    Source: FHIR R4 ElementDefinition, sections Element Ids and Slicing.
    """
    latest: dict[str, str] = {}
    for entry in entries:
        path, name = str(entry["path"]), entry.get("sliceName")
        latest = {one: known for one, known in latest.items() if one != path and not one.startswith(f"{path}.")}
        made = _id_of(path, latest) + (f":{name}" if name else "")
        latest[path] = str(entry.get("id") or made)
        yield {**entry, "id": latest[path]}


def _id_of(path: str, latest: Mapping[str, str]) -> str:
    """The id of a path, below the latest element or slice of each path above it."""
    above, dot, last = path.rpartition(".")
    return latest.get(path) or (f"{_id_of(above, latest)}.{last}" if dot else path)


def apply(elements: dict[str, Element], entry: Mapping[str, Any], find: Find) -> dict[str, Element]:
    """The elements of a snapshot, changed by one element of a differential.

    Raises:
        NotInBase: the base has no such element.
        SnapshotError: something that is needed is not available.
    """
    root = next(iter(elements.values()))["path"]
    identity = ".".join([root, *str(entry["id"]).split(".")[1:]])
    if identity.partition(".")[0].partition(":")[0] != root:
        raise NotInBase(f"{identity} is not below {root}")
    elements, known = locate(elements, identity, find)
    elements[known] = _merge(elements[known], entry)
    if "max" not in entry and known.rpartition(".")[2].startswith(("extension:", "modifierExtension:")):
        elements[known] |= _extension_max(entry, find)
    return elements


def _extension_max(entry: Mapping[str, Any], find: Find) -> Element:
    """The `max` of an extension from its definition."""
    profiles = [url for one in entry.get("type", ()) for url in one.get("profile", ())]
    definition = find(profiles[0]) if profiles else None
    return {"max": definition["snapshot"]["element"][0]["max"]} if definition else {}


def locate(elements: dict[str, Element], identity: str, find: Find) -> tuple[dict[str, Element], str]:
    """The elements, expanded and sliced as needed so that they contain `identity`, and the id of that element.

    Raises:
        NotInBase: there is no such element.
        SnapshotError: a type that is needed is ambiguous or not available.
    """
    if identity in elements:
        return elements, identity
    above, _, last = identity.rpartition(".")
    if not above:
        raise NotInBase(f"{identity} is not in the base")
    elements, parent = locate(elements, above, find)
    name, _, slice_name = last.partition(":")
    plain = f"{parent}.{name}"
    if plain not in elements and not _below(elements, parent):
        elements = _expand_children(elements, parent, find)
    if plain not in elements:
        return _type_slice(elements, parent, name)
    return (elements, plain) if not slice_name else _add_slice(elements, plain, slice_name)


def _type_slice(elements: dict[str, Element], parent: str, name: str) -> tuple[dict[str, Element], str]:
    """`valueQuantity` for value[x]: a slice with that name and a type discriminator."""
    choices = (
        one
        for one in elements
        if one.startswith(f"{parent}.") and one.endswith("[x]") and ":" not in one[len(parent) :]
    )
    for choice in choices:
        stem = choice[len(parent) + 1 : -len("[x]")]
        if "." in stem or not name.startswith(stem):
            continue
        types = [t for t in elements[choice].get("type", ()) if name == stem + t["code"][0].upper() + t["code"][1:]]
        if types:
            elements[choice].setdefault("slicing", _BY_TYPE)
            elements, identity = _add_slice(elements, choice, name)
            elements[identity]["type"] = types
            return elements, identity
    raise NotInBase(f"{parent} has no {name}")


def _add_slice(elements: dict[str, Element], plain: str, slice_name: str) -> tuple[dict[str, Element], str]:
    """Add a slice after the existing ones; `a/b` is a slice of the slice `a`."""
    identity = f"{plain}:{slice_name}"
    if identity in elements:
        return elements, identity
    above = f"{plain}:{slice_name.rpartition('/')[0]}" if "/" in slice_name else plain
    source = elements.get(above) or elements[plain]
    made = {key: value for key, value in source.items() if key not in ("slicing", "constraint")}
    made |= {"id": identity, "sliceName": slice_name, "min": 0}
    return _insert_after(elements, plain, {identity: made}), identity


def _expand_children(elements: dict[str, Element], parent: str, find: Find) -> dict[str, Element]:
    """Add the children of an element, from the element that it slices or refers to, or from its type."""
    element = elements[parent]
    inner = _referenced(element, find)
    if not inner and ":" in parent.rpartition(".")[2]:
        inner = _below(elements, parent.rpartition(":")[0])
    if not inner:
        inner = _type_children(element, find)
    added = {}
    for tail, child in inner.items():
        path = element["path"] + "." + ".".join(part.partition(":")[0] for part in tail.split("."))
        added[f"{parent}.{tail}"] = {**child, "id": f"{parent}.{tail}", "path": path}
    return _insert_after(elements, parent, added)


def _referenced(element: Element, find: Find) -> dict[str, Element]:
    """The children of the element that a contentReference names, as R4 has them: not as this profile changes them."""
    path = element.get("contentReference", "").partition("#")[2]
    structure = find(_BASE + path.partition(".")[0]) if path else None
    return _below({one["id"]: one for one in structure["snapshot"]["element"]}, path) if structure else {}


def _below(elements: dict[str, Element], identity: str) -> dict[str, Element]:
    start = f"{identity}."
    return {one[len(start) :]: element for one, element in elements.items() if identity and one.startswith(start)}


def _type_children(element: Element, find: Find) -> dict[str, Element]:
    types = element.get("type", ())
    if len(types) != 1:
        raise SnapshotError(f"{element['id']} has several types, so its children are ambiguous")
    profiles = types[0].get("profile", ())
    structure = find(profiles[0] if len(profiles) == 1 else _BASE + types[0]["code"])
    if structure is None:
        raise SnapshotError(f"type {types[0]['code']} is not available")
    listed = structure["snapshot"]["element"]
    return {one["id"].partition(".")[2]: one for one in listed[1:]}


def _insert_after(elements: dict[str, Element], after: str, added: dict[str, Element]) -> dict[str, Element]:
    """Insert `added` after an element, its slices and all their descendants."""
    ids = list(elements)
    last = max(
        i for i, one in enumerate(ids) if one == after or one.startswith((f"{after}.", f"{after}:", f"{after}/"))
    )
    entries = list(elements.items())
    return dict([*entries[: last + 1], *added.items(), *entries[last + 1 :]])


def _merge(element: Element, entry: Mapping[str, Any]) -> Element:
    """The base element with the differential's values; constraints are combined."""
    changed = {
        key: value for key, value in entry.items() if key not in ("id", "path", "constraint", "sliceName", "base")
    }
    constraints = {one["key"]: one for one in [*element.get("constraint", ()), *entry.get("constraint", ())]}
    merged = {**element, **changed}
    if constraints:
        merged["constraint"] = list(constraints.values())
    # The `max` of the base is kept, because it decides whether the JSON has an array.
    merged["base"] = {"path": element["path"], "max": element.get("max", "*"), **element.get("base", {})}
    return merged
