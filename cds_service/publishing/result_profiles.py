"""One profile of Observation for each contraindication row that reads labs: which codes, units, answers and ranges.

It is `ir-result`, which is hand-written FSH, with the code bound to the labs of the row and the invariants of those
labs. A row may say under which id its profile is published (`result_profile`); an id once published stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.tables import Contraindication
from cds_service.knowledge.units import Units
from cds_service.publishing.bindings import labs_by_row
from cds_service.publishing.definition import Resource, canonical, copyright_of, definition
from cds_service.publishing.lab_invariants import lab_invariants
from cds_service.publishing.sources import Sources

_KIND = "StructureDefinition"


def result_profiles(base: Resource, sources: Sources) -> list[Resource]:
    """The profiles, as StructureDefinitions with snapshot and differential.

    Args:
        base: the StructureDefinition `ir-result`.
        sources: the tables.
    """
    labs = labs_by_row(sources.knowledge)
    return [_profile(row, labs[row.id], base, sources) for row in sources.knowledge.contraindications if row.id in labs]


def _profile(row: Contraindication, labs: Sequence[Lab], base: Resource, sources: Sources) -> Resource:
    key = sources.rows.contraindications[row.id].get("result_profile", f"ir-{row.id}-result")
    value_sets = [sources.rows.value_sets[lab.value_set] for lab in labs]
    root, code = base["type"], f"{base['type']}.code"
    added: dict[str, Resource] = {
        root: {"constraint": _constraints(key, labs, value_sets, sources.knowledge.units)},
        code: {"binding": {"strength": "required", "valueSet": canonical("ValueSet", f"labs-{row.id}")}},
    }
    names = "; ".join(lab.label for lab in labs)
    head = definition(
        _KIND,
        key,
        sources.release,
        title=f"Result read for: {row.label}",
        description=f"One of: {names}. A number has a unit that the tables convert.",
    )
    snapshot = [_with(element, added.get(element["id"], {})) for element in base["snapshot"]["element"]]
    return {
        **head,
        "copyright": copyright_of(value_sets),
        **{name: value for name, value in base.items() if name not in head},
        "baseDefinition": base["url"],
        "snapshot": {"element": snapshot},
        "differential": {"element": [{"id": path, "path": path, **rules} for path, rules in added.items()]},
    }


def _constraints(key: str, labs: Sequence[Lab], value_sets: Sequence[Any], units: Units) -> list[Resource]:
    """The invariants of the labs as constraints of an element; all of them are errors."""
    source = canonical(_KIND, key)
    return [
        {"key": rule.key, "severity": "error", "human": rule.human, "expression": rule.expression, "source": source}
        for lab, value_set in zip(labs, value_sets, strict=True)
        for rule in lab_invariants(lab, value_set, units)
    ]


def _with(element: Resource, rules: Resource) -> Resource:
    """An element of a snapshot under further rules: constraints are added, everything else is replaced."""
    constraints = [*element.get("constraint", ()), *rules.get("constraint", ())]
    return {**element, **rules, **({"constraint": constraints} if constraints else {})}
