"""SearchParameters: consistency with the definition that they are derived from or refer to, if it is available.

Source: FHIR R4 SearchParameter.derivedFrom: "consistent with the definition from which it is defined";
CapabilityStatement.rest.resource.searchParam.type: "It SHALL be the same as the type in the search parameter
definition".
"""

from __future__ import annotations

from typing import Any

from cds_service.profiles.issues import Severity
from cds_service.profiles.validation_run import Node, ValidationRun, below

_OF_HL7 = "http://hl7.org/fhir/CapabilityStatement/"


def check_search_parameter(run: ValidationRun, node: Node) -> None:
    """Check type and base of a SearchParameter against the one that it is derived from."""
    known = _known(run, node.value.get("derivedFrom"))
    if not known:
        return
    _check_type(run, node, known, "error")
    base, wider = node.value.get("base"), known.get("base", ())
    extra = [one for one in base if one not in wider] if isinstance(base, list) and "Resource" not in wider else []
    if extra:
        message = f"has the base {', '.join(map(str, extra))}, which the parameter it is derived from has not"
        run.error(node, "search-parameter", "business-rule", message)


def check_capabilities(run: ValidationRun, node: Node) -> None:
    """Check the search parameters of a CapabilityStatement against their definitions.

    A different type is only a warning in HL7's own statements, of which R4 itself has some with such parameters.
    """
    severity: Severity = "warning" if str(node.value.get("url")).startswith(_OF_HL7) else "error"
    for server in below(node, "rest"):
        for kind in below(server, "resource"):
            for one in below(kind, "searchParam"):
                _check_type(run, one, _known(run, one.value.get("definition")), severity)


def _check_type(run: ValidationRun, node: Node, known: Any, severity: Severity) -> None:
    kind = node.value.get("type")
    if known and isinstance(kind, str) and kind != known.get("type"):
        message = f"has the type {kind}, but {known['url']} has the type {known.get('type')}"
        run.add(severity, node, "search-parameter", "business-rule", message)


def _known(run: ValidationRun, url: Any) -> Any:
    return run.definitions.search_parameter(url) if isinstance(url, str) else None
