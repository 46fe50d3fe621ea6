"""ValueSets: the systems they include are absolute, and the value of a filter is one that the property can have.

Source: FHIR R4 ValueSet.compose.include.system ("an absolute URI"), and the extension valueset-system for a contained
one; CodeSystem, section Defined Concept Properties: `notSelectable` and `inactive` are booleans;
section Filters: a property of type Coding is compared with system#code.
"""

from __future__ import annotations

from typing import Any

from cds_service.profiles.terminology import system_contains
from cds_service.profiles.validation_run import Node, ValidationRun, below

_BOOLEANS = {"notSelectable", "inactive"}


def check_value_set(run: ValidationRun, node: Node) -> None:
    """Check the systems and filters of `compose`."""
    compose = node.value.get("compose")
    if not isinstance(compose, dict):
        return
    parent = Node(compose, "BackboneElement", "compose", node)
    for step in ("include", "exclude"):
        for included in below(parent, step):
            system = included.value.get("system")
            if isinstance(system, str) and ":" not in system:
                message = f'has the system "{system}", which is not absolute: write the url of the code system'
                run.error(included, "value-set-system", "business-rule", message)
            for one in below(included, "filter"):
                asked, value = one.value.get("property"), one.value.get("value")
                if one.value.get("op") == "=" and asked in _BOOLEANS and value not in ("true", "false"):
                    message = f'filters {asked} by "{value}": it is true or false'
                    run.error(one, "value-set-filter", "business-rule", message)
                elif problem := _coding_problem(run, system, one.value):
                    run.error(one, "value-set-filter", "business-rule", problem)


def _coding_problem(run: ValidationRun, system: Any, one: dict[str, Any]) -> str | None:
    """Why the value of a filter by a property of type Coding is none; None where it is, or the system is unknown."""
    known = run.definitions.code_system(system) if isinstance(system, str) else None
    types = {defined.get("code"): defined.get("type") for defined in (known or {}).get("property", ())}
    asked, value = one.get("property"), one.get("value")
    if one.get("op") != "=" or types.get(asked) != "Coding" or not isinstance(value, str):
        return None
    named, mark, code = value.partition("#")
    if not mark and "|" in value:
        return None  # as a token in a search, which value sets have too
    if not mark:
        return f'filters {asked} by "{value}": a Coding is written system#code'
    is_code = system_contains(run.definitions, named.partition("|")[0], code)
    return f'filters {asked} by "{value}": {code} is not a code of {named}' if is_code is False else None
