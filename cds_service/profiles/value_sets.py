"""ValueSets: the systems they include are absolute, and the value of a filter is one that the property can have.

Source: FHIR R4 ValueSet.compose.include.system ("an absolute URI"), and the extension valueset-system for a contained
one; CodeSystem, section Defined Concept Properties: `notSelectable` and `inactive` are booleans.
"""

from __future__ import annotations

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
