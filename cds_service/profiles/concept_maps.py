"""ConceptMaps: their codes are in the value sets that they map from and to.

Source: FHIR R4 ConceptMap.source[x] and target[x]: "the source value set that contains the concepts that are being
mapped", "the target value set provides context for the mappings".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.profiles.issues import Severity
from cds_service.profiles.terminology import value_set_contains
from cds_service.profiles.validation_run import Node, ValidationRun, below

_OF_HL7 = "http://hl7.org/fhir/ConceptMap/"


def check_concept_map(run: ValidationRun, node: Node) -> None:
    """Check the codes on both sides against the value sets, as far as these are available."""
    # A warning for HL7's own maps, of which R4 itself has some with such codes.
    severity: Severity = "warning" if str(node.value.get("url")).startswith(_OF_HL7) else "error"
    sides = [(_value_set(node, side), side) for side in ("source", "target")]
    for group in below(node, "group"):
        for url, side in sides:
            system = group.value.get(side)
            for one in _concepts(group, side) if url and isinstance(system, str) else ():
                code = one.value.get("code")
                if isinstance(code, str) and value_set_contains(run.definitions, url, system, code) is False:
                    message = f"{system}#{code} is not in the {side} value set {url}"
                    run.add(severity, one, "concept-map-code", "code-invalid", message)


def _value_set(node: Node, side: str) -> str:
    """The URL of a value set that is not contained."""
    url: Any = node.value.get(f"{side}Uri", node.value.get(f"{side}Canonical"))
    return url if isinstance(url, str) and not url.startswith("#") else ""


def _concepts(group: Node, side: str) -> Iterator[Node]:
    for element in below(group, "element"):
        if side == "source":
            yield element
        else:
            yield from below(element, "target")
