"""How an answer came about, question by question: present, absent or unknown, with evidence and limit.

In: `Findings`, rows in shadow included. Out: what the page `/try` lists.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cds_service.cards.quantities import shown_quantity
from cds_service.cards.wording import Wording
from cds_service.certainty import Certainty
from cds_service.findings.finding import ContraindicationFinding, CriterionFinding, Evidence, Findings, OrderFinding
from cds_service.knowledge.tables import Knowledge
from cds_service.publishing.rule_questions import limit_in_words
from cds_service.reasons import Reason


class Answered(msgspec.Struct, frozen=True):
    """One question and its answer. `limits` are there for every answer of a question that has one, also an absent one;
    of a question about antithrombotics also how long what was found is held."""

    id: str
    label: str
    certainty: str
    indicator: str
    reason: str
    limits: tuple[str, ...]
    evidence: tuple[str, ...]


class TracedRow(msgspec.Struct, frozen=True):
    """One row: `kind` and `id` are its address below `/knowledge`. `not_asked` are questions that do not apply here, or
    that count only when something is recorded."""

    kind: str
    id: str
    label: str
    certainty: str
    questions: tuple[Answered, ...]
    not_asked: tuple[str, ...] = ()


class TracedOrder(msgspec.Struct, frozen=True):
    """One order: what it was recognized as and how, and every row that was asked."""

    reference: str
    procedure: str
    procedure_id: str
    recognized_by: str
    rows: tuple[TracedRow, ...]


def trace(findings: Findings, knowledge: Knowledge, wording: Wording) -> list[TracedOrder]:
    """Every order with every question that was asked of it; reasons and limits in the language of the wording."""
    return [_order(order, knowledge, wording) for order in findings.orders]


def _order(order: OrderFinding, knowledge: Knowledge, wording: Wording) -> TracedOrder:
    indications = (
        TracedRow(
            "indications",
            found.indication.id,
            found.indication.label,
            found.certainty.value,
            (
                Answered(
                    found.indication.id,
                    found.indication.label,
                    found.certainty.value,
                    "",
                    _reason(found.reason, wording),
                    (),
                    _evidence(found.evidence, wording),
                ),
            ),
        )
        for found in order.indications
    )
    return TracedOrder(
        reference=order.order.reference if order.order else "",
        procedure=order.procedure.label if order.procedure else "",
        procedure_id=order.procedure.id if order.procedure else "",
        recognized_by=order.recognised_by or "",
        rows=(*indications, *(_row(found, knowledge, wording) for found in order.contraindications)),
    )


def _row(found: ContraindicationFinding, knowledge: Knowledge, wording: Wording) -> TracedRow:
    row = found.contraindication
    asked = {answer.criterion.id for answer in found.criteria}
    return TracedRow(
        "contraindications",
        row.id,
        row.label,
        found.certainty.value,
        tuple(_answered(answer, knowledge, wording) for answer in found.criteria),
        tuple(criterion.label for criterion in row.criteria if criterion.id not in asked),
    )


def _answered(found: CriterionFinding, knowledge: Knowledge, wording: Wording) -> Answered:
    told = found.indicator.word if found.indicator and found.certainty is not Certainty.ABSENT else ""
    return Answered(
        id=found.criterion.id,
        label=found.criterion.label,
        certainty=found.certainty.value,
        indicator=told,
        reason=_reason(found.reason, wording),
        limits=tuple(_limits(found, knowledge, wording)),
        evidence=_evidence(found.evidence, wording),
    )


def _limits(found: CriterionFinding, knowledge: Knowledge, wording: Wording) -> Iterator[str]:
    limits = found.criterion.question.limits(knowledge)
    for limit in limits:
        named = f"{knowledge.labs[limit.lab].label} " if len(limits) > 1 else ""
        yield f"{named}{limit_in_words(limit, knowledge, wording)}; {limit.guideline}"
    for row in found.rows:
        yield f"{knowledge.medications.agents[row.agent].label}: {row.text}; {row.guideline}"


def _reason(reason: Reason | None, wording: Wording) -> str:
    return wording.reason(reason) if reason else ""


def _evidence(evidence: tuple[Evidence, ...], wording: Wording) -> tuple[str, ...]:
    return tuple(" ".join(_parts(item, wording)) for item in evidence)


def _parts(item: Evidence, wording: Wording) -> Iterator[str]:
    coding = item.coding
    yield item.text or (coding.display if coding else None) or ""
    if coding:
        yield f"({coding.code})"
    if item.value is not None:
        yield shown_quantity(item.value, item.unit, wording)
    if item.date:
        yield item.date
    yield from (f"[{wording.reason(note)}]" for note in item.notes)
    yield item.reference
