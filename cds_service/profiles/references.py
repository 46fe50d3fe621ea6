"""References: their form, their allowed targets, and the targets that can be resolved.

References resolve to contained resources and to entries of the enclosing Bundle; nothing is fetched.
Source: FHIR R4 References; Bundle, section Resolving references in Bundles.
"""

from __future__ import annotations

import re
from typing import Any

from cds_service.profiles.definitions import BASE
from cds_service.profiles.elements import Type
from cds_service.profiles.issues import Severity
from cds_service.profiles.validation_run import Node, Scope, ValidationRun

REST_URL = re.compile(
    r"(?P<base>https?://\S+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(/_history/\S{1,64})?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_TYPE_NAME = re.compile(r"[A-Za-z]+")
# The query of a search: name=value, joined by &.
_QUERY = re.compile(r"[\w.:\-]+=[^&\s]+(&[\w.:\-]+=[^&\s]+)*")
# Bundles that are self-contained, so that a urn: must resolve within them.
_SELF_CONTAINED = {"document", "message", "transaction", "batch"}
_LOCAL_SCHEMES = ("urn:uuid:", "urn:oid:")


def resolve(scope: Scope | None, reference: str) -> dict[str, Any] | None:
    """The target of a reference in the resource of `scope`; None if it can't be resolved."""
    if scope is None:
        return None
    if reference.startswith("#"):
        contained = scope.container.get("contained")
        listed = contained if isinstance(contained, list) else []
        return scope.container if reference == "#" else _with_id(listed, reference[1:])
    plain = reference.partition("/_history/")[0]
    here = scope
    while here.bundle is not None:
        for url in candidate_urls(plain, here.full_url):
            if url in here.bundle.by_url:
                return here.bundle.by_url[url]
        here = here.bundle
    return None


def _with_id(listed: list[Any], wanted: str) -> dict[str, Any] | None:
    return next((one for one in listed if isinstance(one, dict) and one.get("id") == wanted), None)


def candidate_urls(reference: str, full_url: str | None) -> list[str]:
    """The reference itself and, if it is relative, resolved against the base of the entry's fullUrl."""
    found = REST_URL.fullmatch(full_url or "")
    based = [found["base"] + reference] if found and found["base"] and not _SCHEME.match(reference) else []
    return [*based, reference]


def check_reference(run: ValidationRun, node: Node, allowed: Type, *, full: bool) -> None:
    """Check one Reference: its form (in the base walk), and whether its target has an allowed type and profile."""
    reference = node.value.get("reference")
    reference = reference if isinstance(reference, str) and reference else None
    if full and reference:
        _check_form(run, node, reference)
    found = resolve(run.scope, reference) if reference else None
    kind = _type_of(run, reference, found)
    named = node.value.get("type")
    if full and kind and isinstance(named, str) and run.definitions.is_resource(named) and named != kind:
        run.error(node, "reference-type", "structure", f"has the type {named}, but refers to {kind}")
    if full and isinstance(named, str) and _TYPE_NAME.fullmatch(named) and not run.definitions.is_resource(named):
        run.error(node, "reference-type", "structure", f"has the type {named}, which is not a resource type")
    kind = kind or (named if isinstance(named, str) and run.definitions.is_resource(named) else None)
    if reference:
        _check_aggregation(run, node, reference, found, allowed.aggregation)
    if allowed.targets and kind:
        _check_targets(run, node, allowed.targets, kind, found)


def _check_form(run: ValidationRun, node: Node, reference: str) -> None:
    if reference.startswith("#"):
        return  # constraint ref-1
    found = REST_URL.fullmatch(reference)
    if found and not found["base"] and not run.definitions.is_resource(found["type"]):
        run.error(node, "reference-form", "value", f"{found['type']} is not a resource type: write Type/id")
    elif not found and not _SCHEME.match(reference) and not _is_conditional(run, reference):
        run.error(node, "reference-form", "value", "a relative reference must be Type/id")
    bundle = run.scope.bundle if run.scope else None
    if bundle and reference.startswith(_LOCAL_SCHEMES) and resolve(run.scope, reference) is None:
        severity: Severity = "error" if str(bundle.resource.get("type")) in _SELF_CONTAINED else "warning"
        run.add(severity, node, "reference-unresolved", "not-found", "no entry of the Bundle has this fullUrl")


def _is_conditional(run: ValidationRun, reference: str) -> bool:
    """Whether it is a conditional reference such as `Patient?identifier=...`, as allowed in a transaction."""
    name, _, query = reference.partition("?")
    bundle = run.scope.bundle if run.scope else None
    return bool(_QUERY.fullmatch(query) and bundle and run.definitions.is_resource(name))


def _type_of(run: ValidationRun, reference: str | None, found: dict[str, Any] | None) -> str | None:
    """The resource type of a reference's target, from the target or else from the reference text."""
    if found is not None:
        name = found.get("resourceType")
        return name if isinstance(name, str) else None
    written = REST_URL.fullmatch(reference or "")
    return written["type"] if written and run.definitions.is_resource(written["type"]) else None


def _check_targets(
    run: ValidationRun, node: Node, targets: tuple[str, ...], kind: str, found: dict[str, Any] | None
) -> None:
    types = [_target_type(run, url) for url in targets]
    if None in types:  # an unknown profile may allow any type
        return
    kinds = run.definitions.ancestors(kind)
    if not any(one in kinds for one in types):
        allowed = ", ".join(str(one) for one in dict.fromkeys(types))
        run.error(node, "reference-target", "structure", f"refers to {kind}: allowed are {allowed}")
    elif found is not None:
        fitting = [url for url, one in zip(targets, types, strict=True) if one in kinds]
        _check_profiles(run, node, fitting, found)


def _check_profiles(run: ValidationRun, node: Node, targets: list[str], found: dict[str, Any]) -> None:
    """Check that a resolved target conforms to one of the target profiles."""
    name = str(found.get("resourceType"))
    answers = [
        url in (BASE + name, BASE + "Resource") or run.conforms(run, Node(found, name, name), url) for url in targets
    ]
    if answers and all(answer is False for answer in answers):
        wanted = ", ".join(targets)
        run.error(node, "reference-target", "structure", f"its target conforms to none of the profiles {wanted}")


def _check_aggregation(
    run: ValidationRun, node: Node, reference: str, found: dict[str, Any] | None, allowed: tuple[str, ...]
) -> None:
    """Check the aggregation mode: contained, bundled or referenced. Source: ElementDefinition.type.aggregation."""
    if not allowed:
        return
    mode = "contained" if reference.startswith("#") else ("bundled" if found is not None else "referenced")
    if mode not in allowed and not (mode == "bundled" and "referenced" in allowed):
        run.error(node, "reference-aggregation", "structure", f"is {mode}: allowed is {' or '.join(allowed)}")


def _target_type(run: ValidationRun, url: str) -> str | None:
    if url.startswith(BASE) and run.definitions.is_resource(url[len(BASE) :]):
        return url[len(BASE) :]
    structure = run.definitions.structure(url)
    return str(structure["type"]) if structure else None


def check_contained(run: ValidationRun, node: Node) -> None:
    """Check that contained resources have unique ids. Source: FHIR R4 References, section Contained Resources."""
    contained = node.value.get("contained")
    seen: set[str] = set()
    for index, one in enumerate(contained if isinstance(contained, list) else ()):
        identity = one.get("id") if isinstance(one, dict) else None
        where = Node(one, "Resource", "contained", node, index)
        if not isinstance(identity, str):
            run.error(where, "contained-id", "required", "a contained resource needs an id")
        elif identity in seen:
            run.error(where, "contained-id", "duplicate", f'two contained resources have the id "{identity}"')
        else:
            seen.add(identity)
