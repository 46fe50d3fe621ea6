"""Cards stage: where nothing of the record could be retrieved, one card says so, or an error."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.cards.context import CardContext
from cds_service.cards.escape import sentence_case
from cds_service.cards.gap_card import TOPIC
from cds_service.cards.headline import first_fitting
from cds_service.cards.order_names import orders_named, procedure_ids
from cds_service.cards.part import Part, Step, Words
from cds_service.cards.quantities import shown_reason
from cds_service.cards.wording import Wording
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.errors import NothingJudged
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.kinds import KINDS
from cds_service.knowledge.advice import Moment
from cds_service.knowledge.tables import Knowledge


def nothing_judged(findings: Findings, knowledge: Knowledge) -> NothingJudged | None:
    """The error that says why nothing could be judged; None where something was."""
    if not findings.nothing_retrieved:
        return None
    gaps = _clinical(findings)
    why = "; ".join(_reasons(gaps, Wording(knowledge.wording)))
    return NothingJudged(f"Nothing could be judged: {why}.", tuple(dict.fromkeys(gap.reason.key for gap in gaps)))


def nothing_judged_part(context: CardContext) -> Part:
    """What says so; a warning, but in an emergency, which nothing may delay."""
    judged = context.judged
    return Part(
        topic=TOPIC,
        indicator=context.findings.nothing_judged_indicator,
        words=lambda: _words(judged, context),
        rows=procedure_ids(judged),
    )


def _words(judged: Sequence[OrderFinding], context: CardContext) -> Words:
    wording = context.wording
    names = orders_named(judged, context) if judged else []
    keys = ("nothing_judged.summary", "nothing_judged.summary-short")
    lines = [wording.say(key, procedure=name) for name in names for key in keys]
    steps = [
        Step(wording.say("nothing_judged.do"), Moment.NOW),
        Step(wording.say("nothing_judged.again"), Moment.AFTER),
    ]
    return Words(
        summary=first_fitting(lines or [wording.say("nothing_judged.summary-patient")]),
        found=tuple(sentence_case(reason) for reason in _reasons(_clinical(context.findings), wording)),
        steps=tuple(steps),
        source=wording.say("source.service"),
        meanwhile=bool(judged) and all(order.must_not_wait for order in judged),
    )


def _clinical(findings: Findings) -> list[Unavailable]:
    return [gap for gap in findings.unavailable if gap.data in KINDS and KINDS[gap.data].is_clinical]


def _reasons(gaps: Sequence[Unavailable], wording: Wording) -> list[str]:
    return list(dict.fromkeys(shown_reason(gap.reason, wording, data=gap.data) for gap in gaps))
