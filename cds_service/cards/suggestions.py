"""Cards stage: what a card offers to do at a click. Each function gives a suggestion, or none where it would be wrong.

order_missing   create orders of the tests that are missing, or of a re-check with a day of its own
tell_ir         note the evidence on the draft, for whoever does the procedure
link_reason     name a recorded condition as the reason of the draft
replace_orders  delete each draft, and create the one of the safer procedure
cancel_orders   delete the drafts; last, and never alone

No drug is stopped, held or prescribed here. An update holds the whole draft as it came, with what is added to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from cds_service.cards.card import Suggestion
from cds_service.cards.context import CardContext
from cds_service.cards.escape import harmless
from cds_service.cards.order_names import short_name
from cds_service.cards.suggest_draft import is_draft_with_id, with_more
from cds_service.cards.suggest_resources import annotation, are_valid, concept, reference, service_request
from cds_service.cards.suggest_tests import Timing, WantedTest, order_missing
from cds_service.fhir_references import local_reference
from cds_service.findings.finding import Evidence, OrderFinding
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Procedure

__all__ = [
    "Tell",
    "Timing",
    "WantedTest",
    "cancel_orders",
    "link_reason",
    "order_missing",
    "replace_orders",
    "tell_ir",
]

MOST_REASONS = 3
_REFERENCE = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}")
_KEPT_BY_ANOTHER = (
    *("subject", "encounter", "requester", "priority", "category", "reasonCode", "reasonReference"),
    *("supportingInfo", "insurance", "performer", "performerType", "occurrenceDateTime", "occurrencePeriod"),
    *("locationCode", "locationReference"),
)
"""What an order of another procedure for the same patient and reason has in common with the first."""


class Tell(StrEnum):
    """What is noted for interventional radiology: a key of the wording, the words of the button."""

    REACTION = "suggestion.tell.reaction"
    ALLERGY_ENTRY = "suggestion.tell.entry"
    RESULTS = "suggestion.tell.results"
    EGFR = "suggestion.tell.egfr"
    SCORE = "suggestion.tell.score"
    LAST_DOSE = "suggestion.tell.last-dose"
    """Its places are `drug` and `day`."""
    CONDITION = "suggestion.tell.condition"


def tell_ir(
    what: Tell,
    fact: str,
    evidence: Sequence[Evidence],
    orders: Sequence[OrderFinding],
    context: CardContext,
    **places: str,
) -> Suggestion | None:
    """Add evidence to the drafts for whoever does the procedure: `supportingInfo`, and one sentence as a `note`.

    Args:
        what: names the button.
        fact: what was found, in words, safe to show; no full stop.
        evidence: what it rests on; only what can be referred to by type and id is.
        orders: the orders concerned.
        context: of the call.
        places: of the button's words, where they have any.

    Returns:
        One update for each draft that does not say so yet; None for none.
    """
    references = [one.reference for one in evidence if _REFERENCE.fullmatch(one.reference)]
    note = context.wording.say("suggestion.tell-note", fact=fact)
    updates = [_told(context.draft_of(order), references, note) for order in orders]
    actions = [_update(draft, context.wording.say("suggestion.tell-action", fact=fact)) for draft in updates if draft]
    return Suggestion(context.wording.say(what, **places), tuple(actions)) if actions else None


def _told(draft: Mapping[str, Any] | None, references: Sequence[str], note: str) -> dict[str, Any] | None:
    if draft is None:
        return None
    own = {f"ServiceRequest/{draft['id']}", *_references(draft.get("supportingInfo"))}
    texts = [part.get("text") for part in _objects(draft.get("note"))]
    return with_more(
        draft,
        supportingInfo=[reference(to) for to in dict.fromkeys(references) if to not in own],
        note=[annotation(note)] if note not in texts else [],
    )


def link_reason(order: OrderFinding, context: CardContext) -> tuple[Suggestion, ...]:
    """Name recorded conditions as the reason of the draft: `reasonReference`, one suggestion for each reason that fits.

    The conditions are there, active and confirmed (`OrderFinding.linkable_reasons`); none is made up.
    """
    draft = context.draft_of(order)
    offers = (_link(draft, reason, context) for reason in order.linkable_reasons) if draft is not None else ()
    return tuple(offer for offer in offers if offer)[:MOST_REASONS]


def _link(draft: Mapping[str, Any], reason: Sequence[Evidence], context: CardContext) -> Suggestion | None:
    known = _references(draft.get("reasonReference"))
    new = [one for one in reason if one.reference not in known]
    linked = with_more(draft, reasonReference=[reference(one.reference, harmless(one.text or "")) for one in new])
    if linked is None:
        return None
    label = context.wording.joined([harmless(one.text or one.reference) for one in new])
    description = context.wording.say("suggestion.link-reason-action", reason=label)
    return Suggestion(context.wording.say("suggestion.link-reason", reason=label), (_update(linked, description),))


def replace_orders(orders: Sequence[OrderFinding], rows: Iterable[str], context: CardContext) -> Suggestion | None:
    """Order the safer procedures that the table names in place of these; never of one that must not wait.

    Args:
        orders: that the card calls for something else than; those of which no safer one is known stay as they are.
        rows: ids of the contraindications that the card speaks of.
        context: of the call.
    """
    named = [(order, _safer(order, rows, context)) for order in orders]
    replaced = [(safer, actions) for order, safer in named if safer and (actions := _replaced(order, safer, context))]
    if not replaced:
        return None
    name = context.wording.joined([short_name(safer, context.wording) for safer, _ in replaced])
    actions = tuple(action for _, each in replaced for action in each)
    return Suggestion(context.wording.say("suggestion.replace", procedure=name), actions)


def _safer(order: OrderFinding, rows: Iterable[str], context: CardContext) -> Procedure | None:
    old = order.procedure
    named = [old.alternatives[row] for row in rows if row in old.alternatives] if old else []
    safer = context.knowledge.procedures.get(named[0]) if named and len(order.candidates) < 2 else None
    return None if safer is None or safer.shadow or order.must_not_wait else safer


def _replaced(order: OrderFinding, safer: Procedure, context: CardContext) -> tuple[dict[str, Any], ...]:
    draft, old, wording = context.draft_of(order), order.procedure, context.wording
    if draft is None or old is None:
        return ()
    code = concept(context.knowledge.order_codes[safer.id], safer.label)
    notes = [
        *_objects(draft.get("note")),
        annotation(wording.say("suggestion.replace-note", procedure=short_name(old, wording))),
    ]
    kept = {name: draft[name] for name in _KEPT_BY_ANOTHER if name in draft} | {"note": notes}
    if "subject" not in kept or not are_valid(kept):
        return ()
    create = {
        "type": "create",
        "description": wording.say("suggestion.replace-action", procedure=short_name(safer, wording)),
        "resource": service_request(**kept, code=code),
    }
    return (_delete(order, context), create)


def cancel_orders(
    orders: Sequence[OrderFinding],
    level: Indicator,
    beside: Sequence[Suggestion],
    context: CardContext,
) -> Suggestion | None:
    """Delete the drafts, for a critical card; to be shown last. All of them or none, as the button says.

    Args:
        orders: the orders that it is critical for.
        level: of the card.
        beside: the other suggestions of the card: without one, cancelling would be all that the card offers.
        context: of the call.
    """
    allowed = level is Indicator.CRITICAL and beside and orders
    if not allowed or any(order.must_not_wait or not is_draft_with_id(order.order) for order in orders):
        return None
    label = context.wording.count("suggestion.cancel", len(orders))
    return Suggestion(label, tuple(_delete(order, context) for order in orders))


def _delete(order: OrderFinding, context: CardContext) -> dict[str, Any]:
    name = short_name(order.procedure, context.wording) if order.procedure else ""
    description = context.wording.say("suggestion.cancel-action", procedure=name)
    return {"type": "delete", "description": description, "resourceId": order.order.reference if order.order else ""}


def _update(draft: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"type": "update", "description": description, "resource": draft}


def _references(value: Any) -> set[str]:
    return {local_reference(to) for part in _objects(value) if isinstance(to := part.get("reference"), str)}


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (part for part in (value if isinstance(value, list) else ()) if isinstance(part, dict))
