"""Datatype rules that the specification states in prose, not as constraints.

Source: FHIR R4 datatypes: Coding, Identifier, Attachment, Meta; Terminologies, section Code Systems.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cds_service.profiles.elements import Element
from cds_service.profiles.issues import Severity
from cds_service.profiles.terminology import system_contains
from cds_service.profiles.units import UCUM, unit_problem
from cds_service.profiles.validation_run import Node, ValidationRun

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_OF_THIS_VERSION = "http://hl7.org/fhir/"
# STU3 names of code systems that R4 replaced by those of terminology.hl7.org.
_REPLACED = re.compile(r"http://hl7\.org/fhir/(v(?P<version>[23])/(?!vs/))?(?P<name>[^/]+(/.+)?)")
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_OF_URIS = "urn:ietf:rfc:3986"
_PAGE = re.compile(r"https?://hl7\.org/fhir/.+\.html")


def check_datatype(run: ValidationRun, node: Node) -> None:
    """Check the rules of a complex value's datatype that are not in its definition."""
    check = _CHECKS.get(node.type)
    if check:
        check(run, node)


def _check_coding(run: ValidationRun, node: Node) -> None:
    system = node.value.get("system")
    if not isinstance(system, str) or not system:
        return
    if problem := _system_problem(run, system):
        run.error(node, "coding-system", "code-invalid", f"system {system} {problem}")
    elif (
        isinstance(node.value.get("code"), str)
        and system_contains(run.definitions, system, node.value["code"]) is False
    ):
        # Systems under hl7.org/fhir are part of R4; others may have newer versions with more codes.
        severity: Severity = "error" if system.startswith(_OF_THIS_VERSION) else "warning"
        message = f"{node.value['code']} is not a code of {system}"
        run.add(severity, node, "coding-code", "code-invalid", message)
    elif doubt := _system_doubt(run, system):
        run.add("warning", node, "coding-system", "code-invalid", f"system {system} {doubt}")


def _system_problem(run: ValidationRun, system: str) -> str | None:
    known = run.definitions.code_system(system)
    if known is not None:
        is_supplement = known.get("content") == "supplement" or "supplements" in known
        return "is a supplement: use the code system that it supplements" if is_supplement else None
    if not _ABSOLUTE.match(system):
        return "is not absolute"
    if run.definitions.value_set(system) is not None:
        return "is a value set: use the code system of the code"
    return "is a page of the specification, not a code system" if _PAGE.fullmatch(system) else None


def _system_doubt(run: ValidationRun, system: str) -> str | None:
    """A warning for a system that real records and HL7's own examples use, though R4 has another name for it."""
    if system.startswith("http://build.fhir.org"):
        return "is a page, not a code system"
    if found := _REPLACED.fullmatch(system):
        replacing = _TERMINOLOGY + (f"v{found['version']}-" if found["version"] else "") + found["name"]
        if found["version"] or (run.definitions.code_system(replacing) and not run.definitions.code_system(system)):
            return f"is the STU3 name: write {replacing}"
    return None


def _check_quantity(run: ValidationRun, node: Node) -> None:
    system, code = node.value.get("system"), node.value.get("code")
    if system == UCUM and isinstance(code, str) and (problem := unit_problem(run.definitions, code)):
        # A warning only: orders of tablets and drops use such codes as UCUM units, also in HL7's examples.
        run.add("warning", node, "unit", "code-invalid", f'"{code}" {problem}')


def _check_identifier(run: ValidationRun, node: Node) -> None:
    system, value = node.value.get("system"), node.value.get("value")
    if isinstance(system, str) and system and not _ABSOLUTE.match(system):
        run.error(node, "identifier-system", "value", f"system {system} is not absolute")
    if system == _OF_URIS and isinstance(value, str) and value and not _ABSOLUTE.match(value):
        # Warnings, as for relative canonicals: HL7's own examples have them.
        message = f"the value {value} is no URI, as the system {system} says: write the whole URI, or another system"
        run.add("warning", node, "identifier-value", "value", message)


