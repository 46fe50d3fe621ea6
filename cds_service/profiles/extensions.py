"""Extensions: a known one is validated against its definition and context; an unknown one is an error only on request.

Source: FHIR R4 Extensibility; Defining Extensions, section Context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cds_service.profiles.definitions import BASE
from cds_service.profiles.issues import Severity
from cds_service.profiles.primitives import is_primitive
from cds_service.profiles.terminology import Tristate
from cds_service.profiles.validation_run import Node, NotEvaluable, ValidationRun

# FHIR itself uses Element for resources too; the others are kinds of resources without a type in R4.
# An element of another release, as an extension. Source: FHIR R4 Version Management, section Extensions for Converting
# between Versions.
_OF_ANOTHER_RELEASE = re.compile(r"http://hl7\.org/fhir/\d\.\d/StructureDefinition/extension-\S+")
_ANYWHERE = {"Element", "CanonicalResource", "MetadataResource"}


def check_extension(run: ValidationRun, node: Node, check_profile: Callable[[ValidationRun, Node, str], None]) -> None:
    """Check one extension or modifierExtension; called in the base walk only.

    Args:
        run: collects the issues.
        node: the extension.
        check_profile: validates it against its definition.
    """
    url = node.value.get("url")
    if not isinstance(url, str) or not url:
        return
    within = node.parent is not None and node.parent.type == "Extension"
    if ":" not in url:
        _check_part(run, node, url, within)
        return
    structure = run.definitions.structure(url)
    if structure is None:
        _add_unknown(run, node, url)
    elif structure.get("type") != "Extension" or url == BASE + "Extension":
        run.error(node, "extension-url", "value", f"{url} does not define an extension")
    else:
        check_profile(run, node, url)
        _check_use(run, node, url, structure)


def _check_part(run: ValidationRun, node: Node, url: str, within: bool) -> None:
    """Check a part of a complex extension: its relative url must be defined by the whole extension."""
    if not within or node.parent is None:
        run.error(node, "extension-url", "value", f'the url "{url}" is not absolute')
        return
    whole = run.definitions.tree(str(node.parent.value.get("url")))
    parts = (whole.children or {}).get("extension") if whole else None
    names = (
        {one.children["url"].fixed for one in parts.slices if one.children and "url" in one.children}
        if parts
        else set()
    )
    if names and None not in names and url not in names:
        message = f'the extension has no part "{url}", only {", ".join(sorted(names))}'
        run.error(node, "extension-url", "value", message)


def _add_unknown(run: ValidationRun, node: Node, url: str) -> None:
    if _OF_ANOTHER_RELEASE.fullmatch(url):
        run.add("information", node, "extension-unknown", "extension", f"{url} is of another release: not checked")
        return
    severity = run.unknown_extensions
    if node.step != "modifierExtension":
        remedy = "not checked" if severity == "information" else "add the package that defines it"
        run.add(severity, node, "extension-unknown", "extension", f"the extension {url} is unknown: {remedy}")
        return
    message = f"the modifier extension {url} is unknown: it can change the meaning of the resource"
    run.add("error" if severity == "error" else "warning", node, "extension-unknown", "extension", message)


def stands_in(sibling: Any) -> bool:
    """Whether the `_` part of a primitive says its value in another release, in place of a code that R4 lacks."""
    return any(_OF_ANOTHER_RELEASE.fullmatch(url) for url in _urls(sibling))


def has_any(sibling: Any, urls: Iterable[str]) -> bool:
    """Whether the `_` part of a primitive has one of these extensions."""
    return not _urls(sibling).isdisjoint(urls)


def _urls(holder: Any) -> set[str]:
    """The URLs of the extensions of an object; none for anything else."""
    listed = holder.get("extension") if isinstance(holder, dict) else None
    urls = [one.get("url") for one in (listed if isinstance(listed, list) else ()) if isinstance(one, dict)]
    return {url for url in urls if isinstance(url, str)}


def _check_use(run: ValidationRun, node: Node, url: str, structure: Any) -> None:
    tree = run.definitions.tree(url)
    if tree is not None and tree.is_modifier != (node.step == "modifierExtension"):
        right = "modifierExtension" if tree.is_modifier else "extension"
        run.error(node, "extension-modifier", "extension", f"{url} belongs in {right}")
    if node.parent is None:
        return
    if "contextInvariant" in structure:
        # A warning for HL7's own extensions, because later releases correct invariants.
        severity: Severity = "warning" if url.startswith(BASE) else "error"
        _check_invariants(run, node, node.parent, structure["contextInvariant"], severity)
    contexts = structure.get("context", ())
    answer = _allowed(run, contexts, node.parent)
    if answer is True or not contexts:
        return
    allowed = ", ".join(one["expression"] for one in contexts)
    if answer is None:
        message = f"whether {url} is allowed here can't be determined, only on {allowed}: not checked"
        run.add("information", node, "extension-context", "not-supported", message)
        return
    message = f"{url} is not allowed here, only on {allowed}"
    run.add(_severity(run, url, structure, node.parent), node, "extension-context", "extension", message)


def _severity(run: ValidationRun, url: str, structure: Any, host: Node) -> Severity:
    """A warning for HL7's own extensions where a later release allows them, and in definitions: guides use them."""
    if not url.startswith(BASE):
        return "error"
    if _allowed(run, structure.get("laterContext", ()), host) is not False:
        return "warning"
    tree = run.definitions.type_tree(str(run.scope.resource.get("resourceType"))) if run.scope else None
    return "warning" if tree is not None and "url" in tree.keys else "error"


