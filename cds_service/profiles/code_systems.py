"""CodeSystems: a supplement has the content `supplement` and only codes of its system; properties have their types.

Source: FHIR R4 CodeSystem, section Code System Supplements; CodeSystem.property.code and type;
CodeSystem.content, not-present: "None of the concepts defined by the code system are included".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.profiles.terminology import system_contains
from cds_service.profiles.validation_run import Node, ValidationRun, below


def check_code_system(run: ValidationRun, node: Node) -> None:
    """Check a CodeSystem: its properties, and against the system that it supplements, if that is available."""
    _check_properties(run, node)
    if node.value.get("content") == "not-present" and node.value.get("concept"):
        message = "has concepts, though its content is not-present: write fragment, example or complete"
        run.error(node, "code-system-content", "business-rule", message)
    base = node.value.get("supplements")
    if not isinstance(base, str):
        return
    if node.value.get("content") != "supplement":
        run.error(node, "supplement", "business-rule", "supplements another system: its content must be supplement")
    concepts = node.value.get("concept")
    for index, one in enumerate(concepts if isinstance(concepts, list) else ()):
        code = one.get("code") if isinstance(one, dict) else None
        if isinstance(code, str) and system_contains(run.definitions, base.partition("|")[0], code) is False:
            where = Node(one, "BackboneElement", "concept", node, index)
            run.error(where, "supplement", "code-invalid", f"{code} is not a code of {base}")


def _check_properties(run: ValidationRun, node: Node) -> None:
    """Check that a property is defined once and has its type; HL7's own systems use some that they don't define."""
    types: dict[Any, Any] = {}
    for defined in below(node, "property"):
        code = defined.value.get("code")
        if isinstance(code, str) and code in types:
            # A warning only: HL7's own definition of SNOMED CT defines one twice.
            message = f"defines the property {code} again"
            run.add("warning", defined, "code-system-property", "business-rule", message)
        elif isinstance(code, str):
            types[code] = defined.value.get("type")
    for concept in _concepts(node) if types else ():
        for one in below(concept, "property"):
            _check_property(run, one, types.get(str(one.value.get("code"))))


def _check_property(run: ValidationRun, node: Node, wanted: Any) -> None:
    found = next((name.removeprefix("value") for name in node.value if name.startswith("value")), None)
    if found and isinstance(wanted, str) and found.lower() != wanted.lower():
        message = f"{node.value['code']} has a value of type {found}, but is defined as {wanted}"
        run.error(node, "code-system-property", "business-rule", message)


def _concepts(node: Node) -> Iterator[Node]:
    """Every concept, at any depth."""
    for concept in below(node, "concept"):
        yield concept
        yield from _concepts(concept)
