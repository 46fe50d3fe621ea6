"""SearchParameters: what says to be one that is at hand says the same of it.

Source: FHIR R4 SearchParameter.derivedFrom: "consistent with the definition from which it is defined";
CapabilityStatement.rest.resource.searchParam, definition and type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.profiles.issues import Severity
from cds_service.profiles.validation_run import Place, ValidationRun


def check_search_parameter(run: ValidationRun, place: Place) -> None:
    """A SearchParameter against the one that it is derived from: its type, and the resources that it is for."""
    known = _known(run, place.value.get("derivedFrom"))
    if not known:
        return
    _check_type(run, place, known, "error")
    base, wider = place.value.get("base"), known.get("base", ())
    extra = [one for one in base if one not in wider] if isinstance(base, list) and "Resource" not in wider else []
    if extra:
        message = f"is for {', '.join(map(str, extra))}, what it is derived from is not"
        run.error(place, "search-parameter", "business-rule", message)


def check_capabilities(run: ValidationRun, place: Place) -> None:
    """The search parameters of a CapabilityStatement against their definitions.

    Another type is a warning: statements of HL7 itself name a parameter with another type than its definition.
    """
    for server in _below(place, "rest"):
        for kind in _below(server, "resource"):
            for one in _below(kind, "searchParam"):
                _check_type(run, one, _known(run, one.value.get("definition")), "warning")


def _check_type(run: ValidationRun, place: Place, known: Any, severity: Severity) -> None:
    kind = place.value.get("type")
    if known and isinstance(kind, str) and kind != known.get("type"):
        message = f"is of type {kind}: {known['url']} is of type {known.get('type')}"
        run.add(severity, place, "search-parameter", "business-rule", message)


def _known(run: ValidationRun, url: Any) -> Any:
    return run.definitions.search_parameter(url) if isinstance(url, str) else None


def _below(place: Place, step: str) -> Iterator[Place]:
    listed = place.value.get(step)
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield Place(one, "BackboneElement", step, place, index)