def _check_attachment(run: ValidationRun, node: Node) -> None:
    data, size, hash_value = (node.value.get(name) for name in ("data", "size", "hash"))
    if not isinstance(data, str):
        return
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return  # reported as an invalid primitive
    if isinstance(size, int) and size != len(content):
        run.error(node, "attachment-size", "value", f"size is {size} bytes, but data has {len(content)}")
    digest = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    given = "".join(hash_value.split()) if isinstance(hash_value, str) else digest
    # A hash of another length has another encoding, such as hexadecimal.
    if given != digest and len(given) == len(digest):
        run.error(node, "attachment-hash", "value", "hash is not the SHA-1 of data, in base64")


def _check_meta(run: ValidationRun, node: Node) -> None:
    for name in ("profile", "security", "tag"):
        listed = node.value.get(name)
        keys = [_entry_key(one) for one in listed] if isinstance(listed, list) else []
        if len(keys) != len(set(keys)):
            run.error(node, "meta-duplicate", "duplicate", f"{name} has the same entry twice")


def _entry_key(one: Any) -> Any:
    return (str(one.get("system")), str(one.get("code"))) if isinstance(one, dict) else str(one)


def check_canonical(run: ValidationRun, node: Node, element: Element) -> None:
    """Check that a canonical URL refers to an allowed resource type, and that a resource's own url is absolute."""
    value = node.value
    if not isinstance(value, str):
        return
    if node.type == "uri" and node.step == "url" and _is_resource(run, node.parent) and not _ABSOLUTE.match(value):
        run.error(node, "canonical", "value", f"{value} is not absolute")
    if node.type == "canonical" and not value.startswith("#") and not _ABSOLUTE.match(value):
        run.add("warning", node, "canonical", "value", f"{value} is not absolute: write the url of the resource")
    wanted = {url.rpartition("/")[2] for one in element.types for url in one.targets}
    kind = run.definitions.kind_of(value) if node.type == "canonical" and wanted else None
    if kind and not wanted.intersection(run.definitions.ancestors(kind)):
        run.error(node, "canonical", "value", f"{value} is a {kind}, expected {' or '.join(sorted(wanted))}")


def _is_resource(run: ValidationRun, node: Node | None) -> bool:
    return node is not None and run.definitions.is_resource(node.type)


def check_element_ids(run: ValidationRun, node: Node) -> None:
    """Check that element ids are unique in a resource. Source: FHIR R4 Element, id.

    StructureDefinitions are skipped, because their snapshot and differential use the same ids.
    """
    if node.type == "StructureDefinition":
        return
    seen: set[str] = set()
    for element_id in _element_ids(node.value):
        if element_id in seen:
            run.error(node, "element-id", "duplicate", f'two elements have the id "{element_id}"')
        seen.add(element_id)


def element_ids(resource: dict[str, Any]) -> set[str]:
    """The ids of a resource's elements and of its contained resources."""
    contained = resource.get("contained")
    listed = contained if isinstance(contained, list) else []
    return {*_element_ids(resource), *(str(one.get("id")) for one in listed if isinstance(one, dict))}


def _element_ids(resource: dict[str, Any]) -> Iterator[str]:
    pending = list(_below(resource))
    while pending:
        one = pending.pop()
        if "resourceType" in one:
            continue
        if isinstance(one.get("id"), str):
            yield one["id"]
        pending += _below(one)


def _below(value: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for one in value.values():
        if isinstance(one, dict):
            yield one
        elif isinstance(one, list):
            yield from (inner for inner in one if isinstance(inner, dict))


_CHECKS: dict[str, Callable[[ValidationRun, Node], None]] = {
    "Coding": _check_coding,
    **dict.fromkeys(("Quantity", "Age", "Count", "Distance", "Duration"), _check_quantity),
    "Identifier": _check_identifier,
    "Attachment": _check_attachment,
    "Meta": _check_meta,
}
