"""Which antithrombotics are on the list, and how long is each held before this procedure?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cds_service.indicator import Indicator
from cds_service.knowledge.medication_types import ANTITHROMBOTIC
from cds_service.knowledge.questions.lab import lab_needs
from cds_service.knowledge.questions.medication import MEDICATIONS
from cds_service.knowledge.questions.question import DataNeed, Question
from cds_service.knowledge.table_rows import Row

if TYPE_CHECKING:
    from cds_service.knowledge.lab_types import Threshold
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.vocabulary import Vocabulary

ANTITHROMBOTIC_CODES = "antithrombotic-codes"
"""The ValueSet of the FHIR package that joins those of the agents."""


def antithrombotic_value_sets(vocabulary: Vocabulary) -> list[str]:
    """Value sets of the agents that are antithrombotics."""
    agents = vocabulary.medications.agents.values()
    return [agent.value_set for agent in agents if agent.kind in ANTITHROMBOTIC and agent.value_set]


@dataclass(frozen=True, slots=True)
class AntithromboticQuestion(Question):
    """Every agent of `medications.toml` that is an antithrombotic answers it, by the rows of `holds.toml`.

    `takes`: value sets of conditions that say that one is taken, not which. `renal_labs`: labs that tell the kidney's
    function, the preferred one first.
    """

    WORD: ClassVar[str] = "antithrombotic"
    DATA: ClassVar[str] = MEDICATIONS
    FIELDS: ClassVar[tuple[str, ...]] = ("takes", "renal_labs")
    REQUIRED: ClassVar[bool] = True
    CHANGED_IN: ClassVar[str | None] = "holds"

    takes: tuple[str, ...]
    renal_labs: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Row, thresholds: Mapping[str, Threshold]) -> Self:
        """The question of a criterion row."""
        return cls(tuple(row["takes"]), tuple(row["renal_labs"]))

    @staticmethod
    def unknown_names(row: Row, rows: TableRows) -> Iterator[tuple[str, str, str]]:
        """Value sets and labs that no table holds."""
        yield from (("takes", n, "ValueSet") for n in row.get("takes", ()) if n not in rows.value_sets)
        yield from (("renal_labs", n, "lab") for n in row.get("renal_labs", ()) if n not in rows.labs)

    def asks(self, vocabulary: Vocabulary) -> str:
        """What is asked, in words."""
        return "antithrombotics on the list, and how long each is held (holds.toml)"

    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words."""
        return f"{indicator.word} where one is held or somebody is asked first, else info"

    def needs(self, vocabulary: Vocabulary) -> Iterator[DataNeed]:
        """The medications, what tells the kidney's function, and the states in which somebody is asked first."""
        yield DataNeed(self.DATA, ANTITHROMBOTIC_CODES)
        yield from lab_needs(self.renal_labs, vocabulary)
        yield from (DataNeed("conditions", row.value_set) for row in vocabulary.medications.ask_first.values())
        yield from (DataNeed("conditions", name) for name in self.takes)

    def reads(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Its code systems, and the names of the agents."""
        systems = vocabulary.codes.systems_of(antithrombotic_value_sets(vocabulary))
        return (*sorted(map(vocabulary.codes.label, systems)), "names of agents and products")

    def code_sets(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Those of the agents in place of the one that joins them in the FHIR package."""
        own = super(AntithromboticQuestion, self).code_sets(vocabulary)
        return (*antithrombotic_value_sets(vocabulary), *(name for name in own if name != ANTITHROMBOTIC_CODES))

    def table(self, vocabulary: Vocabulary) -> tuple[Mapping[str, str], ...]:
        """How long each agent is held: the active rows of `holds.toml`, of each agent the leading guideline first."""
        agents = vocabulary.medications.agents
        rows = (row for held in vocabulary.medications.holds.values() for row in held if row.active)
        return tuple(
            {
                "agent": agents[row.agent].label,
                "bleeding risk": row.bleeding_risk or "any",
                "dose": row.dose or "any",
                "creatinine clearance, mL/min": row.band.text,
                "what is done": row.text,
                "guideline": row.guideline,
                "grade": row.grade,
                "id": row.id,
            }
            for row in rows
        )

    def limits(self, vocabulary: Vocabulary) -> tuple[Threshold, ...]:
        """Those of a test that says whether enough of an agent is gone."""
        return tuple(vocabulary.thresholds[target.threshold] for target in vocabulary.medications.targets)

    def guidelines(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Those of the holds."""
        rows = (row for held in vocabulary.medications.holds.values() for row in held if row.active)
        return tuple(dict.fromkeys(row.guideline for row in rows))

    @property
    def labs(self) -> tuple[str, ...]:
        """The labs that tell the kidney's function."""
        return self.renal_labs
