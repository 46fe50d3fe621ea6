"""MeasureReports against their Measure, if it is available.

Source: FHIR R4 MeasureReport.group: its populations are those of the Measure's group, by code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.profiles.bindings import codes_of
from cds_service.profiles.validation_run import Node, ValidationRun, below

Codes = set[tuple[str | None, str]]


def check_measure_report(run: ValidationRun, node: Node) -> None:
    """Check the groups of a MeasureReport: each is one of the Measure, with its populations."""
    url = node.value.get("measure")
    measure = run.definitions.measure(url) if isinstance(url, str) else None
    if measure is None:
        return
    groups = list(measure.get("group", ()))
    for group in below(node, "group"):
        known = _group(groups, group.value)
        if known is None:
            run.error(group, "measure-group", "business-rule", "the Measure has no group with this code")
            continue
        _check_populations(run, group, [_codes(one.get("code")) for one in known.get("population", ())])


def _group(groups: list[Mapping[str, Any]], reported: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The Measure's group with the code of the reported one, or its only group."""
    if len(groups) == 1:
        return groups[0]
    wanted = _codes(reported.get("code"))
    return next((one for one in groups if wanted & _codes(one.get("code"))), None)


def _check_populations(run: ValidationRun, group: Node, defined: list[Codes]) -> None:
    for population in below(group, "population"):
        codes = _codes(population.value.get("code"))
        if codes and not any(codes & one for one in defined):
            run.error(
                population,
                "measure-population",
                "business-rule",
                "the Measure's group has no population with this code",
            )


def _codes(concept: Any) -> Codes:
    return set(codes_of(concept, "CodeableConcept"))
