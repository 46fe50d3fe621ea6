"""Feedback as received -> `Feedback` entries, checked against CDS Hooks 2.0.1. A batch is taken whole or refused whole.

In: bytes. Out: one entry per element of `feedback`.
Source: CDS Hooks 2.0.1, Feedback; what real clients leave out (the display of a reason) is not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from cds_service.errors import RequestError
from cds_service.hooks.json_members import read_body
from cds_service.hooks.schema_checks import check_feedback


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a clinician did with one card.

    `outcome` is `accepted` or `overridden`, `at` its aware time in UTC, `suggestions` the uuids accepted, `reason`
    system and code of the override reason. `comment` is free text that may name a patient.
    """

    card: str
    outcome: str
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason: tuple[str, str] | None = None
    comment: str | None = None


def read_feedback(body: bytes) -> tuple[Feedback, ...]:
    """The entries of one batch.

    Raises:
        RequestError: the body is no feedback, or one entry is wrong: then none is taken. The message has the JSON
            pointer of every mistake and repeats no value.
    """
    members = read_body(body)
    listed = members.get("feedback")
    entries = [_plain(raw, place) for place, raw in enumerate(listed)] if isinstance(listed, list) else []
    check_feedback({} if listed is None else {"feedback": entries if isinstance(listed, list) else listed})
    return tuple(_entry(entry, place) for place, entry in enumerate(entries))


def _plain(raw: msgspec.Raw, place: int) -> Any:
    try:
        return _without_empty(msgspec.json.decode(raw))
    except (msgspec.DecodeError, RecursionError):
        raise RequestError(
            f"/feedback/{place} can't be read: send an object with card, outcome and outcomeTimestamp."
        ) from None


def _without_empty(value: Any) -> Any:
    """The value without members that are null, blank text or empty objects; arrays stay as they are."""
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value.strip() or None if isinstance(value, str) else value
    filled = {name: _without_empty(item) for name, item in value.items()}
    return {name: item for name, item in filled.items() if item is not None and item != {}}


def _entry(entry: dict[str, Any], place: int) -> Feedback:
    override = entry.get("overrideReason", {})
    reason = override.get("reason")
    comment = override.get("userComment")
    return Feedback(
        card=entry["card"].lower(),
        outcome=entry["outcome"],
        at=_moment(entry["outcomeTimestamp"], place),
        suggestions=tuple(item["id"].lower() for item in entry.get("acceptedSuggestions", ())),
        reason=(reason["system"], reason["code"]) if reason else None,
        # The one character that PostgreSQL's text can't hold.
        comment=comment.replace("\0", "") if comment else None,
    )


def _moment(text: str, place: int) -> datetime:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestError(
            f"/feedback/{place}/outcomeTimestamp is no time: send RFC 3339 in UTC, such as 2026-11-24T09:30:00Z."
        ) from None
