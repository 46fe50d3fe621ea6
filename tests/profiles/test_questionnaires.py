"""Validation of QuestionnaireResponses against their Questionnaire."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.profiles.resources import HL7, LOINC, Json, rules

URL = "http://x.org/Questionnaire/q"
YES = {"system": LOINC, "code": "LA33-6"}


def limit(name: str, value: int | str, kind: str = "") -> Json:
    """An extension of a question that limits its answers."""
    return {"url": HL7 + name, f"value{kind or ('Integer' if isinstance(value, int) else 'String')}": value}


QUESTIONNAIRE = {
    "resourceType": "Questionnaire",
    "url": URL,
    "version": "2",
    "status": "active",
    "item": [
        {
            "linkId": "1",
            "type": "group",
            "item": [
                {"linkId": "1.1", "type": "boolean", "required": True},
                {"linkId": "1.2", "type": "choice", "answerOption": [{"valueCoding": YES}]},
                {"linkId": "1.3", "type": "open-choice", "answerOption": [{"valueInteger": 1}]},
                {"linkId": "1.4", "type": "choice", "answerValueSet": "http://x.org/vs", "repeats": True},
                {"linkId": "1.5", "type": "choice", "answerOption": [{"valueString": "a"}, {"valueDate": "2020"}]},
                {"linkId": "1.6", "type": "open-choice", "answerOption": [{"valueCoding": YES}]},
                {"linkId": "1.7", "type": "integer", "extension": [limit("minValue", 2), limit("maxValue", 5)]},
                {"linkId": "1.8", "type": "decimal", "extension": [limit("maxDecimalPlaces", 1)]},
                {"linkId": "1.9", "type": "string", "maxLength": 3, "extension": [limit("minLength", 2)]},
                {"linkId": "1.10", "type": "text", "extension": [limit("regex", "[a-z]+")]},
                {"linkId": "1.11", "type": "date", "extension": [limit("maxValue", "2020-06", "Date")]},
            ],
        },
        {
            "linkId": "2",
            "type": "quantity",
            "item": [{"linkId": "2.1", "type": "url"}],
        },
        {"linkId": "3", "type": "boolean", "item": [{"linkId": "3.1", "type": "string", "required": True}]},
    ],
}
VALUES = {
    "resourceType": "ValueSet",
    "url": "http://x.org/vs",
    "compose": {"include": [{"system": LOINC, "concept": [{"code": "LA33-6"}]}]},
}
FIRST = {"linkId": "1.1", "answer": [{"valueBoolean": True}]}
NO = {"system": LOINC, "code": "LA32-8"}


def response(*inner: Json, after: tuple[Json, ...] = (), status: str = "completed", url: str = URL) -> Json:
    """A QuestionnaireResponse whose first question is answered."""
    items = [{"linkId": "1", "item": [FIRST, *inner]}, *after]
    return {"resourceType": "QuestionnaireResponse", "questionnaire": url, "status": status, "item": items}


def one(link: str, *answers: Json) -> Json:
    """An answered item."""
    return {"linkId": link, "answer": list(answers)}


UNANSWERED = {"resourceType": "QuestionnaireResponse", "questionnaire": URL, "item": [{"linkId": "1"}]}
INNER = {"linkId": "2.1", "answer": [{"valueUri": "http://x.org"}]}
BELOW = {"linkId": "3.1", "answer": [{"valueString": "x"}]}
CASES = {
    "as asked": (response(one("1.2", {"valueCoding": YES}), one("1.4", {"valueCoding": YES})), []),
    "another item": (response(one("9", {"valueBoolean": True})), ["answer-link"]),
    "an item of another level": (response(after=(FIRST,)), ["answer-link"]),
    "another type": (response(one("1.2", {"valueString": "yes"})), ["answer-type"]),
    "another option": (response(one("1.2", {"valueCoding": NO})), ["answer-option"]),
    "another code than the value set has": (response(one("1.4", {"valueCoding": NO})), ["answer-option"]),
    "an own answer": (response(one("1.3", {"valueString": "x"})), []),
    "options of another type": (response(one("1.3", {"valueCoding": YES})), ["answer-type"]),
    "two answers": (response(one("1.2", {"valueCoding": YES}, {"valueCoding": YES})), ["answer-repeats"]),
    "two answers where they may be": (response(one("1.4", {"valueCoding": YES}, {"valueCoding": YES})), []),
    "a group with an answer": (
        response(after=({"linkId": "2", "answer": [{"valueQuantity": {"value": 1}, "item": [INNER]}]},)),
        [],
    ),
    "an option that is no code": (
        response(one("1.5", {"valueString": "a"}, {"valueDate": "2020"})),
        ["answer-repeats"],
    ),
    "another text than the options": (response(one("1.5", {"valueString": "b"})), ["answer-option"]),
    "another date than the options": (response(one("1.5", {"valueDate": "2021"})), ["answer-option"]),
    "a text instead of an option": (response(one("1.2", {"valueCoding": {"display": "yes"}})), ["answer-option"]),
    "a code of its own where text is allowed": (response(one("1.6", {"valueCoding": NO})), []),
    "within the limits": (response(one("1.7", {"valueInteger": 5}), one("1.9", {"valueString": "abc"})), []),
    "too little": (response(one("1.7", {"valueInteger": 1})), ["answer-limit"]),
    "too much": (response(one("1.7", {"valueInteger": 6})), ["answer-limit"]),
    "too late": (response(one("1.11", {"valueDate": "2020-07-01"})), ["answer-limit"]),
    "too exact": (response(one("1.8", {"valueDecimal": Decimal("1.25")})), ["answer-limit"]),
    "too long": (response(one("1.9", {"valueString": "abcd"})), ["answer-limit"]),
    "too short": (response(one("1.9", {"valueString": "a"})), ["answer-limit"]),
    "not of the pattern": (response(one("1.10", {"valueString": "A"})), ["answer-limit"]),
    "a required question without its answer": (
        UNANSWERED | {"status": "completed", "item": [{"linkId": "1", "item": [{"linkId": "1.1"}]}]},
        ["answer-required"],
    ),
    "a required question left out": (UNANSWERED | {"status": "completed"}, ["answer-required"]),
    "not done yet": (UNANSWERED | {"status": "in-progress"}, []),
    "in another order": (
        response(one("1.9", {"valueString": "ab"}), one("1.7", {"valueInteger": 5})),
        ["answer-order"],
    ),
    "below an answer": (response(after=(one("3", {"valueBoolean": True, "item": [BELOW]}),)), []),
    "a required question below an answer left out": (
        response(after=(one("3", {"valueBoolean": True}),)),
        ["answer-required"],
    ),
    "beside an answer instead of below": (response(after=({"linkId": "3", "item": [BELOW]},)), ["answer-link"]),
    "of the version at hand": (response(one("9", {"valueDate": "2020"}), url=URL + "|2"), ["answer-link"]),
    "of another version": (response(one("9", {"valueDate": "2020"}), url=URL + "|1"), []),
    "of a Questionnaire that is not at hand": (response(one("9", {"valueDate": "2020"}), url=URL + "2"), []),
}


@pytest.mark.parametrize(("resource", "expected"), CASES.values(), ids=CASES.keys())
def test_answers(resource: Json, expected: list[str]) -> None:
    """Every answer must be allowed by its question, and required questions must be answered."""
    assert rules(resource, QUESTIONNAIRE, VALUES) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [(YES, []), ({"code": "LA33-6"}, []), (NO, ["answer-option"]), ({"code": "LA32-8"}, ["answer-option"])],
)
def test_a_contained_value_set_counts(code: Json, expected: list[str]) -> None:
    """The options of a question may be a value set that its Questionnaire contains."""
    asked = {"linkId": "1", "type": "choice", "answerValueSet": "#options"}
    form = QUESTIONNAIRE | {"contained": [VALUES | {"id": "options"}], "item": [asked]}
    answered = {"questionnaire": URL, "status": "completed", "item": [one("1", {"valueCoding": code})]}
    assert rules({"resourceType": "QuestionnaireResponse", **answered}, form) == expected


def test_a_contained_questionnaire_counts() -> None:
    """A response may contain its Questionnaire."""
    inner = {"resourceType": "Questionnaire", "id": "q", "status": "active", "item": [{"linkId": "1", "type": "date"}]}
    answered = {"contained": [inner], "questionnaire": "#q", "item": [one("1", {"valueTime": "10:00:00"})]}
    assert rules({"resourceType": "QuestionnaireResponse", "status": "completed", **answered}) == ["answer-type"]
