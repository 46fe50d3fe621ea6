"""StructureDefinition snapshots -> trees of elements.

A snapshot is a flat list in document order; in the tree, children are under their parents and slices under the element
that they slice.
Source: FHIR R4 ElementDefinition and Profiling, sections Slicing and Re-slicing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
# The second is how R4 writes ElementDefinition.binding.additional of R5.
_ADDITIONAL = {
    "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.binding.additional",
}
_PURPOSES = {"required": "required", "maximum": "required", "extensible": "extensible"}
_REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
_MIN_LENGTH = "http://hl7.org/fhir/StructureDefinition/minLength"
# How R4 writes ElementDefinition.mustHaveValue and valueAlternatives of R5.
_MUST_HAVE_VALUE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.mustHaveValue"
_ALTERNATIVES = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.valueAlternatives"
_SYSTEM_TYPE = "http://hl7.org/fhirpath/System."


@dataclass(frozen=True, slots=True)
class Constraint:
    """One invariant; `severity` is error or warning."""

    key: str
    severity: str
    human: str
    expression: str


@dataclass(frozen=True, slots=True)
class Type:
    """One allowed type: code, profiles (one of which a value must conform to), target profiles, aggregation modes."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    aggregation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """A terminology binding; `further` are the strengths and value sets of its extensions."""

    strength: str
    value_set: str
    further: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Slicing:
    """How occurrences are assigned to slices; discriminators are (type, path) pairs."""

    discriminators: tuple[tuple[str, str], ...]
    rules: str
    ordered: bool


@dataclass(slots=True)
class Element:
    """One element of a StructureDefinition. `children` is None if they are those of its type.

    `keys` maps each JSON property to its child and type (`valueQuantity` -> value[x], Quantity). Not frozen, because
    trees are built step by step; never changed afterwards. A primitive without a value needs one of the extensions in
    `instead_of_value`, if that is not None.
    """

    path: str
    name: str
    definition: str
    types: tuple[Type, ...] = ()
    is_choice: bool = False
    min_occurs: int = 0
    max_occurs: float = inf
    is_array: bool = False
    slice_name: str | None = None
    slicing: Slicing | None = None
    content_reference: str | None = None
    fixed: Any = None
    pattern: Any = None
    bounds: Mapping[str, Any] = field(default_factory=dict)
    min_length: int | None = None
    max_length: int | None = None
    regex: str | None = None
    is_modifier: bool = False
    instead_of_value: tuple[str, ...] | None = None
    binding: Binding | None = None
    constraints: tuple[Constraint, ...] = ()
    children: dict[str, Element] | None = None
    keys: dict[str, tuple[Element, str]] = field(default_factory=dict)
    slices: list[Element] = field(default_factory=list)


def build_tree(structure: Mapping[str, Any]) -> Element:
    """The root element of a StructureDefinition that has a snapshot."""
    url = structure["url"]
    entries = structure["snapshot"]["element"]
    root = _element(entries[0], url)
    latest = {root.path: root}
    for entry in entries[1:]:
        parent = latest.get(entry["path"].rpartition(".")[0])
        if parent is None:
            continue
        element = _element(entry, url)
        latest[element.path] = element
        _attach(parent, element)
    _index(root)
    return root


def _attach(parent: Element, element: Element) -> None:
    if parent.children is None:
        parent.children = {}
    owner = parent.children.get(element.name)
    if owner is None or element.slice_name is None:
        parent.children[element.name] = element
        return
    for part in _ancestors(element.slice_name):
        owner = next((one for one in owner.slices if one.slice_name == part), owner)
    owner.slices.append(element)


def _ancestors(slice_name: str) -> Iterable[str]:
    """`a/b/c` is a slice of `a/b`, which is a slice of `a`."""
    parts = slice_name.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def _index(element: Element) -> None:
    for child in (element.children or {}).values():
        for one in child.types if child.is_choice else ():
            element.keys[child.name + one.code[0].upper() + one.code[1:]] = child, one.code
        if not child.is_choice:
            element.keys[child.name] = child, child.types[0].code if child.types else ""
        _index(child)
    for part in element.slices:
        _index(part)


def _element(entry: Mapping[str, Any], url: str) -> Element:
    path = entry["path"]
    if base_path(entry) == "Resource.id":
        # R4 declares the type System.String; the specification text says id.
        entry = {**entry, "type": [{"code": "id"}]}
    base = entry.get("base", {})
    last = path.rpartition(".")[2]
    is_choice = last.endswith("[x]")
    if not is_choice and base_path(entry).endswith("[x]"):
        # A profile that allows only one type may write value[x] as valueQuantity.
        last, is_choice = base["path"].rpartition(".")[2], True
    return Element(
        path=path,
        name=last.removesuffix("[x]"),
        definition=url,
        types=tuple(_type(one) for one in entry.get("type", ())),
        is_choice=is_choice,
        min_occurs=entry.get("min", 0),
        max_occurs=_max_occurs(entry.get("max", "*")),
        is_array=_max_occurs(base.get("max", entry.get("max", "*"))) > 1,
        slice_name=entry.get("sliceName"),
        slicing=_slicing(entry["slicing"]) if "slicing" in entry else None,
        content_reference=entry.get("contentReference"),
        fixed=_value(entry, "fixed"),
        pattern=_value(entry, "pattern"),
        bounds={name[:3]: value for name, value in entry.items() if name.startswith(("minValue", "maxValue"))},
        min_length=_extended(entry, _MIN_LENGTH, "valueInteger"),
        max_length=entry.get("maxLength"),
        regex=_extended(entry, _REGEX, "valueString"),
        is_modifier=bool(entry.get("isModifier")),
        instead_of_value=_instead_of_value(entry),
        binding=_binding(entry.get("binding", {})),
        constraints=tuple(_constraint(one) for one in entry.get("constraint", ()) if one.get("expression")),
    )


def base_path(entry: Mapping[str, Any]) -> str:
    """The path of the element in the type that defines it, such as `Resource.id` for Patient.id."""
    return str(entry.get("base", {}).get("path", entry["path"]))


def _max_occurs(written: str) -> float:
    return inf if written == "*" else int(written)


def _type(entry: Mapping[str, Any]) -> Type:
    code = entry.get("code", "Element")
    if code.startswith(_SYSTEM_TYPE):
        named = [e for e in entry.get("extension", ()) if e["url"] == _FHIR_TYPE]
        code = (named[0].get("valueUrl") or named[0].get("valueUri")) if named else code[len(_SYSTEM_TYPE) :].lower()
    return Type(
        code,
        tuple(entry.get("profile", ())),
        tuple(entry.get("targetProfile", ())),
        tuple(entry.get("aggregation", ())),
    )


def _extended(entry: Mapping[str, Any], url: str, value: str) -> Any:
    """The value of an extension of the element or its only type, such as `regex`; None without it."""
    types = entry.get("type", ())
    holders = [entry, types[0]] if len(types) == 1 else [entry]
    listed = (one for holder in holders for one in holder.get("extension", ()))
    return next((one.get(value) for one in listed if one["url"] == url), None)


def _instead_of_value(entry: Mapping[str, Any]) -> tuple[str, ...] | None:
    listed = entry.get("extension", ())
    urls = tuple(one["valueCanonical"] for one in listed if one["url"] == _ALTERNATIVES and "valueCanonical" in one)
    is_needed = any(one["url"] == _MUST_HAVE_VALUE and one.get("valueBoolean") is True for one in listed)
    return urls if urls or is_needed else None


def _slicing(entry: Mapping[str, Any]) -> Slicing:
    return Slicing(
        tuple((one["type"], one["path"]) for one in entry.get("discriminator", ())),
        entry.get("rules", "open"),
        bool(entry.get("ordered")),
    )


def _value(entry: Mapping[str, Any], prefix: str) -> Any:
    return next((value for name, value in entry.items() if name.startswith(prefix) and name != prefix), None)


def _binding(entry: Mapping[str, Any]) -> Binding | None:
    if "valueSet" not in entry:
        return None
    return Binding(entry.get("strength", "example"), entry["valueSet"], tuple(_further(entry.get("extension", ()))))


def _further(extensions: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Strength and value set of maxValueSet and of additional bindings that apply everywhere, not in a usage only."""
    for one in extensions:
        if one["url"] == _MAX_VALUE_SET and "valueCanonical" in one:
            yield "required", one["valueCanonical"]
        elif one["url"] in _ADDITIONAL:
            parts = {part["url"]: part for part in one.get("extension", ())}
            strength = _PURPOSES.get(parts.get("purpose", {}).get("valueCode"))
            value_set = parts.get("valueSet", {}).get("valueCanonical")
            if strength and value_set and "usage" not in parts:
                yield strength, value_set


def _constraint(entry: Mapping[str, Any]) -> Constraint:
    return Constraint(entry["key"], entry.get("severity", "error"), entry.get("human", ""), entry["expression"])
