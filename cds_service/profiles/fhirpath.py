"""FHIRPath expressions by fhirpathpy, adapted to what R4 means where the engine differs.

Apart from `constraints`, because the engine takes as long to import as all of the validator: who validates a resource
whose constraints are all checked natively never waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from fhirpathpy import apply_parsed_path
from fhirpathpy.engine.evaluators import evaluators, member_invocation
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.engine.util import get_data
from fhirpathpy.models import models
from fhirpathpy.parser import InputStream, parse, recover  # type: ignore[attr-defined]  # InputStream is of antlr4
from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer

from cds_service.profiles.bindings import codes_of, contains_any
from cds_service.profiles.references import resolve
from cds_service.profiles.validation_run import Node, NotEvaluable, Scope, ValidationRun


def evaluate(run: ValidationRun, node: Node, expression: str, **variables: Node) -> list[Any]:
    """The result of an expression on a value.

    Args:
        run: has the current resource.
        node: the value.
        expression: in FHIRPath.
        variables: further ones, such as `extension` for %extension.

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
        **_SYSTEMS,
        **dict(_named_definitions(expression)),
        **{name: ResourceNode.create_node(one.value, one.type) for name, one in variables.items()},
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


# Source: FHIR R4 FHIRPath, Use of FHIRPath, environment variables; the engine itself knows %ucum.
_SYSTEMS = {"sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}
_NAMED = re.compile(r"%[`\"]((vs|ext)-([^`\"]+))[`\"]")
_FOLDERS = {"vs": "ValueSet", "ext": "StructureDefinition"}


def _named_definitions(expression: str) -> Iterator[tuple[str, str]]:
    """The variables `vs-NAME` and `ext-NAME` of an expression, and the URLs that they stand for."""
    for found in _NAMED.finditer(expression):
        yield found[1], f"http://hl7.org/fhir/{_FOLDERS[found[2]]}/{found[3]}"


# The short form of a filter. Source: FHIR R4 FHIRPath, Additional functions, extension().
_EXTENSION = re.compile(r"\bextension\(\s*('[^']*'|%`[^`]*`)\s*\)")


@lru_cache(maxsize=4096)
def _parsed(expression: str) -> dict[str, Any]:
    expression = _NAMED.sub(r"%`\1`", expression)  # earlier releases of FHIR write %"vs-NAME"
    expression = _EXTENSION.sub(r"extension.where(url = \1)", expression)  # the engine's has no primitives
    # A character that FHIRPath does not have is found first, because the parser prints a line about it.
    lexer = FHIRPathLexer(InputStream(expression))
    lexer.removeErrorListeners()
    lexer.recover = recover
    lexer.getAllTokens()
    return _adapted(parse(expression))


_CONTEXT = parse("%context")["children"][0]["children"][0]
# The types of FHIRPath that have a FHIR type of the same meaning.
_SYSTEM_TYPES = {"String", "Boolean", "Integer", "Decimal", "Date", "DateTime", "Time"}
_EITHER = {"is": ("OrExpression", "or"), "as": ("UnionExpression", "|")}


def _adapted(tree: dict[str, Any], *, in_function: bool = False) -> dict[str, Any]:
    """The parsed expression, with two things written so that the engine understands them.

    `x is String` and `x.is(String)` become `x is System.String or x is string`, because the engine keeps FHIR types
    apart; `as` becomes a union. `$this` outside of functions becomes `%context`, because the engine has no `$this`
    there.
    """
    tree = _as_operator(tree) or tree
    kind = tree.get("type")
    inner = in_function or kind == "ParamList"
    tree = tree | {"children": [_adapted(one, in_function=inner) for one in tree.get("children", ())]}
    if kind == "MemberInvocation":
        return tree | {"type": _MEMBER}
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


def _as_operator(tree: dict[str, Any]) -> dict[str, Any] | None:
    """`x is String` for `x.is(String)`, and the same for `as`; None for anything else."""
    if tree.get("type") != "InvocationExpression" or tree["children"][-1]["type"] != "FunctionInvocation":
        return None
    value, call = tree["children"]
    name, *parameters = call["children"][0]["children"]
    named = parameters[0]["children"][0].get("text") if parameters and parameters[0].get("children") else None
    if name.get("text") not in _EITHER or named not in _SYSTEM_TYPES:
        return None
    specifier = {"type": "TypeSpecifier", "text": named}
    return {"type": "TypeExpression", "terminalNodeText": [name["text"]], "children": [value, specifier]}


_MEMBER = "FhirMemberInvocation"


def _member(ctx: Any, parents: Any, tree: Any) -> list[Any]:
    """The children of a name, a primitive with its extensions as one node: the engine makes two of it.

    Its extensions are then found after an index and in filters too, as in `given[0].extension`.
    """
    key = tree["children"][0]["terminalNodeText"][0].strip("`")
    tree = tree | {"type": "MemberInvocation"}
    if key[:1].isupper() or not isinstance(parents, list):  # a type: `Patient.name`
        return member_invocation(ctx, parents, tree)  # type: ignore[no-any-return]  # fhirpathpy has no types here
    found: list[Any] = []
    for parent in parents:
        node = ResourceNode.create_node(parent)
        beside = node._data
        if not isinstance(node.data, Mapping) and isinstance(beside, Mapping) and key in beside:
            node = ResourceNode.create_node(beside, "Element")
        found += _joined(member_invocation(ctx, [node], tree), node.data, key)
    return found


def _joined(children: list[Any], holder: Any, key: str) -> list[Any]:
    """Children of which the primitives have their `_` part, which the engine lists after them."""
    if not isinstance(holder, Mapping):
        return children
    beside_key = re.compile(rf"_{key}([A-Z]\w*)?")
    name = next((one for one in holder if beside_key.fullmatch(one)), None)
    siblings = holder[name] if name else None
    beside = siblings if isinstance(siblings, list) else [siblings]
    values = children[: len(children) - len(beside)] if siblings else children
    if not siblings or not values or any(isinstance(one.data, Mapping | list) for one in values):
        return children
    for value, sibling in zip(values, beside, strict=False):
        value._data = sibling
    without_value = [one for one in values if one.data is None and isinstance(one._data, Mapping)]
    for one in without_value:
        one.data = one._data
    return [one for one in values if one.data is not None]


evaluators[_MEMBER] = _member


@cache
def _model() -> dict[str, Any]:
    return models["r4"]


def _base(node: Node) -> str:
    """The engine's name for a node: its type, or its path in the resource for a backbone element."""
    if node.type not in ("BackboneElement", "Element") or node.parent is None:
        return node.type
    return node.alias or f"{_base(node.parent)}.{node.step}"


# References whose target can only be in the resource or its Bundle.
_HERE = ("#", "urn:")


def _calls(run: ValidationRun) -> Mapping[str, Any]:
    """FHIR functions that the engine lacks. Source: FHIR R4 FHIRPath, Additional functions."""

    def resolved(inputs: list[Any]) -> list[Any]:
        references = [(one, one.get("reference") if isinstance(one, dict) else one) for one in inputs]
        found = [(text, resolve(_scope_of(run, one), text)) for one, text in references if isinstance(text, str)]
        if elsewhere := [text for text, target in found if target is None and not text.startswith(_HERE)]:
            raise NotEvaluable(f"{elsewhere[0]} is not at hand")
        return [ResourceNode.create_node(target) for _, target in found if target is not None]

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
        "matches": {"fn": _matching(re.search), "arity": {1: ["String"]}},
        "matchesFull": {"fn": _matching(re.fullmatch), "arity": {1: ["String"]}},
        "getValue": _function(lambda inputs: _plain(inputs)[:1]),
        "htmlChecks": _function(lambda inputs: [True]),  # checked in narrative.py
        "resolve": _function(resolved),
        "memberOf": {"fn": member_of, "arity": {1: ["String"]}},
        "conformsTo": {"fn": conforms_to, "arity": {1: ["String"]}},
    }


