"""enableWhen: which items of a Questionnaire its answers enable."""

from __future__ import annotations

from typing import Any

import pytest

from tests.profiles.resources import UCUM, Json, rules

URL = "http://x.org/q"
YES, NO = {"system": "http://x.org", "code": "yes"}, {"system": "http://x.org", "code": "no"}


def questionnaire(*conditions: Json, required: bool = False, **more: Any) -> Json:
    """A first question of any type, and a second that is enabled under conditions."""
    second = {"linkId": "2", "type": "string", "required": required, "enableWhen": list(conditions), **more}
    items = [{"linkId": kind, "type": kind, "repeats": True} for kind in ("boolean", "integer", "date", "quantity")]
    items += [{"linkId": "choice", "type": "choice", "repeats": True}, {"linkId": "text", "type": "string"}]
    return {"resourceType": "Questionnaire", "url": URL, "status": "active", "item": [*items, second]}


def when(question: str, operator: str, **answer: Any) -> Json:
    """One condition."""
    return {"question": question, "operator": operator, **answer}


def response(question: str, *values: Json, second: bool = True, status: str = "completed") -> Json:
    """Answers to one question, and perhaps to the second."""
    items = [{"linkId": question, "answer": list(values)}] if values else []
    items += [{"linkId": "2", "answer": [{"valueString": "x"}]}] if second else []
    held = {"item": items} if items else {}
    return {"resourceType": "QuestionnaireResponse", "questionnaire": URL, "status": status, **held}


def metres(value: int, unit: str = "m") -> Json:
    """A length."""
    return {"value": value, "system": UCUM, "code": unit}


TRUE, FALSE = {"valueBoolean": True}, {"valueBoolean": False}
FIVE, NINE = {"valueInteger": 5}, {"valueInteger": 9}
CHOICE = {"valueCoding": YES | {"display": "Yes"}}
ENABLED: dict[str, tuple[Json, tuple[str, *tuple[Json, ...]], bool | None]] = {
    "as answered": (when("boolean", "=", answerBoolean=True), ("boolean", TRUE), True),
    "as not answered": (when("boolean", "=", answerBoolean=True), ("boolean", FALSE), False),
    "without an answer": (when("boolean", "=", answerBoolean=True), ("boolean",), False),
    "one of several answers": (when("integer", "=", answerInteger=9), ("integer", FIVE, NINE), True),
    "another than": (when("boolean", "!=", answerBoolean=True), ("boolean", FALSE), True),
    "not another than": (when("boolean", "!=", answerBoolean=True), ("boolean", TRUE), False),
    "answered at all": (when("integer", "exists", answerBoolean=True), ("integer", FIVE), True),
    "not answered at all": (when("integer", "exists", answerBoolean=True), ("integer",), False),
    "unanswered": (when("integer", "exists", answerBoolean=False), ("integer",), True),
    "above": (when("integer", ">", answerInteger=5), ("integer", NINE), True),
    "not above": (when("integer", ">", answerInteger=5), ("integer", FIVE), False),
    "at least": (when("integer", ">=", answerInteger=5), ("integer", FIVE), True),
    "at most": (when("integer", "<=", answerInteger=5), ("integer", NINE), False),
    "before": (when("date", "<", answerDate="2020-01-01"), ("date", {"valueDate": "2019-12-31"}), True),
    "not before": (when("date", "<", answerDate="2020-01-01"), ("date", {"valueDate": "2020-01-01"}), False),
    "a code, whatever its display": (when("choice", "=", answerCoding=YES), ("choice", CHOICE), True),
    "another code": (when("choice", "=", answerCoding=NO), ("choice", CHOICE), False),
    "a quantity": (
        when("quantity", ">", answerQuantity=metres(5)),
        ("quantity", {"valueQuantity": metres(6)}),
        True,
    ),
    "a quantity in another unit": (
        when("quantity", "=", answerQuantity=metres(5, "km")),
        ("quantity", {"valueQuantity": metres(5)}),
        None,
    ),
    "values that can't be compared": (when("text", ">", answerInteger=5), ("text", {"valueString": "x"}), None),
}


@pytest.mark.parametrize(("condition", "answers", "enabled"), ENABLED.values(), ids=ENABLED.keys())
def test_when_an_item_is_enabled(condition: Json, answers: tuple[str, *tuple[Json, ...]], enabled: bool | None) -> None:
    """A disabled item has no answer, an enabled one that is required has; what can't be decided is not judged."""
    question, *given = answers
    optional, required = questionnaire(condition), questionnaire(condition, required=True)
    assert rules(response(question, *given), optional) == (["answer-disabled"] if enabled is False else [])
    left_out = response(question, *given, second=False)
    assert rules(left_out, required) == (["answer-required"] if enabled else [])
    assert rules(response(question, *given, status="in-progress"), optional) == []


@pytest.mark.parametrize(("behavior", "expected"), [("all", ["answer-disabled"]), ("any", [])])
def test_several_conditions(behavior: str, expected: list[str]) -> None:
    """Of several conditions all must hold, or any."""
    conditions = when("boolean", "=", answerBoolean=True), when("integer", "exists", answerBoolean=True)
    asked = questionnaire(*conditions, enableBehavior=behavior)
    assert rules(response("boolean", TRUE), asked) == expected


def test_an_item_enabled_by_an_expression_is_not_judged() -> None:
    """SDC's enableWhenExpression is not evaluated, so a required item may be left out."""
    url = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression"
    expression = {"url": url, "valueExpression": {"language": "text/fhirpath", "expression": "false"}}
    asked = questionnaire(required=True, extension=[expression])
    del asked["item"][-1]["enableWhen"]
    assert rules(response("boolean", TRUE, second=False), asked) == []


def test_each_repetition_of_a_group_has_its_own_answers() -> None:
    """In a repeated group, the answer beside an item enables it, not one of another repetition."""
    inner = [
        {"linkId": "a", "type": "boolean"},
        {"linkId": "b", "type": "string", "enableWhen": [when("a", "=", answerBoolean=True)]},
    ]
    asked = questionnaire() | {"item": [{"linkId": "g", "type": "group", "repeats": True, "item": inner}]}
    second = {"linkId": "b", "answer": [{"valueString": "x"}]}
    groups = [{"linkId": "g", "item": [{"linkId": "a", "answer": [one]}, second]} for one in (TRUE, FALSE)]
    given = response("boolean") | {"item": groups}
    assert rules(given, asked) == ["answer-disabled"]


LINKS: dict[str, tuple[str, Json, list[str]]] = {
    "another item": ("boolean", {}, []),
    "the item itself": ("2", {}, ["enable-when"]),
    "an item inside": ("3", {"item": [{"linkId": "3", "type": "string"}]}, ["enable-when"]),
    "no item": ("9", {}, ["enable-when"]),
}


@pytest.mark.parametrize(("link", "more", "expected"), LINKS.values(), ids=LINKS.keys())
def test_a_condition_names_another_item(link: str, more: Json, expected: list[str]) -> None:
    """enableWhen refers to an item of the Questionnaire that is outside of its own."""
    asked = questionnaire(when(link, "exists", answerBoolean=True), **more)
    assert rules(asked) == expected
    assert rules(asked | {"derivedFrom": ["http://x.org/other"]}) == (expected if link != "9" else [])
