"""How far back the tables look into each kind of data, so on which day the first order can be judged.

What an order asks for may be older than the export. Kinds start on different days: a problem list often reaches further
back than results do. So an order is judged where every kind reaches as far back as the tables look into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from cds_service.kinds import CLINICAL
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Gate, Knowledge

_RESULTS, _CONDITIONS, _MEDICATIONS = "observations", "conditions", "medications"


def look_backs(knowledge: Knowledge) -> dict[str, int]:
    """The most days that the tables look back, by kind of data; 0 where a record counts whatever its age."""
    days = dict.fromkeys((kind.key for kind in CLINICAL), 0)
    for kind, found in _windows(knowledge):
        days[kind] = max(days[kind], found or 0)
    return days


def longest_look_back(knowledge: Knowledge) -> int:
    """The greatest number of days of any kind."""
    return max(look_backs(knowledge).values())


def first_judged(knowledge: Knowledge, first_day: str, starts: Mapping[str, str]) -> date:
    """The first day whose orders can be judged.

    Args:
        knowledge: the tables.
        first_day: ISO date; where a kind starts of which `starts` says nothing.
        starts: ISO dates by kind of data.
    """
    return max(
        date.fromisoformat(starts.get(kind, first_day)) + timedelta(days=days)
        for kind, days in look_backs(knowledge).items()
    )


def _windows(knowledge: Knowledge) -> Iterator[tuple[str, int | None]]:
    for limit in knowledge.thresholds.values():
        yield from ((_RESULTS, limit.within_days), (_RESULTS, limit.ratio_within_days))
    for row in knowledge.contraindications:
        yield from ((_CONDITIONS, days) for days in _of_gate(row.gate))
        for criterion in row.criteria:
            yield from ((_CONDITIONS, days) for days in _of_gate(criterion.gate))
            yield from ((need.kind, need.within_days) for need in criterion.question.needs(knowledge))
            if isinstance(criterion.question, ConditionQuestion):
                yield _CONDITIONS, criterion.question.within_days
    table = knowledge.medications
    yield from ((_MEDICATIONS, days) for days in (table.completed_within_days, table.stopped_within_days))
    yield from ((_MEDICATIONS, agent.counts_within_days) for agent in table.agents.values())
    yield from ((_CONDITIONS, sign.within_days) for sign in table.ask_first.values())


def _of_gate(gate: Gate) -> Iterator[int | None]:
    yield gate.unless_within_days
    for expression in filter(None, (gate.when, gate.unless)):
        yield from (leaf.within_days for leaf in expression.leaves())