def _scope_of(run: ValidationRun, reference: Any) -> Scope | None:
    """The scope of the resource that holds a reference: in a Bundle, that of its entry."""
    scope = run.scope
    if scope is None or scope.type != "Bundle" or not isinstance(reference, dict):
        return scope
    key = "holders", id(scope.resource)
    if key not in run.cache:
        run.cache[key] = dict(_holders(run, scope.resource))
    return run.cache[key].get(id(reference), scope)  # type: ignore[no-any-return]


def _holders(run: ValidationRun, bundle: dict[str, Any]) -> Iterator[tuple[int, Scope | None]]:
    """The id of every Reference in the entries of a Bundle, with the scope of its entry's resource."""
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource")
        pending = [resource]
        while pending:
            one = pending.pop()
            if isinstance(one, list):
                pending += one
            elif isinstance(one, dict):
                if "reference" in one:
                    yield id(one), run.scope_of(resource)
                pending += one.values()


def _to_string(inputs: list[Any]) -> list[Any]:
    """Replaces the engine's toString(), which returns nothing for dates."""
    plain = _plain(inputs)
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in plain] if len(plain) == 1 else []


def _matching(match: Callable[[str, str, re.RegexFlag], Any]) -> Callable[[list[Any], str], list[Any]]:
    """Replaces the engine's matches(), and adds matchesFull() of later releases.

    Part of the text is enough for matches(), as in HL7's validator. R4's own constraints mean the whole: they are
    checked natively.
    """

    def answer(inputs: list[Any], pattern: str) -> list[Any]:
        plain = _plain(inputs)
        return [match(pattern, str(plain[0]), re.DOTALL) is not None] if len(plain) == 1 else []

    return answer


def _plain(inputs: list[Any]) -> list[Any]:
    """Primitive values only: the engine returns the extensions of a primitive as separate nodes."""
    return [one for one in inputs if isinstance(one, str | int | bool | Decimal | float)]


def _silent(*_: object) -> None:
    """Replaces trace(), which would print values of the record."""


def _function(answer: Callable[[list[Any]], list[Any]]) -> dict[str, Any]:
    return {"fn": answer, "arity": {0: []}}
