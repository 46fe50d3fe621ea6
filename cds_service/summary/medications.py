"""The antithrombotics of one order: what is done with each, the day of the last dose, and when it is taken again."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.cards.context import CardContext
from cds_service.cards.dates import moment_of, planned_day
from cds_service.cards.escape import sentence_case
from cds_service.cards.hold_detail import hold_rule
from cds_service.cards.hold_words import agent_name
from cds_service.cards.members import Member
from cds_service.cards.quantities import shown_reason
from cds_service.findings.finding import HoldAdvice, OrderFinding
from cds_service.knowledge.medication_types import HoldAction
from cds_service.summary.document import Drug

_OF_A_DAY = frozenset({"hold-last-dose", "medication-last-dose"})
"""Reasons that have a column of their own."""


def drugs_of(members: Iterable[Member], order: OrderFinding, cards: CardContext) -> tuple[Drug, ...]:
    """One line an agent, those that change something first."""
    return tuple(_drug(advice, order, cards) for member in members for advice in member.finding.holds)


def _drug(advice: HoldAdvice, order: OrderFinding, cards: CardContext) -> Drug:
    wording, row = cards.wording, advice.row
    rule = hold_rule(advice, cards)
    reasons = [shown_reason(reason, wording) for reason in advice.reasons if reason.key not in _OF_A_DAY]
    restart = row.restart if row is not None and advice.action is HoldAction.HOLD else None
    return Drug(
        agent=advice.agent,
        name=agent_name(advice, cards),
        action=advice.action.value,
        do=sentence_case("; ".join([*rule, *reasons])),
        level=advice.indicator.word,
        last_dose=advice.last_dose.isoformat() if advice.last_dose else "",
        when=_last_dose(advice, order, cards),
        restart=wording.label("restart", restart) if restart else "",
    )


def _last_dose(advice: HoldAdvice, order: OrderFinding, cards: CardContext) -> str:
    """The day that is planned, or why there is none; and the last dose that is recorded."""
    wording, said = cards.wording, []
    if advice.last_dose is not None:
        said.append(planned_day(advice.last_dose, cards.today, wording))
    elif advice.action is HoldAction.HOLD and order.planned is None:
        said.append(wording.say("summary.no-day"))
    if advice.recorded_dose is not None:
        day = moment_of(advice.recorded_dose.isoformat(), cards.today, wording).full
        said.append(wording.say("summary.dose-recorded", date=day))
    return "; ".join(said)
