"""What one call read, decided and told, without anything of the patient: for audit records, metrics and reports.

In: the outputs of the stages. Out: a `CallSummary` of ids, counts and answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace
from msgspec.structs import replace as with_other

from cds_service.cards.card import CardSummary
from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import ClinicalData
from cds_service.findings.finding import CriterionFinding, Evidence, Findings, OrderFinding
from cds_service.indicator import Indicator
from cds_service.kinds import KINDS
from cds_service.knowledge.tables import Contraindication
from cds_service.reasons import Reason

_TYPES = frozenset(name for kind in KINDS.values() for name in kind.resource_types)


class Read(msgspec.Struct, frozen=True):
    """How many resources of one kind were read, and where from: `prefetch` or `fhir`."""

    count: int
    source: str


class AnswerSummary(msgspec.Struct, frozen=True):
    """One question that is present or unknown, without a value of the record.

    `row` is its contraindication, or the indication itself. `reason` is a key of the wording. `evidence` are the
    references of the resources that it rests on. `limit` (the limits of results and the holds of agents that it rests
    on) and `source` are as they were on that day.
    """

    row: str
    question: str
    certainty: str
    indicator: str = ""
    reason: str = ""
    evidence: tuple[str, ...] = ()
    limit: str = ""
    source: str = ""


class OrderSummary(msgspec.Struct, frozen=True):
    """What was found of one order. `present` maps contraindications to how loud, `unknown` are the unanswered ones.

    `recognized_by` is `code`, `text`, `details` or `condition`; `unknown` for an order that looks interventional and is
    not known, `none` for any other, and None in patient-view, where nothing is ordered.
    """

    procedure: str | None
    indication: str | None
    present: Mapping[str, str]
    unknown: tuple[str, ...]
    recognized_by: str | None = None
    answers: tuple[AnswerSummary, ...] = ()
    """Why a card came; left out where only counts are needed."""


class CallSummary(msgspec.Struct, frozen=True):
    """One call in ids and counts.

    `read`: kind of data -> what was read. `unavailable`: kind of data -> reason keys of the wording.
    `unknown`: reason key -> number of questions that it left open. `cards`: the withheld ones are last.
    """

    knowledge_version: str
    read: Mapping[str, Read]
    unavailable: Mapping[str, tuple[str, ...]]
    unknown: Mapping[str, int]
    orders: tuple[OrderSummary, ...]
    cards: tuple[CardSummary, ...]
    judged: bool = True
    """False where nothing of the record could be retrieved."""


def without_references(summary: CallSummary) -> CallSummary:
    """The same with the types of resources in place of their ids."""
    orders = (replace(order, answers=tuple(map(_without_ids, order.answers))) for order in summary.orders)
    return replace(summary, orders=tuple(orders))


def _without_ids(answer: AnswerSummary) -> AnswerSummary:
    types = (reference.partition("/")[0] for reference in answer.evidence)
    return with_other(answer, evidence=tuple(name if name in _TYPES else "a resource" for name in types))


def summarize(data: ClinicalData, findings: Findings, cards: tuple[CardSummary, ...], version: str) -> CallSummary:
    """The summary of one call.

    Args:
        data: what was retrieved.
        findings: everything that was found, rows in shadow included.
        cards: what was told and what was withheld.
        version: of the tables.
    """
    by_kind = {**data.by_kind, "orders": data.in_focus}
    gaps = dict.fromkeys((gap.data, gap.reason.key) for gap in findings.unavailable)
    return CallSummary(
        knowledge_version=version,
        read={kind: Read(len(held.records), held.source) for kind, held in by_kind.items()},
        unavailable={kind: tuple(key for data_kind, key in gaps if data_kind == kind) for kind, _ in gaps},
        unknown=_counted([reason.key for order in findings.orders for reason in _unanswered(order)]),
        orders=tuple(summarize_order(order, tuple(_answers(order))) for order in findings.orders),
        cards=cards,
        judged=not findings.nothing_retrieved,
    )


def _counted(keys: list[str]) -> dict[str, int]:
    return {key: keys.count(key) for key in dict.fromkeys(keys)}


def summarize_order(order: OrderFinding, answers: tuple[AnswerSummary, ...] = ()) -> OrderSummary:
    """What was found of one order, in ids; `answers` are left out where only counts are needed."""
    rows = order.contraindications
    return OrderSummary(
        procedure=order.procedure.id if order.procedure else None,
        indication=order.indication.value if order.indication else None,
        present={
            row.contraindication.id: (row.indicator or Indicator.INFO).word
            for row in rows
            if row.certainty is Certainty.PRESENT
        },
        unknown=tuple(row.contraindication.id for row in rows if row.certainty is Certainty.UNKNOWN),
        recognized_by=_recognized_by(order),
        answers=answers,
    )


def _answers(order: OrderFinding) -> Iterator[AnswerSummary]:
    for indication in order.indications:
        if indication.certainty is not Certainty.ABSENT:
            name = indication.indication.id
            yield AnswerSummary(
                row=name,
                question=name,
                certainty=indication.certainty.value,
                reason=indication.reason.key if indication.reason else "",
                evidence=_references(indication.evidence),
                source=indication.indication.source,
            )
    for row in order.open_or_present:
        answered = [found for found in row.criteria if found.certainty is not Certainty.ABSENT]
        yield from [_answer(row.contraindication, found) for found in answered]


def _answer(row: Contraindication, found: CriterionFinding) -> AnswerSummary:
    limits = [(f"{limit.lab} {limit.text}", limit.guideline) for limit in found.limits]
    limits += [(f"{row.agent} {row.text}", f"{row.guideline}, row {row.id}") for row in found.rows]
    sources = dict.fromkeys(source for _, source in limits) or [found.criterion.source or row.source]
    return AnswerSummary(
        row=row.id,
        question=found.criterion.id,
        certainty=str(found.certainty),
        indicator=found.indicator.word if found.indicator else "",
        reason=found.reason.key if found.reason else "",
        evidence=_references(found.evidence),
        limit="; ".join(limit for limit, _ in limits),
        source="; ".join(sources),
    )


def _references(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.reference for item in evidence if item.reference))


def _recognized_by(order: OrderFinding) -> str | None:
    if order.order is None:
        return None
    return order.recognised_by or ("unknown" if order.looks_interventional else "none")


def _unanswered(order: OrderFinding) -> Iterator[Reason]:
    answers = [(found.certainty, found.reason) for found in order.indications]
    answers += [(found.certainty, found.reason) for row in order.open_or_present for found in row.criteria]
    yield from (reason for certainty, reason in answers if certainty is Certainty.UNKNOWN and reason is not None)
