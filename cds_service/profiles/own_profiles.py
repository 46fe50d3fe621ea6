"""Which of the product's own profiles apply to a resource.

A profile that binds or fixes `code` applies only to resources with such a code: a lab profile does not apply to a
heart rate. Any other profile applies to all resources of its type.
"""

from __future__ import annotations

from typing import Any

from cds_service.profiles.bindings import codes_of, contains_any
from cds_service.profiles.definitions import Definitions, own_resources
from cds_service.profiles.elements import Element
from cds_service.profiles.terminology import Tristate
from cds_service.profiles.validation_run import ValidationRun
from cds_service.profiles.values import matches_pattern
from cds_service.profiles.walk import conforms


def applicable_profiles(definitions: Definitions, resource: dict[str, Any]) -> list[str]:
    """URLs of the product's profiles that apply to a resource, by its type and code."""
    found = []
    for structure in own_resources():
        if structure["resourceType"] != "StructureDefinition" or structure.get("derivation") != "constraint":
            continue
        tree = definitions.tree(structure["url"]) if structure["type"] == resource.get("resourceType") else None
        if tree is not None and _may_have(definitions, resource, tree):
            found.append(structure["url"])
    return found


def _may_have(definitions: Definitions, resource: dict[str, Any], tree: Element) -> bool:
    code = (tree.children or {}).get("code")
    return code is None or _has_code(definitions, resource.get("code"), code) is not False


def _has_code(definitions: Definitions, value: Any, code: Element) -> Tristate:
    kind = code.types[0].code if code.types else ""
    if code.pattern is not None or code.fixed is not None:
        return matches_pattern(value, code.pattern if code.pattern is not None else code.fixed)
    if code.binding and code.binding.strength == "required":
        codes = codes_of(value, kind)
        return contains_any(ValidationRun(definitions, conforms), code.binding.value_set, codes) if codes else False
    return None
