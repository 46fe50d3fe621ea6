"""Bundles: entries by the URLs that references use, and the rules for fullUrl, ids and references.

Source: FHIR R4 Bundle, sections Resource URL & Uniqueness rules and Resolving references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cds_service.profiles.references import REST_URL, candidate_urls, resolve
from cds_service.profiles.validation_run import Node, Scope, ValidationRun

_WITHOUT_FULL_URL = {"transaction", "transaction-response", "batch", "batch-response"}
_DOCUMENT_REFERENCES = ("subject", "encounter", "author", "attester", "custodian", "event", "section")
# A page has one address and one neighbour each way. Source: FHIR R4 Search, section Paging; RFC 5005.
_SINGLE_LINKS = {"self", "first", "prev", "previous", "next", "last"}
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")


def resources_by_url(bundle: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Resources of a Bundle by fullUrl and by Type/id."""
    found: dict[str, dict[str, Any]] = {}
    for _, entry in _entries(bundle):
        resource, url = entry.get("resource"), entry.get("fullUrl")
        if not isinstance(resource, dict):
            continue
        if isinstance(url, str):
            found.setdefault(url, resource)
        if isinstance(resource.get("id"), str):
            found.setdefault(f"{resource.get('resourceType')}/{resource['id']}", resource)
    return found


def full_url(node: Node) -> str | None:
    """The fullUrl of the Bundle entry with this resource; None outside a Bundle."""
    entry = node.parent.value if node.parent and node.step == "resource" else None
    url = entry.get("fullUrl") if isinstance(entry, dict) else None
    return url if isinstance(url, str) else None


def check_bundle(run: ValidationRun, node: Node) -> None:
    """Check every entry: its fullUrl (present, absolute, consistent with the resource), and the rules of its type."""
    kind = str(node.value.get("type"))
    _check_links(run, node)
    if kind == "document":
        _check_linked(run, node)
    for position, entry in _entries(node.value):
        where = Node(entry, "BackboneElement", "entry", node, position)
        url, resource = entry.get("fullUrl"), entry.get("resource")
        if url is None and _needs_full_url(kind, resource):
            run.error(where, "full-url", "required", f"an entry of a {kind} needs a fullUrl")
        if kind == "document" and position == 0:
            _check_document(run, node, entry)
        if kind == "searchset" and isinstance(resource, dict):
            _check_match(run, where, entry, resource)
        if isinstance(url, str) and url and not _ABSOLUTE.fullmatch(url):
            run.error(where, "full-url", "value", "fullUrl must be absolute: a URL, urn:uuid: or urn:oid:")
        found = REST_URL.fullmatch(url) if isinstance(url, str) else None
        if found and isinstance(resource, dict) and run.definitions.is_resource(found["type"]):
            _check_full_url(run, where, found["type"], found["id"], resource)


def _check_links(run: ValidationRun, node: Node) -> None:
    links = node.value.get("link")
    seen: set[str] = set()
    for index, link in enumerate(links if isinstance(links, list) else ()):
        relation = str(link.get("relation")) if isinstance(link, dict) else ""
        if relation in seen:
            where = Node(link, "BackboneElement", "link", node, index)
            run.error(where, "bundle-link", "duplicate", f"the relation {relation} may occur only once")
        if relation in _SINGLE_LINKS:
            seen.add(relation)


def _needs_full_url(kind: str, resource: Any) -> bool:
    """Whether an entry needs a fullUrl; an OperationOutcome in a search result does not."""
    return isinstance(resource, dict) and kind not in _WITHOUT_FULL_URL and not _is_outcome(resource)


def _is_outcome(resource: dict[str, Any]) -> bool:
    return resource.get("resourceType") == "OperationOutcome"


def _check_document(run: ValidationRun, node: Node, entry: dict[str, Any]) -> None:
    """Check that the Composition's references resolve in the document. Source: FHIR R4 Documents, section 3.3.1."""
    composition = entry.get("resource")
    if not isinstance(composition, dict):
        return
    scope = run.scope_of(composition)
    where = Node(composition, "Composition", "resource", Node(entry, "BackboneElement", "entry", node, 0))
    for reference in _references({name: composition.get(name) for name in _DOCUMENT_REFERENCES}):
        if not reference.startswith("#") and (problem := _document_problem(node.value, scope, reference)):
            run.error(where, "document-reference", "not-found", f"{reference} {problem}")


