"""Resources in XML as JSON: some of the official cases have their profile in XML only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.elements import Element
from cds_service.profiles.primitives import is_primitive

_FHIR = "{http://hl7.org/fhir}"
_XHTML = "http://www.w3.org/1999/xhtml"
_DIV = f"{{{_XHTML}}}div"
_NUMBERS = {"decimal": Decimal, "integer": int, "positiveInt": int, "unsignedInt": int}


def resource_from_xml(content: bytes, definitions: Definitions) -> dict[str, Any]:
    """A resource in FHIR's JSON, without comments; what R4 does not know stays, as unknown properties.

    Raises:
        ElementTree.ParseError: it is not XML.
        NotConvertible: its form is one that only XML has.

    Source: FHIR R4, XML and JSON formats.
    """
    return _resource(ElementTree.fromstring(content), definitions)  # noqa: S314  files of HL7


class NotConvertible(Exception):
    """No JSON says the same; the message is why."""


def _resource(written: ElementTree.Element, definitions: Definitions) -> dict[str, Any]:
    name = written.tag.removeprefix(_FHIR)
    tree = definitions.type_tree(name)
    if tree is None:
        raise NotConvertible(f"{written.tag} is no resource")
    return {"resourceType": name, **_properties(written, tree, definitions)}


def _properties(written: ElementTree.Element, tree: Element, definitions: Definitions) -> dict[str, Any]:
    if any((text or "").strip() for text in (written.text, *(one.tail for one in written))):
        raise NotConvertible(f"{written.tag} has text")
    made: dict[str, Any] = {name: value for name, value in written.attrib.items() if name != "value"}
    siblings: dict[str, list[Any]] = {}
    for one in written:
        name = one.tag.removeprefix(_FHIR)
        if one.tag == _DIV:
            made["div"] = _narrative(one)
            continue
        child, code = tree.keys.get(name, (None, ""))
        if child is None:
            made[name] = one.get("value", {})
            continue
        value, sibling = _value(one, child, code, definitions)
        if child.is_array:
            made.setdefault(name, []).append(value)
            siblings.setdefault(name, []).append(sibling)
        elif name in made:
            raise NotConvertible(f"{name} is repeated")
        else:
            made |= {name: value} if value is not None else {}
            made |= {f"_{name}": sibling} if sibling is not None else {}
    for name, listed in siblings.items():
        if any(one is not None for one in listed):
            made[f"_{name}"] = listed
        if all(one is None for one in made[name]):
            del made[name]
    return made


def _value(one: ElementTree.Element, child: Element, code: str, definitions: Definitions) -> tuple[Any, Any]:
    """The value of a property, and its `_` part where it is a primitive with id or extensions."""
    if is_primitive(code):
        below = _properties(one, _tree("Element", definitions), definitions)
        return (_primitive(code, one.get("value", "")) if "value" in one.attrib else None), (below or None)
    if code == "Resource":
        return _resource(one[0], definitions), None
    if child.content_reference:
        return _properties(one, _referenced(child, definitions), definitions), None
    inner = child if child.children else _tree(code, definitions)
    return _properties(one, inner, definitions), None


def _primitive(code: str, text: str) -> Any:
    """A primitive in JSON; text where it is not of its type, so that the validator sees it."""
    if code == "boolean":
        return {"true": True, "false": False}.get(text, text)
    try:
        return _NUMBERS[code](text) if code in _NUMBERS else text
    except (ValueError, ArithmeticError):
        return text


def _referenced(child: Element, definitions: Definitions) -> Element:
    """The element of a contentReference such as `#Questionnaire.item`."""
    found = definitions.tree(child.definition)
    for step in str(child.content_reference).partition("#")[2].split(".")[1:]:
        found = (found.children or {})[step] if found else None
    assert found is not None, child.path
    return found


def _narrative(div: ElementTree.Element) -> str:
    ElementTree.register_namespace("", _XHTML)
    copy = ElementTree.fromstring(ElementTree.tostring(div))  # noqa: S314  files of HL7
    copy.tail = None
    return ElementTree.tostring(copy, encoding="unicode")


def _tree(code: str, definitions: Definitions) -> Element:
    tree = definitions.type_tree(code)
    assert tree is not None, code
    return tree
