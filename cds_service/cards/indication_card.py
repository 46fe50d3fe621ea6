"""Cards stage: one card for each order whose reason is not recorded, as far as the table knows."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.cards.card import Card, Kind, bullets, paragraphs, summary
from cds_service.cards.evidence import evidence_lines
from cds_service.cards.order_names import emergency_block, order_block, procedure_ids, procedure_label
from cds_service.cards.quantities import shown_reason
from cds_service.cards.wording import Wording
from cds_service.findings.finding import Findings, IndicationFinding, OrderFinding

_ADVICE = ("card.indication.advice-add", "card.indication.advice-keep", "card.indication.advice-cancel")


def indication_cards(findings: Findings, wording: Wording) -> list[Card]:
    """A card for every order of which each indication is absent; `warning` only where codes could show them all."""
    return [_card(order, wording) for order in findings.orders if order.procedure is not None and order.lacks_reason]


def _card(order: OrderFinding, wording: Wording) -> Card:
    return Card(
        kind=Kind.INDICATION,
        indicator=order.missing_reason_indicator,
        summary=summary(wording, "card.indication.summary", procedure=procedure_label(order)),
        detail=_detail(order, wording),
        source=wording.say("source.indications"),
        topic=("indication", wording.say("topic.indication")),
        rows=procedure_ids([order]),
    )


def _detail(order: OrderFinding, wording: Wording) -> str:
    doubt = "" if order.conditions_fully_classified else wording.say("card.indication.not-classified")
    looked_for = dict.fromkeys(line for finding in order.indications for line in _indication_lines(finding, wording))
    return paragraphs(
        emergency_block([order], wording),
        wording.say("card.indication.looked-for"),
        bullets(list(looked_for)),
        " ".join(part for part in (wording.say("card.indication.none-found"), doubt) if part),
        wording.say("card.what-can-be-done"),
        bullets([wording.say(key) for key in _ADVICE]),
        order_block([order], wording),
    )


def _indication_lines(finding: IndicationFinding, wording: Wording) -> Iterator[str]:
    """What was looked for, and what the record holds of it all the same."""
    line = finding.indication.label
    notes = [shown_reason(finding.reason, wording)] if finding.reason else []
    notes += evidence_lines(finding.evidence, wording)
    yield wording.say("evidence.noted", what=line, note="; ".join(notes)) if notes else line
