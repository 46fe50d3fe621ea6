"""Cards stage: what a card rests on, so that a later call knows it again: the same orders, problem and evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from cds_service.cards.card import Basis, Card
from cds_service.cards.suggest_draft import is_draft_with_id
from cds_service.findings.finding import CriterionFinding, Findings, OrderFinding, Shown
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import PROBLEMS


def basis_of(card: Card, findings: Findings) -> Basis | None:
    """The basis of one card; None where an order that it concerns has no id, as it can't be known again.

    What could not be read is told until somebody answers it, and so is what is critical.
    """
    orders = [order for order in findings.orders if _concerns(card, order)]
    references = [order.order.reference for order in orders if order.order is not None]
    if not orders or not all(is_draft_with_id(order.order) for order in orders):
        return None
    unread = findings.unavailable if card.topic[0] not in PROBLEMS else ()
    rests_on = [
        card.indicator.word,
        sorted(json.dumps(_answers(order, card.rows), default=str) for order in orders),
        sorted(f"{gap.data} {gap.reason.key} {gap.reference}" for gap in unread),
    ]
    digest = hashlib.sha256(json.dumps(rests_on).encode("utf-8", "surrogatepass")).hexdigest()
    return Basis(tuple(sorted(references)), digest, card.indicator is Indicator.CRITICAL or bool(unread))


def _concerns(card: Card, order: OrderFinding) -> bool:
    """Whether a card speaks for the order: its procedure, or a row that is told of it."""
    told = (row for row in order.contraindications if row.told.shown is Shown.CARD)
    named = {row.contraindication.id for row in told} | ({order.procedure.id} if order.procedure else set())
    return bool(named & set(card.rows))


def _answers(order: OrderFinding, rows: Collection[str]) -> list[Any]:
    """What was found of the order; a line on a card that is shown anyway is no news."""
    shown = [
        _answer(found)
        for row in order.contraindications
        if row.contraindication.id in rows
        for found in row.criteria
        if found.told.shown is Shown.CARD
    ]
    return [
        order.order.reference if order.order else "",
        order.procedure.id if order.procedure else "",
        order.urgency.name,
        order.planned,
        order.reason_told.shown,
        [[alert.wording, [item.reference for item in alert.evidence]] for alert in order.alerts],
        shown,
    ]


def _answer(found: CriterionFinding) -> list[Any]:
    items = [[item.reference, item.value, item.unit, item.date, item.text] for item in found.evidence]
    reason = [found.reason.key, found.reason.values] if found.reason else None
    return [found.criterion.id, found.certainty, found.indicator, reason, items]
