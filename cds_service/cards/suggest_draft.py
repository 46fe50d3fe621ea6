"""Cards stage: a draft order as it came, so that an update gives back every part of it that it does not change.

Source: CDS Hooks 2.0.1, Action: an update holds the whole resource, not a patch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cds_service.facts.patient_facts import OrderFact

_HAS_ID = re.compile(r"ServiceRequest/[A-Za-z0-9.-]{1,64}")
_INTEGERS = range(-(2**63), 2**63)


def is_draft_with_id(fact: OrderFact | None) -> bool:
    """Whether an order can be changed or deleted at all: an appointment can't, and neither can what has no id."""
    return fact is not None and fact.resource_type == "ServiceRequest" and bool(_HAS_ID.fullmatch(fact.reference))


def draft_of(fact: OrderFact | None) -> dict[str, Any] | None:
    """The draft without empty members; None where it can't be given back unchanged.

    So a number that would be written another way, or a null in a list, ends it.
    """
    if fact is None or not is_draft_with_id(fact):
        return None
    try:
        draft = _without_empties(
            json.loads(fact.body, parse_float=_exact_float, parse_int=_exact_int, parse_constant=_refused)
        )
        if b"\\u" in fact.body or not fact.body.isascii():  # half a character can't be given back
            json.dumps(draft, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    same = isinstance(draft, dict) and f"ServiceRequest/{draft.get('id')}" == fact.reference
    return draft if same and draft.get("resourceType") == "ServiceRequest" else None


def with_more(draft: Mapping[str, Any], **added: Sequence[Any]) -> dict[str, Any] | None:
    """The draft with items added to lists of it; None where one of them is no list, or nothing is added.

    The name of a list is its name in FHIR.
    """
    if any(not isinstance(draft.get(name, []), list) for name in added) or not any(added.values()):
        return None
    return {**draft, **{name: [*draft.get(name, ()), *items] for name, items in added.items() if items}}


def _without_empties(value: Any) -> Any:
    """Null, empty text, list and object mean nothing in FHIR and are left out; a null in a list holds a place there."""
    if isinstance(value, dict):
        return {name: kept for name, part in value.items() if not _is_empty(kept := _without_empties(part))}
    if isinstance(value, list):
        if None in value:
            raise ValueError("a null in a list pairs with another list, so neither can be left out")
        return [kept for part in value if not _is_empty(kept := _without_empties(part))]
    return value


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _exact_float(text: str) -> float:
    """FHIR decimals keep their digits: 1.0 is not 1.00. Source: FHIR R4, decimal."""
    number = float(text)
    if repr(number) != text or "e" in text:
        raise ValueError("a number that would be written another way")
    return number


def _exact_int(text: str) -> int:
    number = int(text)
    if number not in _INTEGERS:
        raise ValueError("a number with more digits than can be given back")
    return number


def _refused(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
