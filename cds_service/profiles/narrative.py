"""Narrative: well-formed, non-empty XHTML with only the elements and attributes that FHIR allows.

Source: FHIR R4 Narrative, constraints txt-1 and txt-2. It is XML without a DTD, so HTML entities are undefined:
`&#160;`, not `&nbsp;`.
"""

from __future__ import annotations

from xml.parsers import expat

from cds_service.profiles.datatype_rules import element_ids
from cds_service.profiles.validation_run import Node, ValidationRun

_XHTML = "http://www.w3.org/1999/xhtml"
_EMPTY = "has no text and no image"
_ELEMENTS = {
    *("p", "br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "a", "span", "b", "em", "i", "strong", "small"),
    *("big", "tt", "dfn", "q", "var", "abbr", "acronym", "cite", "blockquote", "hr", "address", "bdo"),
    *("kbd", "sub", "sup", "ul", "ol", "li", "dl", "dt", "dd", "pre", "table", "caption", "colgroup"),
    *("col", "thead", "tr", "tfoot", "tbody", "th", "td", "code", "samp", "img", "map", "area", "ins"),
    *("del", "s", "strike", "u", "font", "center"),
}
_ATTRIBUTES = {
    *(
        "title",
        "style",
        "class",
        "id",
        "idref",
        "lang",
        "xml:lang",
        "xml:space",
        "dir",
        "accesskey",
        "tabindex",
        "span",
        "width",
    ),
    *("align", "valign", "char", "charoff", "abbr", "axis", "headers", "scope", "rowspan", "colspan"),
    *("summary", "frame", "rules", "border", "cellspacing", "cellpadding", "href", "name", "rel", "rev"),
    *("target", "charset", "type", "hreflang", "shape", "coords", "src", "alt", "longdesc", "height"),
    *("usemap", "ismap", "cite", "datetime", "compact", "start", "value", "nowrap", "hspace", "vspace"),
    *("color", "size", "face", "bgcolor"),
}


class _InvalidNarrative(ValueError):
    """Why the XHTML is not allowed, as the end of a sentence."""


def check_narrative(run: ValidationRun, node: Node) -> None:
    """Check the `div` of a Narrative."""
    images: list[str] = []
    if problem := _problem(str(node.value), images):
        rule = "txt-2" if problem == _EMPTY else "txt-1"
        run.error(node, rule, "invariant", problem)
    known = element_ids(run.scope.container) if images and run.scope else set()
    for image in images:
        if image not in known:
            # A warning only, because HL7's own examples have such images.
            run.add("warning", node, "narrative-image", "not-found", f"the image #{image} is not in the resource")


def _problem(div: str, images: list[str]) -> str | None:
    """Why the XHTML is not allowed; `images` receives the ids of the images that are in the resource itself."""
    parser = expat.ParserCreate()
    seen: list[str] = []
    within: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        _start(name, attributes, seen, within)
        if name == "img" and attributes.get("src", "").startswith("#"):
            images.append(attributes["src"][1:])

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: within.pop()
    parser.CharacterDataHandler = lambda text: seen.append("#text") if text.strip() else None
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(div, True)
    except expat.ExpatError as error:
        return f"is not well-formed XHTML ({expat.ErrorString(error.code)})"
    except _InvalidNarrative as error:
        return str(error)
    return None if {"#text", "img"}.intersection(seen) else _EMPTY


def _start(name: str, attributes: dict[str, str], seen: list[str], within: list[str]) -> None:
    if not seen and (name != "div" or attributes.get("xmlns") != _XHTML):
        raise _InvalidNarrative(f'must be one div with xmlns="{_XHTML}"')
    if name not in _ELEMENTS:
        raise _InvalidNarrative(f"has the element {name}, which FHIR does not allow")
    if name == "p" and "p" in within:
        raise _InvalidNarrative("has a p inside a p, which HTML does not allow")
    for attribute, value in attributes.items():
        known = attribute in _ATTRIBUTES or attribute == "xmlns" or attribute.startswith("xmlns:")
        if not known or value.strip().lower().startswith("javascript:"):
            raise _InvalidNarrative(f"has the attribute {name}.{attribute}, which FHIR does not allow")
    seen.append(name)
    within.append(name)


def _no_doctype(*_: object) -> None:
    raise _InvalidNarrative("has a DOCTYPE, which FHIR does not allow")
