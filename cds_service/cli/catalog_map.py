"""A ConceptMap for the site folder, begun from a catalog: a person confirms it before it is used.

Orders recognized for certain are `equivalent` to their procedure. Those to be checked are `relatedto` it, which only
makes the procedure a candidate, with the reason as a comment. What is not recognized is left to the to-do list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cds_service.cli.catalog_results import SURE, Result
from cds_service.knowledge.value_sets import PROCEDURE_CODES

PLACEHOLDER = "https://example.org/your-order-codes"
"""System of the codes where the catalog names none."""


def concept_map(results: Iterable[Result], system: str | None) -> dict[str, Any]:
    """The ConceptMap of the recognized orders.

    Args:
        results: recognized orders that have a code, at least one; of two with one code the first counts.
        system: of codes without one of their own.
    """
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for result in results:
        source = result.order.system or system or PLACEHOLDER
        groups.setdefault(source, {}).setdefault(result.order.code, _element(result))
    return {
        "resourceType": "ConceptMap",
        "status": "draft",
        "description": "Begun from an order catalog; check each line, then set status to active.",
        "group": [
            {"source": source, "target": PROCEDURE_CODES, "element": list(elements.values())}
            for source, elements in groups.items()
        ],
    }


def _element(result: Result) -> dict[str, Any]:
    if result.status == SURE:
        targets = [{"code": result.procedure, "display": result.label, "equivalence": "equivalent"}]
    else:
        comment = "check: may be any of these" if len(result.candidates) > 1 else f"check: {doubt(result)}"
        targets = [{"code": key, "equivalence": "relatedto", "comment": comment} for key in result.candidates]
    return {"code": result.order.code, "display": result.order.text, "target": targets}


def doubt(result: Result) -> str:
    """Why an order is to be checked, in a few words; empty for one that is sure."""
    if len(result.candidates) > 1:
        return f"may be {', '.join(result.candidates)}"
    return f"not explained: {', '.join(result.unexplained)}" if result.unexplained else ""
