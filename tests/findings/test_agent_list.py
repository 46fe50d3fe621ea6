"""What each agent of the medications is, beside the table: its kind, how often it is taken, and how long it counts."""

from __future__ import annotations

from pathlib import Path

from cds_service.knowledge.tables import Knowledge
from tests.support.second_lists import deviating, read_list

COLUMNS = ("agent", "kind", "class", "value_set", "doses_a_day", "at_most", "counts_within_days", "topical", "a_class")


def listed() -> list[dict[str, str]]:
    """One line an agent, of a list beside the tables."""
    return read_list(Path(__file__).parent / "agent_list.csv")


def agent_lines(knowledge: Knowledge) -> list[dict[str, str]]:
    """The same of the tables."""
    return [
        {
            "agent": agent.id,
            "kind": agent.kind,
            "class": agent.drug_class,
            "value_set": agent.value_set or "",
            "doses_a_day": "" if agent.doses_a_day is None else str(agent.doses_a_day),
            "at_most": agent.at_most.word if agent.at_most else "",
            "counts_within_days": "" if agent.counts_within_days is None else str(agent.counts_within_days),
            "topical": str(agent.topical).lower(),
            "a_class": str(agent.a_class).lower(),
        }
        for _, agent in sorted(knowledge.medications.agents.items())
    ]


def test_an_agent_is_what_the_list_says(knowledge: Knowledge) -> None:
    """Every agent of the list has its kind, doses a day, highest level, and how long an old order counts."""
    assert deviating(listed(), agent_lines(knowledge), "agent") == []
