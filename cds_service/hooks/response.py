"""Last step of a call: cards and decision -> response body.

Out: `{"cards": [...], "extension": {"org.example.ir-cds": {...}}}`, see `schemas/response.json`.
Source: CDS Hooks 2.0.1, CDS Service Response.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

DECISION_EXTENSION = "org.example.ir-cds"


def encode_response(cards: Sequence[Mapping[str, Any]], decision: Mapping[str, Any] | None) -> bytes:
    """The response as JSON in UTF-8.

    Args:
        cards: CDS Hooks cards, worst first; no cards mean "looked, found nothing".
        decision: the whole decision for machines; None if the setting switches it off.
    """
    answer: dict[str, Any] = {"cards": list(cards)}
    if decision is not None:
        answer["extension"] = {DECISION_EXTENSION: decision}
    return orjson.dumps(answer, default=_number)


def _number(value: Any) -> int | float:
    """A Decimal as a JSON number; any other type is an error."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} can't be in a response")
    return int(value) if value == value.to_integral_value() else float(value)
