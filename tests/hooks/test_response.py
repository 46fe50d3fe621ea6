"""The response body, and its schema."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from cds_service.hooks.response import DECISION_EXTENSION, encode_response
from tests.support.responses import find_empty, response_problems

IDENTIFIER = str(UUID(int=1))
CODING = {"code": "c", "system": "http://example.org/s", "display": "Reason"}
ACTION = {"type": "delete", "description": "Cancel the order", "resourceId": "ServiceRequest/1"}
SUGGESTION = {"label": "Cancel", "uuid": IDENTIFIER, "actions": [ACTION]}
CARD: dict[str, Any] = {
    "uuid": IDENTIFIER,
    "summary": "Something to know",
    "indicator": "warning",
    "source": {"label": "The table"},
    "overrideReasons": [CODING],
    "suggestions": [SUGGESTION],
    "selectionBehavior": "any",
}
ABSENT = {"id": "row", "certainty": "absent"}
EVIDENCE = {"reference": "Observation/1", "value": 38, "unit": "10*9/L"}
PRESENT = {"id": "row", "certainty": "present", "indicator": "critical", "evidence": [EVIDENCE]}
DECISION: dict[str, Any] = {
    "knowledgeVersion": "1+a",
    "procedures": [{"order": "ServiceRequest/1", "procedure": "p", "contraindications": [ABSENT, PRESENT]}],
}


def without(card: dict[str, Any], *names: str) -> dict[str, Any]:
    """The card without some of its members."""
    return {name: value for name, value in card.items() if name not in names}


def test_cards_and_decision_stand_side_by_side() -> None:
    """A response has the cards for people and, in its extension, the whole decision for machines."""
    answer = orjson.loads(encode_response([CARD], DECISION))
    assert answer == {"cards": [CARD], "extension": {DECISION_EXTENSION: DECISION}}
    assert response_problems(answer) == []


def test_the_extension_can_be_left_out() -> None:
    """With the decision switched off a response has only the cards."""
    assert orjson.loads(encode_response([], None)) == {"cards": []}


def test_values_stay_numbers() -> None:
    """A measured value is sent as the recorded number, without additional digits."""
    evidence = {"values": [Decimal("38"), Decimal("1.10"), Decimal("0.1")]}
    assert b"[38,1.1,0.1]" in encode_response([], evidence)


def test_what_has_no_place_in_json_is_an_error() -> None:
    """A value that JSON can't represent is an error, never converted."""
    with pytest.raises(TypeError):
        encode_response([], {"value": object()})


@pytest.mark.parametrize(
    "card",
    [
        CARD | {"summary": "x" * 140},
        CARD | {"summary": " "},
        CARD | {"indicator": "hard-stop"},
        CARD | {"detail": ""},
        CARD | {"source": {"url": "https://example.org"}},
        CARD | {"source": {"label": "x", "url": "example.org"}},
        CARD | {"uuid": "1"},
        CARD | {"links": []},
        CARD | {"suggestions": [without(SUGGESTION, "uuid")]},
        CARD | {"suggestions": [SUGGESTION | {"actions": [ACTION | {"resource": {"resourceType": "X"}}]}]},
        CARD | {"suggestions": [SUGGESTION | {"actions": [ACTION | {"type": "update"}]}]},
        CARD
        | {
            "suggestions": [
                SUGGESTION
                | {"actions": [{"type": "update", "description": "d", "resource": {"resourceType": "X", "a": []}}]}
            ]
        },
        CARD | {"overrideReasons": [without(CODING, "display")]},
        CARD | {"unknown": "x"},
        without(CARD, "uuid"),
        without(CARD, "overrideReasons"),
        without(CARD, "selectionBehavior"),
        without(CARD, "suggestions"),
    ],
)
def test_the_schema_refuses_a_wrong_card(card: dict[str, Any]) -> None:
    """A card that violates the protocol or our contract fails the response schema."""
    assert response_problems({"cards": [CARD]}) == []
    assert response_problems({"cards": [card]})


@pytest.mark.parametrize(
    "judgement",
    [
        {"contraindications": [PRESENT]},
        {"order": "ServiceRequest/1", "contraindications": [PRESENT]},
        {"order": "ServiceRequest/1", "procedure": "p", "contraindications": [ABSENT | {"indicator": "info"}]},
        {"order": "ServiceRequest/1", "procedure": "p", "contraindications": [PRESENT | {"certainty": "maybe"}]},
        {"order": "ServiceRequest/1", "procedure": "p", "contraindications": [PRESENT | {"evidence": []}]},
        {"order": "ServiceRequest/1", "procedure": None},
    ],
)
def test_the_schema_refuses_a_wrong_decision(judgement: dict[str, Any]) -> None:
    """A decision without order or procedure, with an invalid certainty or with empty evidence fails the schema."""
    decision = {"knowledgeVersion": "1+a", "procedures": [judgement]}
    assert response_problems({"cards": [], "extension": {DECISION_EXTENSION: decision}})


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"cards": []}, []),
        ({"cards": [{"links": []}]}, ["/cards/0/links"]),
        ({"a": {"b": None, "c": "", "d": {}}}, ["/a/b", "/a/c", "/a/d"]),
        ({"a": [0, False, [None]]}, ["/a/2/0"]),
    ],
)
def test_the_walker_finds_every_empty_member(value: Any, places: list[str]) -> None:
    """Null and empty members are found at any depth; zero and false are not empty."""
    assert list(find_empty(value)) == places
