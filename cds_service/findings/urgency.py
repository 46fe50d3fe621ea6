"""How soon a procedure is needed, and how many days are left until then.

An emergency is what the order calls one (`stat`), what the procedure is by nature, and what a recorded reason makes one
while it lasts: bleeding, rupture, injury. Source: docs/decisions/0064-when-to-speak-and-how-loud.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import OrderFact, When
from cds_service.findings.chart import Chart, Match
from cds_service.findings.finding import IndicationFinding, Urgency
from cds_service.findings.thresholds import age_in_days
from cds_service.knowledge.tables import Knowledge, Procedure

_ROUTINE = "routine"


class Timing(msgspec.Struct, frozen=True):
    """How soon, and in how many days; `planned` is the day that order or appointment gives.

    `source_control`: the procedure treats a recorded infection, so nothing may hold it up.
    """

    urgency: Urgency
    days_left: int
    planned: date | None = None
    source_control: bool = False
    moment: When | None = None
    """The time of that day, as exactly as it is given."""

    @property
    def must_not_wait(self) -> bool:
        """Whether cards only inform, and say what to do meanwhile."""
        return self.urgency is Urgency.EMERGENCY or self.source_control


def timing_of(
    order: OrderFact | None,
    procedures: Sequence[Procedure],
    indications: Sequence[IndicationFinding],
    chart: Chart,
    knowledge: Knowledge,
    today: date,
) -> Timing:
    """How soon an order's procedure is needed.

    Args:
        order: None where no order is in focus; then it is elective.
        procedures: those that the order may be.
        indications: the answers of their indications.
        chart: the conditions and the order's own reasons.
        knowledge: the tables, which say what is urgent.
        today: the hospital's date.
    """
    table = knowledge.urgency
    by_nature = all(procedure.emergency for procedure in procedures)
    reasons = list(_reasons(indications, chart, knowledge))
    undated_counts = by_nature or (order is not None and order.priority not in (None, _ROUTINE))
    current = {
        kind
        for kind, match in reasons
        if _is_current(match, today, table.current_within_days, undated_counts=undated_counts)
    }
    if order is None:
        urgency = Urgency.EMERGENCY if by_nature else Urgency.ELECTIVE
    else:
        urgency = max(_by_priority(order, knowledge), _by_reason(current))
        # A procedure of emergencies may be ordered as routine for a reason that is none: a malformation that is quiet.
        if by_nature and not (order.priority == _ROUTINE and not current):
            urgency = Urgency.EMERGENCY
    infected = _is_infected(procedures, chart, knowledge, today)
    if infected and order is not None:
        urgency = max(urgency, Urgency.URGENT)
    moment = order.planned if order else None
    if moment is not None and moment.latest.date() < today:
        moment = None  # a day that has passed is no plan
    planned = moment.earliest.date() if moment else None
    days = max((planned - today).days, 0) if planned else table.days_left[urgency.name.lower()]
    return Timing(urgency, days, planned, source_control=infected, moment=moment)


def _is_infected(procedures: Sequence[Procedure], chart: Chart, knowledge: Knowledge, today: date) -> bool:
    """Whether the procedure controls the source of an infection that is recorded and not history."""
    table = knowledge.urgency
    if not all(procedure.id in table.treating_infection for procedure in procedures):
        return False
    found = (chart.best(knowledge.conditions[name].value_set) for name in table.infections)
    within = table.current_within_days
    return any(match is not None and _is_current(match, today, within, undated_counts=True) for match in found)


def _by_priority(order: OrderFact, knowledge: Knowledge) -> Urgency:
    return Urgency[knowledge.urgency.priority.get(order.priority or "", "elective").upper()]


def _by_reason(current: set[str]) -> Urgency:
    if not current:
        return Urgency.ELECTIVE
    return Urgency.EMERGENCY if "emergency" in current else Urgency.URGENT


def _reasons(
    indications: Sequence[IndicationFinding], chart: Chart, knowledge: Knowledge
) -> Iterator[tuple[str, Match]]:
    """Recorded conditions among the indications that make the procedure urgent, and how."""
    for found in indications:
        if found.certainty is Certainty.ABSENT:
            continue
        for name in found.indication.present_if.conditions():
            condition = knowledge.conditions[name]
            best = chart.best(condition.value_set) if condition.urgency else None
            if condition.urgency and best is not None and best.certainty is Certainty.PRESENT:
                yield condition.urgency, best


def _is_current(match: Match, today: date, within_days: int, *, undated_counts: bool) -> bool:
    if match.fact.onset is None:
        return undated_counts
    return age_in_days(match.fact.onset, today) <= within_days
