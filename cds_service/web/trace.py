"""How an answer came about, question by question: present, absent or unknown, with evidence and limit.

In: `Findings`, rows in shadow included. Out: what the page `/try` lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.cards.quantities import shown_limit
from cds_service.cards.wording import Wording
from cds_service.certainty import Certainty
from cds_service.findings.finding import ContraindicationFinding, CriterionFinding, Evidence, Findings, OrderFinding
from cds_service.reasons import Reason


@dataclass(frozen=True, slots=True)
class Answered:
    """One question and its answer. `limit` is there for every answer of a question that has one, also an absent one."""

    id: str
    label: str
    certainty: str
    indicator: str
    reason: str
    limit: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TracedRow:
    """One row: `kind` and `id` are its address below `/knowledge`. `not_asked` are questions that do not apply here, or
    that count only when something is recorded."""

    kind: str
    id: str
    label: str
    certainty: str
    questions: tuple[Answered, ...]
    not_asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TracedOrder:
    """One order: what it was recognized as and how, and every row that was asked."""

    reference: str
    procedure: str
    procedure_id: str
    recognized_by: str
    rows: tuple[TracedRow, ...]


def trace(findings: Findings, wording: Wording) -> list[TracedOrder]:
    """Every order with every question that was asked of it; reasons and limits in the language of the wording."""
    return [_order(order, wording) for order in findings.orders]


def _order(order: OrderFinding, wording: Wording) -> TracedOrder:
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
                    "",
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
        rows=(*indications, *(_row(found, wording) for found in order.contraindications)),
    )


def _row(found: ContraindicationFinding, wording: Wording) -> TracedRow:
    row = found.contraindication
    asked = {answer.criterion.id for answer in found.criteria}
    return TracedRow(
        "contraindications",
        row.id,
        row.label,
        found.certainty.value,
        tuple(_answered(answer, wording) for answer in found.criteria),
        tuple(criterion.label for criterion in row.criteria if criterion.id not in asked),
    )


def _answered(found: CriterionFinding, wording: Wording) -> Answered:
    limit = found.criterion.question.limit
    told = found.indicator.word if found.indicator and found.certainty is not Certainty.ABSENT else ""
    return Answered(
        id=found.criterion.id,
        label=found.criterion.label,
        certainty=found.certainty.value,
        indicator=told,
        reason=_reason(found.reason, wording),
        limit=f"{shown_limit(limit, wording) or limit.text}; {limit.guideline}" if limit else "",
        evidence=_evidence(found.evidence, wording),
    )


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
        yield f"{item.value} {item.unit or ''}".strip()
    if item.date:
        yield item.date
    yield from (f"[{wording.reason(note)}]" for note in item.notes)
    yield item.reference
