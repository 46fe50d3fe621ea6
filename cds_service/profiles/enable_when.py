"""Whether the answers of a QuestionnaireResponse enable an item of its Questionnaire; and the links of enableWhen.

Source: FHIR R4 Questionnaire.item.enableWhen and enableBehavior; code system questionnaire-enable-operator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.profiles.terminology import Tristate
from cds_service.profiles.validation_run import Node, ValidationRun, below
from cds_service.profiles.values import bound_problem, equals_fixed, objects_in

Json = dict[str, Any]
# The link of each question -> its occurrences, each as the ids of all objects above it, and its answers.
Answers = Mapping[str, list[tuple[set[int], list[Json]]]]
_BY_EXPRESSION = re.compile(r"enable-?when", re.IGNORECASE)
_OPPOSITE = {">": ("max", False), "<": ("min", False), ">=": ("min", True), "<=": ("max", True)}
"""Operator -> the bound that the answer violates or meets. An answer is above 5 if it exceeds a maximum of 5."""


def check_questionnaire(run: ValidationRun, node: Node) -> None:
    """Check that each enableWhen refers to a question of the Questionnaire outside of the item itself."""
    links = {one.value.get("linkId") for one in _items(node)}
    for item in _items(node):
        inner = {item.value.get("linkId"), *(one.value.get("linkId") for one in _items(item))}
        for condition in below(item, "enableWhen"):
            link = condition.value.get("question")
            if link in inner:
                run.error(condition, "enable-when", "business-rule", f'"{link}" is the item itself or inside of it')
            elif isinstance(link, str) and link not in links and not _is_assembled(node.value):
                run.error(condition, "enable-when", "not-found", f'the Questionnaire has no item "{link}"')


def _items(node: Node) -> Iterator[Node]:
    for one in below(node, "item"):
        yield one
        yield from _items(one)


def _is_assembled(questionnaire: Json) -> bool:
    """Whether other Questionnaires may provide items."""
    return "derivedFrom" in questionnaire or "extension" in questionnaire


def answers_by_link(response: Json) -> Answers:
    """The answers of a response by the link of their question."""
    found: dict[str, list[tuple[set[int], list[Json]]]] = {}
    pending: list[tuple[Json, tuple[int, ...]]] = [(response, (id(response),))]
    while pending:
        one, above = pending.pop()
        for inner in (*objects_in(one.get("item")), *objects_in(one.get("answer"))):
            pending.append((inner, (*above, id(inner))))
            if isinstance(inner.get("linkId"), str):
                found.setdefault(inner["linkId"], []).append((set(above), objects_in(inner.get("answer"))))
    return found


def is_enabled(question: Json, node: Node, answers: Answers) -> Tristate:
    """Whether an item is enabled; None if that can't be decided.

    Args:
        question: the item of the Questionnaire.
        node: the part of the response that holds the item, or would hold it.
        answers: of the whole response.
    """
    if any(_BY_EXPRESSION.search(str(one.get("url"))) for one in objects_in(question.get("extension"))):
        return None
    results = [
        _holds(one, _nearest(answers.get(str(one.get("question")), []), node))
        for one in objects_in(question.get("enableWhen"))
    ]
    if not results:
        return True
    decisive = question.get("enableBehavior") == "any"
    if decisive in results:
        return decisive
    return None if None in results else not decisive


def _nearest(occurrences: list[tuple[set[int], list[Json]]], node: Node) -> list[Json]:
    """The answers to a question that share most of the response with an item: of its own repetition of a group."""
    if len(occurrences) < 2:
        return [answer for _, answers in occurrences for answer in answers]
    here: set[int] = set()
    at: Node | None = node
    while at is not None:
        here.add(id(at.value))
        at = at.parent
    most = max(len(above & here) for above, _ in occurrences)
    return [answer for above, answers in occurrences if len(above & here) == most for answer in answers]


def _holds(condition: Json, answers: list[Json]) -> Tristate:
    operator = condition.get("operator")
    wanted = next((value for name, value in condition.items() if name.startswith("answer")), None)
    given = [value for answer in answers for name, value in answer.items() if name.startswith("value")]
    if operator == "exists":
        return bool(given) == wanted if isinstance(wanted, bool) else None
    results = [_compares(str(operator), value, wanted) for value in given]
    return True if True in results else (None if None in results else False)


def _compares(operator: str, value: Any, wanted: Any) -> Tristate:
    if isinstance(value, dict) and isinstance(wanted, dict) and ("code" in wanted or "value" in wanted):
        if "value" not in wanted:  # Coding: the display does not matter
            value, wanted = ({key: one.get(key) for key in ("system", "code")} for one in (value, wanted))
        elif any(value.get(key) != wanted.get(key) for key in ("system", "code")):
            return None
        else:
            value, wanted = value.get("value"), wanted["value"]
    if operator in ("=", "!="):
        return equals_fixed(value, wanted) is (operator == "=")
    if operator not in _OPPOSITE or isinstance(value, str) is not isinstance(wanted, str):
        return None
    which, meets = _OPPOSITE[operator]
    return (bound_problem(which, value, wanted) is None) is meets
