"""Cards stage: the shape of a card before and after it is JSON, as CDS Hooks 2.0.1 wants it.

Nothing empty is ever written: a member without a value is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cds_service.cards.wording import Wording
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Knowledge

TOPICS = "https://example.org/ir-cds/fhir/CodeSystem/card-topics"


class Suggestion(msgspec.Struct, frozen=True):
    """One thing to do at a click; `actions` are CDS Hooks actions, all of them done together."""

    label: str
    actions: tuple[Mapping[str, Any], ...]
    recommended: bool = False


class Card(msgspec.Struct, frozen=True):
    """A card in words; `topic` is its code and display in the card-topics CodeSystem.

    `rows` are the ids of the table rows that it speaks for: contraindications, and procedures where it is about those.
    `source_row` is the contraindication whose page is its source. `subjects` are the ids of the questions and alerts
    that made it: the reasons to go ahead go by them.
    """

    topic: tuple[str, str]
    indicator: Indicator
    summary: str
    detail: str
    source: str
    source_row: str | None = None
    suggestions: tuple[Suggestion, ...] = ()
    rows: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    """(label, https address) of the hospital's own documents."""


class Basis(msgspec.Struct, frozen=True):
    """What a card rests on, so that it is known again in a later call.

    `orders` are `ServiceRequest/id`, sorted. `evidence` is a digest of the answers and of the day that is planned: it
    changes with a new result, a changed entry, another day or level. `must_repeat`: it is shown until it is answered.
    """

    orders: tuple[str, ...]
    evidence: str
    must_repeat: bool


class CardSummary(msgspec.Struct, frozen=True):
    """One card: what it is about, the table rows that it speaks for, how loud, and its uuid.

    `uuid` is None for a card that was withheld because its row is in shadow. `basis` is None for a card that can't be
    known again. `holds` are topic and rows of each matter of a card that holds more than one.
    """

    topic: str
    rows: tuple[str, ...]
    indicator: str
    uuid: str | None = None
    basis: Basis | None = None
    holds: tuple[tuple[str, tuple[str, ...]], ...] = ()


def card_json(
    card: Card,
    knowledge: Knowledge,
    new_id: Callable[[], str],
    public_url: str | None = None,
    wording: Wording | None = None,
) -> dict[str, Any]:
    """The card as a CDS Hooks 2.0.1 object, with new ids for itself and its suggestions.

    Args:
        card: in words.
        knowledge: the reasons to go ahead.
        new_id: gives a new UUID.
        public_url: where the page of its row is; None leaves the link out.
        wording: of the language of the reasons; None for that of their code system.
    """
    body: dict[str, Any] = {
        "uuid": new_id(),
        "summary": card.summary,
        "detail": card.detail,
        "indicator": card.indicator.word,
        "source": _source(card, public_url),
    }
    if card.suggestions:
        body |= _suggestions_json(card.suggestions, new_id)
    if card.links:
        body["links"] = [{"label": label, "url": url, "type": "absolute"} for label, url in card.links]
    reasons = [r for r in knowledge.override_reasons.get(card.topic[0], ()) if r.fits(card.subjects)]
    if card.indicator > Indicator.INFO and reasons:
        body["overrideReasons"] = [
            {
                "system": reason.system,
                "code": reason.code,
                "display": wording.label("override", reason.code, reason.display) if wording else reason.display,
            }
            for reason in reasons
        ]
    return body


def _source(card: Card, public_url: str | None) -> dict[str, Any]:
    code, display = card.topic
    source: dict[str, Any] = {"label": card.source}
    if public_url and card.source_row:
        source["url"] = f"{public_url.rstrip('/')}/knowledge/contraindications/{card.source_row}"
    return source | {"topic": {"system": TOPICS, "code": code, "display": display}}


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
