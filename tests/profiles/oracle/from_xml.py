"""Resources in XML as JSON: some of the official cases have their profile in XML only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.elements import Element
from cds_service.profiles.primitives import is_primitive

_FHIR = "{http://hl7.org/fhir}"
_NUMBERS = {"decimal": Decimal, "integer": int, "positiveInt": int, "unsignedInt": int}


def resource_from_xml(content: bytes, definitions: Definitions) -> dict[str, Any]:
    """A resource in FHIR's JSON; narrative and comments are left out. Source: FHIR R4, XML and JSON formats."""
    return _resource(ElementTree.fromstring(content), definitions)  # noqa: S314  files of HL7


def _resource(written: ElementTree.Element, definitions: Definitions) -> dict[str, Any]:
    name = written.tag.removeprefix(_FHIR)
    tree = definitions.type_tree(name)
    assert tree is not None, name
    return {"resourceType": name, **_properties(written, tree, definitions)}


def _properties(written: ElementTree.Element, tree: Element, definitions: Definitions) -> dict[str, Any]:
    made: dict[str, Any] = {name: value for name, value in written.attrib.items() if name != "value"}
    for one in written:
        name = one.tag.removeprefix(_FHIR)
        if name not in tree.keys:  # narrative
            continue
        child, code = tree.keys[name]
        for key, value in _values(one, name, child, code, definitions):
            if child.is_array:
                made.setdefault(key, []).append(value)
            else:
                made[key] = value
    return made


def _values(
    one: ElementTree.Element, name: str, child: Element, code: str, definitions: Definitions
) -> list[tuple[str, Any]]:
    """The property, and its `_` part where a primitive has extensions, which is not expected in an array."""
    if is_primitive(code):
        below = _properties(one, _tree("Element", definitions), definitions)
        text = one.get("value", "")
        value = text == "true" if code == "boolean" else _NUMBERS.get(code, str)(text)
        return [(name, value)] * ("value" in one.attrib) + [(f"_{name}", below)] * bool(below)
    if code == "Resource":
        return [(name, _resource(one[0], definitions))]
    inner = child if child.children else _tree(code, definitions)
    return [(name, _properties(one, inner, definitions))]


def _tree(code: str, definitions: Definitions) -> Element:
    tree = definitions.type_tree(code)
    assert tree is not None, code
    return tree
