"""Cards stage: what an indication card offers to do at a click: add a recorded reason to the draft, or cancel it.

An update holds the whole draft as it came, with reasonCode added and nothing else changed. Where that can't be
promised (a number that would change, a null in a list), no update is offered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import product, zip_longest
from typing import Any

from cds_service.cards.card import Suggestion
from cds_service.cards.order_names import procedure_label
from cds_service.cards.wording import Wording
from cds_service.facts.patient_facts import OrderFact
from cds_service.findings.finding import OrderFinding
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.tables import Knowledge

MOST_UPDATES = 3
_MOST_ALTERNATIVES = 8
_HAS_ID = re.compile(r"ServiceRequest/[^/\s]+")
_INTEGERS = range(-(2**63), 2**63)


def suggestions_for(order: OrderFinding, knowledge: Knowledge, wording: Wording) -> tuple[Suggestion, ...]:
    """At most three reasons to add, and cancelling; none for an appointment or an order without an id.

    Where the record holds a condition that needs other treatment (an alert), no reason is proposed beside it.
    """
    fact = order.order
    if fact is None or fact.resource_type != "ServiceRequest" or not _HAS_ID.fullmatch(fact.reference):
        return ()
    draft = None if order.alerts else _draft(fact)
    reasons = _reasons_to_offer(order, knowledge)[:MOST_UPDATES] if draft is not None else []
    updates = [_update(draft, conditions, knowledge, wording) for conditions in reasons if draft is not None]
    return (*updates, _cancel(fact, procedure_label(order), wording))


def _cancel(fact: OrderFact, procedure: str, wording: Wording) -> Suggestion:
    description = wording.say("suggestion.cancel-action", procedure=procedure)
    action = {"type": "delete", "description": description, "resourceId": fact.reference}
    return Suggestion(wording.say("suggestion.cancel"), (action,))


def _update(
    draft: Mapping[str, Any], conditions: tuple[str, ...], knowledge: Knowledge, wording: Wording
) -> Suggestion:
    label = knowledge.conditions[conditions[0]].label
    for name in conditions[1:]:
        label = wording.say("suggestion.and", first=label, second=knowledge.conditions[name].label)
    added = [_reason_code(name, knowledge) for name in conditions]
    action = {
        "type": "update",
        "description": wording.say("suggestion.add-reason-action", reason=label),
        "resource": {**draft, "reasonCode": [*draft.get("reasonCode", ()), *added]},
    }
    return Suggestion(wording.say("suggestion.add-reason", reason=label), (action,))


def _reason_code(condition: str, knowledge: Knowledge) -> dict[str, Any]:
    system, code, display = knowledge.reason_codes[condition][0]
    return {
        "coding": [{"system": system, "code": code, "display": display}],
        "text": knowledge.conditions[condition].label,
    }


def _reasons_to_offer(order: OrderFinding, knowledge: Knowledge) -> list[tuple[str, ...]]:
    """Condition ids that together make one reason: the first way of each indication, then the second ways, ..."""
    ways = [_alternatives(finding.indication.present_if) for finding in order.indications]
    turns = [way for turn in zip_longest(*ways) for way in turn if way]
    coded = [way for way in turns if all(knowledge.reason_codes.get(name) for name in way)]
    return list(dict.fromkeys(coded))


def _alternatives(expression: Expression) -> list[tuple[str, ...]]:
    """Every set of conditions that makes the expression true, in the order of the table."""
    if expression.operator == "is":
        return [(expression.condition,)]
    parts = [_alternatives(part) for part in expression.parts if part.operator != "none_of"]
    if expression.operator == "any_of":
        return [way for part in parts for way in part][:_MOST_ALTERNATIVES]
    combined = [tuple(dict.fromkeys(name for way in ways for name in way)) for ways in product(*parts)]
    return combined[:_MOST_ALTERNATIVES]


def _draft(fact: OrderFact) -> dict[str, Any] | None:
    """The draft as it came, without empty members; None where it can't be given back unchanged."""
    try:
        draft = _without_empties(
            json.loads(fact.body, parse_float=_exact_float, parse_int=_exact_int, parse_constant=_refused)
        )
        json.dumps(draft, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(draft, dict) or not isinstance(draft.get("reasonCode", []), list):
        return None
    return draft if f"ServiceRequest/{draft.get('id')}" == fact.reference else None


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
    number = float(text)
    if Decimal(repr(number)) != Decimal(text):
        raise ValueError("a number with more digits than can be given back")
    return number


def _exact_int(text: str) -> int:
    number = int(text)
    if number not in _INTEGERS:
        raise ValueError("a number with more digits than can be given back")
    return number


def _refused(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
