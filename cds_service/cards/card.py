"""Cards stage: the shape of a card before and after it is JSON, as CDS Hooks 2.0.1 wants it.

Nothing empty is ever written: a member without a value is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from cds_service.cards.escape import shorten
from cds_service.cards.wording import Wording
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Knowledge

MOST_IN_SUMMARY = 139
"""CDS Hooks 2.0.1, Card Attributes: fewer than 140 characters."""
TOPICS = "https://example.org/ir-cds/fhir/CodeSystem/card-topics"
_LEAST_LEFT = 24


class Kind(IntEnum):
    """What a card is about, in the order in which equally loud cards are shown."""

    CONTRAINDICATION = 1
    INDICATION = 2
    ALERT = 3
    OPTIONS = 4
    NOT_CHECKED = 5
    UNKNOWN_ORDERS = 6


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing to do at a click; `actions` are CDS Hooks actions, all of them done together."""

    label: str
    actions: tuple[Mapping[str, Any], ...]
    recommended: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A card in words; `topic` is its code and display in the card-topics CodeSystem.

    `rows` are the ids of the table rows that it speaks for: contraindications, or procedures whose indications it
    is about.
    """

    kind: Kind
    indicator: Indicator
    summary: str
    detail: str
    source: str
    topic: tuple[str, str]
    suggestions: tuple[Suggestion, ...] = ()
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CardSummary:
    """One card: what it is about, the table rows that it speaks for, how loud, and its uuid.

    `uuid` is None for a card that was withheld because its row is in shadow.
    """

    topic: str
    rows: tuple[str, ...]
    indicator: str
    uuid: str | None = None


def card_json(card: Card, knowledge: Knowledge, new_id: Callable[[], str]) -> dict[str, Any]:
    """The card as a CDS Hooks 2.0.1 object, with new ids for itself and its suggestions."""
    code, display = card.topic
    body: dict[str, Any] = {
        "uuid": new_id(),
        "summary": card.summary,
        "detail": card.detail,
        "indicator": card.indicator.word,
        "source": {"label": card.source, "topic": {"system": TOPICS, "code": code, "display": display}},
    }
    if card.suggestions:
        body |= _suggestions_json(card.suggestions, new_id)
    if card.indicator > Indicator.INFO and knowledge.override_reasons:
        body["overrideReasons"] = [
            {"system": system, "code": code, "display": display} for system, code, display in knowledge.override_reasons
        ]
    return body


def _suggestions_json(suggestions: Sequence[Suggestion], new_id: Callable[[], str]) -> dict[str, Any]:
    """Any of them may be chosen where each touches resources of its own; else one at most, and one is recommended.

    Source: CDS Hooks 2.0.1, `selectionBehavior`, `isRecommended`.
    """
    touched = [reference for suggestion in suggestions for reference in _touches(suggestion)]
    independent = len(touched) == len(set(touched))
    advised = [number for number, suggestion in enumerate(suggestions) if suggestion.recommended]
    shown = [
        {
            "label": suggestion.label,
            "uuid": new_id(),
            **({"isRecommended": True} if number in (advised if independent else advised[:1]) else {}),
            "actions": [dict(action) for action in suggestion.actions],
        }
        for number, suggestion in enumerate(suggestions)
    ]
    return {"suggestions": shown, "selectionBehavior": "any" if independent else "at-most-one"}


def _touches(suggestion: Suggestion) -> set[str]:
    """The resources that it changes or deletes, as `Type/id`; a new one has no id yet."""
    changed = (action["resource"] for action in suggestion.actions if action["type"] == "update")
    deleted = {action["resourceId"] for action in suggestion.actions if action["type"] == "delete"}
    return deleted | {f"{resource['resourceType']}/{resource['id']}" for resource in changed}


def summary(wording: Wording, key: str, **places: str) -> str:
    """A sentence of at most 139 characters; where it is longer, its last places are cut first, then the ones before."""
    for name in reversed(places):
        over = len(wording.say(key, **places)) - MOST_IN_SUMMARY
        if over <= 0:
            break
        places[name] = shorten(places[name], max(_LEAST_LEFT, len(places[name]) - over))
    return shorten(wording.say(key, **places), MOST_IN_SUMMARY)


def bullets(lines: Sequence[str], level: int = 0) -> str:
    """A Markdown bullet list, one line each; empty for no lines."""
    return "\n".join(f"{'  ' * level}- {line}" for line in lines)


def paragraphs(*blocks: str) -> str:
    """Blocks with a blank line between them; empty ones are left out."""
    return "\n\n".join(block for block in blocks if block)