def _check_linked(run: ValidationRun, node: Node) -> None:
    """Check that every entry of a document is linked to its Composition, by references of either direction.

    Source: FHIR R4 Documents, section 3.3.1: only what the Composition refers to, directly or through other entries, a
    stylesheet, and Provenance of what is in the document.
    """
    entries = [one for one in _entries(node.value) if isinstance(one[1].get("resource"), dict)]
    # Versions of a resource have the same fullUrl.
    names = {id(entry["resource"]): str(entry.get("fullUrl", place)) for place, entry in entries}
    links: dict[str, set[str]] = {name: set() for name in names.values()}
    for _, entry in entries:
        here = names[id(entry["resource"])]
        for reference in _references(entry["resource"], everywhere=True):
            target = names.get(id(resolve(run.scope_of(entry["resource"]), reference)))
            if target is not None:
                links[here].add(target)
                links[target].add(here)
    linked, pending = set[str](), [names[id(entry["resource"])] for _, entry in entries[:1]]
    while pending:
        if (name := pending.pop()) not in linked:
            linked.add(name)
            pending += links[name]
    for place, entry in entries:
        if names[id(entry["resource"])] not in linked and entry["resource"].get("resourceType") != "Binary":
            where = Node(entry, "BackboneElement", "entry", node, place)
            run.error(where, "document-reference", "business-rule", "is not linked to the Composition by any reference")


def _document_problem(bundle: dict[str, Any], scope: Scope | None, reference: str) -> str | None:
    """Why a reference does not resolve to exactly one entry of the document; versions differ by `meta.versionId`."""
    if resolve(scope, reference) is None:
        return "is not in the document"
    plain, _, wanted = reference.partition("/_history/")
    urls = candidate_urls(plain, scope.full_url if scope else None)
    entries = [entry for _, entry in _entries(bundle) if entry.get("fullUrl") in urls]
    if not entries and not wanted:
        return "is there by type and id, but is resolved by the fullUrl of its entry, which is another"
    if not wanted:
        return "is the fullUrl of more than one entry: add the version" if len(entries) > 1 else None
    versions = {_version(entry) for entry in entries}
    return None if not versions or versions & {wanted, None} else "has another version in the document"


def _version(entry: dict[str, Any]) -> str | None:
    resource = entry.get("resource")
    meta = resource.get("meta") if isinstance(resource, dict) else None
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def _references(value: Any, *, everywhere: bool = False) -> Iterator[str]:
    """All references in a value, those in extensions only if `everywhere`."""
    if isinstance(value, list):
        for one in value:
            yield from _references(one, everywhere=everywhere)
    elif isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for name, one in value.items():
            if everywhere or name not in ("extension", "modifierExtension"):
                yield from _references(one, everywhere=everywhere)


def _check_match(run: ValidationRun, where: Node, entry: dict[str, Any], resource: dict[str, Any]) -> None:
    """Check a searchset entry: resources need an id; mode outcome needs an OperationOutcome.

    Source: FHIR R4 Search, 3.1.1.1.
    """
    search = entry.get("search")
    mode = search.get("mode") if isinstance(search, dict) else None
    is_outcome = _is_outcome(resource)
    if "id" not in resource and not (is_outcome and mode in (None, "outcome")):
        run.error(where, "search-id", "required", "a resource in a search result needs an id")
    if mode == "outcome" and not is_outcome:
        run.error(where, "search-mode", "structure", "mode outcome is for an OperationOutcome")


def _check_full_url(run: ValidationRun, where: Node, kind: str, resource_id: str, resource: dict[str, Any]) -> None:
    if "id" not in resource:
        message = f'fullUrl ends in "{resource_id}", but the resource has no id: add it, or use a urn:uuid: as fullUrl'
        run.error(where, "full-url", "required", message)
    elif isinstance(resource.get("id"), str) and resource["id"] != resource_id:
        run.error(
            where, "full-url", "value", f'fullUrl ends in "{resource_id}", the resource has the id "{resource["id"]}"'
        )
    elif resource.get("resourceType") != kind:
        run.error(where, "full-url", "value", f"fullUrl says {kind}, the resource is a {resource.get('resourceType')}")


def _entries(bundle: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    entries = bundle.get("entry")
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield position, entry
