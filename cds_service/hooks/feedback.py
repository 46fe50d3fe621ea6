"""Feedback body -> `Feedback` entries, validated against CDS Hooks 2.0.1. A batch is accepted or rejected as a whole.

In: bytes. Out: one entry per element of `feedback`.
Source: CDS Hooks 2.0.1, Feedback; members that real clients omit (the display of a reason) are not required.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from cds_service.errors import RequestError
from cds_service.hooks.json_members import read_body
from cds_service.hooks.schema_checks import check_feedback


class Feedback(msgspec.Struct, frozen=True):
    """What a clinician did with one card.

    `outcome` is `accepted` or `overridden`, `at` its time in UTC (aware), `suggestions` the accepted uuids, `reason`
    the system and code of the override reason. `comment` is free text that may name a patient.
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
        RequestError: the body is not feedback, or an entry is wrong; then none is accepted. The message has the JSON
            pointer of every mistake and quotes no value.
    """
    members = read_body(body)
    listed = members.get("feedback")
    entries = [_decode(raw, index) for index, raw in enumerate(listed)] if isinstance(listed, list) else []
    check_feedback({} if listed is None else {"feedback": entries if isinstance(listed, list) else listed})
    return tuple(_entry(entry, index) for index, entry in enumerate(entries))


def _decode(raw: msgspec.Raw, index: int) -> Any:
    try:
        return _without_empty(msgspec.json.decode(raw))
    except (msgspec.DecodeError, RecursionError):
        raise RequestError(
            f"/feedback/{index} can't be read: send an object with card, outcome and outcomeTimestamp."
        ) from None


def _without_empty(value: Any) -> Any:
    """The value without members that are null, blank strings or empty objects; arrays keep their items."""
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value.strip() or None if isinstance(value, str) else value
    filled = {name: _without_empty(item) for name, item in value.items()}
    return {name: item for name, item in filled.items() if item is not None and item != {}}


def _entry(entry: dict[str, Any], index: int) -> Feedback:
    override = entry.get("overrideReason", {})
    reason = override.get("reason")
    comment = override.get("userComment")
    return Feedback(
        card=entry["card"].lower(),
        outcome=entry["outcome"],
        at=_timestamp(entry["outcomeTimestamp"], index),
        suggestions=tuple(item["id"].lower() for item in entry.get("acceptedSuggestions", ())),
        reason=(reason["system"], reason["code"]) if reason else None,
        # NUL is the one character that PostgreSQL's text can't hold.
        comment=comment.replace("\0", "") if comment else None,
    )


def _timestamp(text: str, index: int) -> datetime:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestError(
            f"/feedback/{index}/outcomeTimestamp is not a time: send RFC 3339 in UTC, such as 2026-11-24T09:30:00Z."
        ) from None
