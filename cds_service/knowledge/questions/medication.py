"""Is one of these medications on the list, and does it matter for this patient?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cds_service.indicator import Indicator
from cds_service.knowledge.questions.lab import computed_rows, lab_needs
from cds_service.knowledge.questions.question import DataNeed, Question
from cds_service.knowledge.table_rows import Row

if TYPE_CHECKING:
    from cds_service.knowledge.lab_types import Threshold
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.vocabulary import Vocabulary

MEDICATIONS = "medications"


@dataclass(frozen=True, slots=True)
class MedicationQuestion(Question):
    """A medication in use answers it; with `thresholds` or `states`, only where one of these is there as well.

    `kinds`: all agents of these kinds (`kind` of medications.toml) count, too. `thresholds`: limits, one of which must
    be crossed; `states`: value sets of conditions that count as much, not older than `states_within_days`. `suggests`:
    it only suggests what is asked for, which stays unknown.
    """

    WORD: ClassVar[str] = "medication"
    DATA: ClassVar[str] = MEDICATIONS
    FIELDS: ClassVar[tuple[str, ...]] = ("agents", "kinds", "thresholds", "states", "states_within_days", "suggests")
    REQUIRED: ClassVar[bool] = True

    agents: tuple[str, ...]
    thresholds: tuple[Threshold, ...] = ()
    states: tuple[str, ...] = ()
    states_within_days: int | None = None
    suggests: bool = False
    kinds: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Row, thresholds: Mapping[str, Threshold]) -> Self:
        """The question of a criterion row."""
        limits = tuple(thresholds[name] for name in row.get("thresholds", ()))
        states, suggests = tuple(row.get("states", ())), row.get("suggests", False)
        agents, kinds = tuple(row.get("agents", ())), tuple(row.get("kinds", ()))
        return cls(agents, limits, states, row.get("states_within_days"), suggests, kinds)

    def agents_of(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Ids of all agents that answer it."""
        return (*self.agents, *sorted(vocabulary.medications.of_kinds(frozenset(self.kinds))))

    @staticmethod
    def unknown_names(row: Row, rows: TableRows) -> Iterator[tuple[str, str, str]]:
        """Agents, limits and value sets that no table holds."""
        agents = {agent["id"] for agent in rows.medications["agent"]}
        yield from (("agents", n, "agent of medications.toml") for n in row.get("agents", ()) if n not in agents)
        kinds = {agent["kind"] for agent in rows.medications["agent"]}
        yield from (("kinds", n, "kind of medications.toml") for n in row.get("kinds", ()) if n not in kinds)
        yield from (("thresholds", n, "threshold") for n in row.get("thresholds", ()) if n not in rows.thresholds)
        yield from (("states", n, "ValueSet") for n in row.get("states", ()) if n not in rows.value_sets)

    def asks(self, vocabulary: Vocabulary) -> str:
        """What is asked, in words."""
        agents = [vocabulary.medications.agents[name].label for name in self.agents]
        agents += [f"any {kind}" for kind in self.kinds]
        limits = [f"{vocabulary.labs[limit.lab].label} {limit.text}" for limit in self.thresholds]
        states = [f"a condition of {name}" for name in self.states]
        also = f", and {' or '.join([*limits, *states])}" if limits or states else ""
        return f"on the list: {' or '.join(agents)}{also}"

    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words."""
        return indicator.word

    def needs(self, vocabulary: Vocabulary) -> Iterator[DataNeed]:
        """The medications, and what makes them matter."""
        agents = [vocabulary.medications.agents[name] for name in self.agents_of(vocabulary)]
        yield from (DataNeed(self.DATA, agent.value_set) for agent in agents if agent.value_set)
        yield from lab_needs([limit.lab for limit in self.thresholds], vocabulary)
        yield from (DataNeed("conditions", name) for name in self.states)

    def reads(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Its code systems, and the names of the agents."""
        return (*super(MedicationQuestion, self).reads(vocabulary), "names of agents and products")

    def table(self, vocabulary: Vocabulary) -> tuple[Mapping[str, str], ...]:
        """How the labs of its limits are computed, where they may be."""
        return computed_rows(self.labs, vocabulary)

    def limits(self, vocabulary: Vocabulary) -> tuple[Threshold, ...]:
        """Those of which one must be crossed."""
        return self.thresholds

    @property
    def labs(self) -> tuple[str, ...]:
        """The labs of the limits."""
        return tuple(limit.lab for limit in self.thresholds)
