"""Cards stage: one card for each contraindication that is present in any order, with every order it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cds_service.cards.card import Card, Kind, bullets, paragraphs, summary
from cds_service.cards.escape import sentence_case
from cds_service.cards.evidence import evidence_lines, fact_of
from cds_service.cards.order_names import emergency_block, order_block, procedures_named, remaining
from cds_service.cards.quantities import shown_limit, shown_reason
from cds_service.cards.wording import Wording
from cds_service.certainty import Certainty
from cds_service.findings.finding import ContraindicationFinding, CriterionFinding, Findings, OrderFinding
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Contraindication

# Advice that takes the place of a criterion's own where every item under it carries this note.
_INSTEAD = {"allergy-physiologic": "physiologic-reaction", "allergy-inactive": "ask-tolerated-since"}
# Advice that comes before a criterion's own.
_BEFORE = {"stale": "confirm-current-state"}


@dataclass(frozen=True, slots=True)
class _Row:
    """One row with everything that is present under it in any order; `criteria` hold each criterion once."""

    row: Contraindication
    orders: tuple[OrderFinding, ...]
    criteria: tuple[CriterionFinding, ...]
    indicator: Indicator


def contraindication_cards(findings: Findings, wording: Wording) -> list[Card]:
    """A card for every row that is present in at least one order, rows in the order of the table."""
    found: dict[str, list[tuple[OrderFinding, ContraindicationFinding]]] = {}
    for order in findings.orders:
        for row in order.contraindications:
            if row.certainty is Certainty.PRESENT and not row.quiet:
                found.setdefault(row.contraindication.id, []).append((order, row))
    return [_card(_merged(pairs), wording) for pairs in found.values()]


def _merged(pairs: Sequence[tuple[OrderFinding, ContraindicationFinding]]) -> _Row:
    criteria: dict[str, CriterionFinding] = {}
    for _, row in pairs:
        for finding in row.criteria:
            if finding.certainty is Certainty.PRESENT:
                known = criteria.get(finding.criterion.id, finding)
                criteria[finding.criterion.id] = finding if known is finding else _joined(known, finding)
    return _Row(
        row=pairs[0][1].contraindication,
        orders=tuple(order for order, _ in pairs),
        criteria=tuple(sorted(criteria.values(), key=lambda finding: -(finding.indicator or 0))),
        indicator=max(row.indicator or Indicator.INFO for _, row in pairs),
    )


def _joined(one: CriterionFinding, other: CriterionFinding) -> CriterionFinding:
    """The same criterion of two orders: the louder answer, the evidence of both, each item once."""
    louder = one if (one.indicator or 0) >= (other.indicator or 0) else other
    evidence = (*one.evidence, *(item for item in other.evidence if item not in one.evidence))
    return replace(louder, evidence=evidence)


def _card(row: _Row, wording: Wording) -> Card:
    places = {
        "row": row.row.label,
        "fact": fact_of(row.criteria, wording),
        "procedures": procedures_named(row.orders, wording, most=2),
    }
    return Card(
        kind=Kind.CONTRAINDICATION,
        indicator=row.indicator,
        summary=summary(wording, "card.contraindication.summary", **places),
        detail=_detail(row, wording),
        source=row.row.source,
        topic=(row.row.id, row.row.label),
        rows=(row.row.id,),
    )


def _detail(row: _Row, wording: Wording) -> str:
    advice = [wording.say(f"advice.{key}") for key in _advice(row)]
    urgent = any(order.emergency for order in row.orders)
    heading = "card.what-can-be-done-meanwhile" if urgent else "card.what-can-be-done"
    return paragraphs(
        emergency_block(row.orders, wording),
        *(block for finding in row.criteria for block in _criterion_blocks(finding, wording)),
        *((wording.say(heading), bullets(advice)) if advice else ()),
        *_notes(row, wording),
        *_usually(row, wording),
        order_block(row.orders, wording),
    )


def _criterion_blocks(finding: CriterionFinding, wording: Wording) -> Iterator[str]:
    """What is asked, then the record's answer, what softened it, and the limit with its source."""
    yield wording.say("card.contraindication.criterion", criterion=sentence_case(finding.criterion.label))
    lines = evidence_lines(finding.evidence, wording)
    if finding.reason is not None:
        lines.append(sentence_case(shown_reason(finding.reason, wording)))
    yield bullets([*lines, *_limit_lines(finding, wording)])


def _limit_lines(finding: CriterionFinding, wording: Wording) -> Iterator[str]:
    limit = finding.criterion.question.limit
    if limit is None:
        return
    grade, shown = wording.label("grade", limit.grade), shown_limit(limit, wording)
    if shown:
        yield wording.say("limit.line", limit=shown, guideline=limit.guideline, grade=grade)
    else:
        yield wording.say("limit.no-number", guideline=limit.guideline, grade=grade)


def _advice(row: _Row) -> list[str]:
    """Keys of what can be done, the loudest criterion's first, each once, without what this patient can't have."""
    keys = dict.fromkeys(key for finding in row.criteria for key in _advice_of(finding))
    return [key for key in keys if _is_possible(key, row)]


def _advice_of(finding: CriterionFinding) -> Iterable[str]:
    notes = {item.notes[0].key if item.notes else None for item in finding.evidence}
    only = next(iter(notes)) if len(notes) == 1 else None
    if only in _INSTEAD:
        return (_INSTEAD[only],)
    return (_BEFORE[only], *finding.criterion.advice) if only in _BEFORE else finding.criterion.advice


def _is_possible(key: str, row: _Row) -> bool:
    """CO2 only where every procedure on the card allows it, gadolinium only where no patient's allergy forbids it."""
    if key == "co2":
        return all(procedure.co2 for order in row.orders for procedure in remaining(order))
    return key != "gadolinium" or not any(order.gadolinium_allergy for order in row.orders)


def _notes(row: _Row, wording: Wording) -> Iterable[str]:
    """The procedures' own remarks on this row."""
    keys = [order.procedure.notes.get(row.row.id) for order in row.orders if order.procedure]
    return [wording.say(key) for key in dict.fromkeys(keys) if key]


def _usually(row: _Row, wording: Wording) -> Iterator[str]:
    """Where the row speaks only because a procedure usually uses something."""
    asked = row.row.gate.uses.union(*(finding.criterion.gate.uses for finding in row.criteria))
    seen: dict[str, frozenset[str]] = {}
    for order in row.orders:
        for procedure in remaining(order):
            seen[procedure.label] = asked & procedure.usually_uses
    for label, uses in seen.items():
        if uses:
            names = wording.listed([wording.label("uses", use) for use in sorted(uses)])
            yield wording.say("card.usually-uses", procedure=label, uses=names)
