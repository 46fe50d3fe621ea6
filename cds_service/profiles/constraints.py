"""Constraints (invariants) of elements: FHIRPath expressions evaluated on the value.

fhirpathpy evaluates them, except for frequent ones and those that it gets wrong, see `native_constraints`. A constraint
that can't be evaluated is reported as information, never as an error: decision record 0020.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from fhirpathpy import apply_parsed_path
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.engine.util import get_data
from fhirpathpy.models import models
from fhirpathpy.parser import parse

from cds_service.profiles.bindings import codes_of, contains_any
from cds_service.profiles.elements import Constraint
from cds_service.profiles.native_constraints import NATIVE_CHECKS
from cds_service.profiles.references import resolve
from cds_service.profiles.validation_run import Node, ValidationRun

_SEVERITIES = {"error": "error", "warning": "warning"}
# A comparison of elements, as opposed to the result of a function, which always has a value.
_COMPARES_ELEMENTS = re.compile(r"(?<!\(\))[<>]")


class NotEvaluable(Exception):
    """The FHIRPath engine can't evaluate an expression; the message says why."""


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


def evaluate(run: ValidationRun, node: Node, expression: str) -> list[Any]:
    """The result of an expression on a value.

    Raises:
        NotEvaluable: the expression can't be parsed, or needs what the engine lacks.
    """
    scope = run.scope
    is_resource = isinstance(node.value, dict) and "resourceType" in node.value
    as_node = ResourceNode.create_node(node.value, *(() if is_resource else (_base(node), node.sibling)))
    context = {
        "context": as_node,
        "resource": ResourceNode.create_node(scope.resource if scope else node.value),
        "rootResource": ResourceNode.create_node(scope.container if scope else node.value),
    }
    # The engine resolves `Patient.name` only on a plain resource, and other paths only on a ResourceNode.
    engine_node = node.value if is_resource else as_node
    options = {"userInvocationTable": _calls(run), "traceFn": _silent, "returnRawData": True}
    try:
        found = apply_parsed_path(engine_node, _parsed(expression), context, _model(), options)
        return [get_data(one) for one in found]
    except (RecursionError, NotEvaluable):
        raise
    except Exception as error:  # fhirpathpy raises bare Exception and, on unexpected data, many others
        raise NotEvaluable(type(error).__name__) from error


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> dict[str, Any]:
    return _adapted(parse(expression))


_CONTEXT = parse("%context")["children"][0]["children"][0]
# The types of FHIRPath that have a FHIR type of the same meaning.
_SYSTEM_TYPES = {"String", "Boolean", "Integer", "Decimal", "Date", "DateTime", "Time"}
_EITHER = {"is": ("OrExpression", "or"), "as": ("UnionExpression", "|")}


def _adapted(tree: dict[str, Any], *, in_function: bool = False) -> dict[str, Any]:
    """The parsed expression, with two things written so that the engine understands them.

    `x is String` becomes `x is System.String or x is string`, because the engine keeps FHIR types apart; `x as String`
    becomes a union. `$this` outside of functions becomes `%context`, because the engine has no `$this` there.
    """
    kind = tree.get("type")
    inner = in_function or kind == "ParamList"
    tree = tree | {"children": [_adapted(one, in_function=inner) for one in tree.get("children", ())]}
    if kind == "InvocationTerm" and not inner and tree["children"][0]["type"] == "ThisInvocation":
        return _CONTEXT  # type: ignore[no-any-return]  # fhirpathpy has no types here
    if kind != "TypeExpression" or tree["children"][-1].get("text") not in _SYSTEM_TYPES:
        return tree
    value, named = tree["children"]
    name, operator = named["text"], tree["terminalNodeText"][0]
    ways = [
        tree | {"children": [value, named | {"text": text}]} for text in (f"System.{name}", name[0].lower() + name[1:])
    ]
    kind, sign = _EITHER[operator]
    return {"type": kind, "terminalNodeText": [sign], "children": ways}


@cache
def _model() -> dict[str, Any]:
    return models["r4"]


def _base(node: Node) -> str:
    """The engine's name for a node: its type, or its path in the resource for a backbone element."""
    if node.type not in ("BackboneElement", "Element") or node.parent is None:
        return node.type
    return node.alias or f"{_base(node.parent)}.{node.step}"


def _calls(run: ValidationRun) -> Mapping[str, Any]:
    """FHIR functions that the engine lacks. Source: FHIR R4 FHIRPath, Additional functions."""
    scope = run.scope

    def resolved(inputs: list[Any]) -> list[Any]:
        references = [one.get("reference") if isinstance(one, dict) else one for one in inputs]
        found = [resolve(scope, one) for one in references if isinstance(one, str)]
        return [ResourceNode.create_node(one) for one in found if one is not None]

    def member_of(inputs: list[Any], url: str) -> list[Any]:
        kinds = ["CodeableConcept" if isinstance(one, dict) and "coding" in one else "Coding" for one in inputs]
        codes = [code for one, kind in zip(inputs, kinds, strict=True) for code in codes_of(one, kind)]
        answer = contains_any(run, url, codes)
        if answer is None and inputs:
            raise NotEvaluable(f"value set {url} is not completely available")
        return [answer] if inputs else []

    def conforms_to(inputs: list[Any], url: str) -> list[Any]:
        nodes = [Node(one, str(one.get("resourceType")), "$this") for one in inputs if isinstance(one, dict)]
        answers = [run.conforms(run, node, url) for node in nodes]
        if None in answers:
            raise NotEvaluable(f"profile {url} is not available")
        return [False not in answers]

    return {
        "hasValue": _function(lambda inputs: [len(_plain(inputs)) == 1]),
        # R4 constraints rely on {}.not() being true: bdl-8 for an entry without a fullUrl.
        "not": _function(lambda inputs: [not inputs or inputs == [False]]),
        "toString": _function(_to_string),
        "matches": {"fn": _matches, "arity": {1: ["String"]}},
        "getValue": _function(lambda inputs: _plain(inputs)[:1]),
        "htmlChecks": _function(lambda inputs: [True]),  # checked in narrative.py
        "resolve": _function(resolved),
        "memberOf": {"fn": member_of, "arity": {1: ["String"]}},
        "conformsTo": {"fn": conforms_to, "arity": {1: ["String"]}},
    }


def _to_string(inputs: list[Any]) -> list[Any]:
    """Replaces the engine's toString(), which returns nothing for dates."""
    plain = _plain(inputs)
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in plain] if len(plain) == 1 else []


def _matches(inputs: list[Any], pattern: str) -> list[Any]:
    """Replaces the engine's matches(), which accepts a partial match; R4 constraints mean the whole string."""
    plain = _plain(inputs)
    return [re.fullmatch(pattern, str(plain[0]), re.DOTALL) is not None] if len(plain) == 1 else []


def _plain(inputs: list[Any]) -> list[Any]:
    """Primitive values only: the engine returns the extensions of a primitive as separate nodes."""
    return [one for one in inputs if isinstance(one, str | int | bool | Decimal | float)]


def _silent(*_: object) -> None:
    """Replaces trace(), which would print values of the record."""


def _function(answer: Callable[[list[Any]], list[Any]]) -> dict[str, Any]:
    return {"fn": answer, "arity": {0: []}}
