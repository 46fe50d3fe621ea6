"""Constraints (invariants) of elements: FHIRPath expressions evaluated on the value.

fhirpathpy evaluates them, except for frequent ones and those that it gets wrong, see `native_constraints`. A constraint
that can't be evaluated is reported as information, never as an error: decision record 0020.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from cds_service.profiles.elements import Constraint
from cds_service.profiles.native_constraints import NATIVE_CHECKS
from cds_service.profiles.validation_run import Node, NotEvaluable, ValidationRun

_SEVERITIES = {"error": "error", "warning": "warning"}
# A comparison of elements, as opposed to the result of a function, which always has a value.
_COMPARES_ELEMENTS = re.compile(r"(?<!\(\))[<>]")


class Undecided(NotEvaluable):
    """The values at hand satisfy neither the constraint nor its opposite."""


def check_constraints(run: ValidationRun, node: Node, constraints: Iterable[Constraint]) -> None:
    """Check the constraints of an element or type on one value; each expression is evaluated once per value.

    Args:
        run: collects the issues.
        node: the value.
        constraints: of the element or of its type.
    """
    for constraint in constraints:
        try:
            holds_true = is_met(run, node, constraint.expression)
        except Undecided as why:
            run.add("warning", node, constraint.key, "invariant", f"{constraint.key}: can't be decided: {why}")
            continue
        except NotEvaluable as why:
            message = f"constraint {constraint.key} can't be evaluated here ({why}): not checked"
            run.add("information", node, constraint.key, "not-supported", message)
            continue
        if not holds_true:
            severity = _SEVERITIES.get(constraint.severity, "warning")
            message = f"{constraint.key}: {constraint.human or constraint.expression}"
            run.add(severity, node, constraint.key, "invariant", message)  # type: ignore[arg-type]


def is_met(run: ValidationRun, node: Node, expression: str) -> bool:
    """Whether a value satisfies the expression of a constraint.

    Raises:
        NotEvaluable: the engine can't evaluate it.
    """
    if known := NATIVE_CHECKS.get(expression):
        answer = known(node, run.scope)
        if answer is None:
            raise Undecided("start and end overlap, but have different precision; give both in the same")
        return answer
    key = id(node.value), node.type, expression
    cacheable = isinstance(node.value, dict)
    if cacheable and key in run.cache:
        return bool(run.cache[key])
    from cds_service.profiles.fhirpath import evaluate  # see there

    result = is_true(evaluate(run, node, expression), expression)
    if cacheable:
        run.cache[key] = result
    return result


def is_true(result: list[Any], expression: str) -> bool:
    """The truth value of a constraint's result.

    An empty result is false, except for a comparison of elements: dates of different precision and missing elements
    can't be compared, which is not a violation. Source: FHIRPath, Singleton Evaluation of Collections; Comparison.
    """
    if not result:
        return _COMPARES_ELEMENTS.search("".join(expression.split())) is not None
    return result[0] is not False if len(result) == 1 else True
