"""The last step of a call: cards and the decision -> the body of the answer.

Out: `{"cards": [...], "extension": {"org.example.ir-cds": {...}}}`, described by `schemas/response.json`.
Source: CDS Hooks 2.0.1, CDS Service Response.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

DECISION_EXTENSION = "org.example.ir-cds"


def encode_response(cards: Sequence[Mapping[str, Any]], decision: Mapping[str, Any] | None) -> bytes:
    """The answer as JSON in UTF-8.

    Args:
        cards: worst first, as CDS Hooks describes them; none says "looked, found nothing".
        decision: the whole decision for machines; None where the setting switches it off.
    """
    answer: dict[str, Any] = {"cards": list(cards)}
    if decision is not None:
        answer["extension"] = {DECISION_EXTENSION: decision}
    return orjson.dumps(answer, default=_number)


def _number(value: Any) -> int | float:
    """A Decimal as the JSON number it stands for; nothing else is converted, so that a stray object is an error."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} has no place in an answer")
    return int(value) if value == value.to_integral_value() else float(value)