def _allowed(run: ValidationRun, contexts: Iterable[Any], host: Node) -> Tristate:
    """Whether one of the contexts of an extension is the element that has it."""
    answers = [_allows(run, one, host) for one in contexts]
    return True if True in answers else (None if None in answers else False)


def _check_invariants(
    run: ValidationRun, node: Node, host: Node, expressions: Iterable[str], severity: Severity
) -> None:
    """Check the contextInvariants of an extension, each of which must be true of the element that has it."""
    from cds_service.profiles.fhirpath import evaluate  # see there

    for expression in expressions:
        try:
            found = evaluate(run, host, expression, extension=node)
        except NotEvaluable as why:
            message = f"whether the extension is allowed here can't be determined ({why}): {expression} not checked"
            run.add("information", node, "extension-context", "not-supported", message)
            continue
        if not found or found[0] is False:
            message = f"{node.value['url']} is allowed only where {expression}"
            run.add(severity, node, "extension-context", "extension", message)


def _allows(run: ValidationRun, context: Any, host: Node) -> Tristate:
    kind, expression = context["type"], context["expression"]
    if kind == "extension":
        whole = host.parent if host.step == "value" and host.parent else host  # the extension, or its value
        return whole.type == "Extension" and whole.value.get("url") == expression
    if kind == "fhirpath":
        return _selects(run, expression, host)
    if kind != "element" or ":" in expression or "#" in expression or expression in _ANYWHERE:
        return True  # slices are not checked
    return expression in set(_names(run, host))


def _selects(run: ValidationRun, expression: str, host: Node) -> Tristate:
    """Whether a FHIRPath, evaluated on the resource, selects the element with the extension."""
    from cds_service.profiles.fhirpath import evaluate  # see there

    if run.scope is None:
        return None
    resource = run.scope.resource
    try:
        found = evaluate(run, Node(resource, str(resource.get("resourceType")), "%resource"), expression)
    except NotEvaluable:
        return None
    if not is_primitive(host.type):
        return any(one is host.value for one in found)
    # A primitive has no identity, so one of the same value counts. Without a value it can't be told.
    value = _primitive_value(host)
    return None if value is None and found else value in found


def _primitive_value(host: Node) -> Any:
    key = host.step + host.type[0].upper() + host.type[1:] if host.chosen else host.step
    value = host.parent.value.get(key) if host.parent else None
    return value[host.index] if isinstance(value, list) and host.index is not None else value


def _names(run: ValidationRun, host: Node) -> Iterator[str]:
    """Every name of an element: Patient.name.given is also HumanName.given, string and Element."""
    below: list[str] = [""]
    here: Node | None = host
    while here is not None:
        for kind in run.definitions.ancestors(here.type):
            yield from (kind + tail for tail in below)
        steps = [here.step]
        if here.chosen:
            steps = [f"{here.step}[x]", here.step + here.type[0].upper() + here.type[1:], here.step]
        if here.alias:
            yield from (here.alias + tail for tail in below)
        below = [f".{step}{tail}" for step in steps for tail in below]
        here = here.parent
