"""CodeSystem supplements: must have the content `supplement`, and only codes of the system that they supplement.

Source: FHIR R4 CodeSystem, section Code System Supplements.
"""

from __future__ import annotations

from cds_service.profiles.terminology import system_contains
from cds_service.profiles.validation_run import Node, ValidationRun


def check_code_system(run: ValidationRun, node: Node) -> None:
    """Check a CodeSystem with `supplements`; its codes are checked if the supplemented system is available."""
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
