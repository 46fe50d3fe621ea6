"""Is a condition of these value sets recorded?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cds_service.indicator import Indicator
from cds_service.knowledge.questions.lab import lab_needs
from cds_service.knowledge.questions.question import DataNeed, Question, Row

if TYPE_CHECKING:
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.tables import Knowledge, Threshold


@dataclass(frozen=True, slots=True)
class ConditionQuestion(Question):
    """A recorded Condition answers it.

    `acute_within_days`: an older one is stale and only info. `severity_from`: lab ids; where none of them has a value,
    the answer is unknown ("severity not recorded").
    """

    WORD: ClassVar[str] = "condition"
    DATA: ClassVar[str] = "conditions"
    FIELDS: ClassVar[tuple[str, ...]] = ("value_sets", "acute_within_days", "severity_from")
    REQUIRED: ClassVar[bool] = True

    value_sets: tuple[str, ...]
    acute_within_days: int | None = None
    severity_from: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Row, thresholds: Mapping[str, Threshold]) -> Self:
        """The question of a criterion row."""
        return cls(tuple(row["value_sets"]), row.get("acute_within_days"), tuple(row.get("severity_from", ())))

    @staticmethod
    def unknown_names(row: Row, rows: TableRows) -> Iterator[tuple[str, str, str]]:
        """Value sets and labs that no table holds."""
        yield from (("value_sets", n, "ValueSet") for n in row.get("value_sets", ()) if n not in rows.value_sets)
        yield from (("severity_from", n, "lab") for n in row.get("severity_from", ()) if n not in rows.labs)

    def asks(self, knowledge: Knowledge) -> str:
        """What is asked, in words."""
        return f"a condition of {', '.join(self.value_sets)}"

    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words."""
        stale = f", info when older than {self.acute_within_days} days" if self.acute_within_days is not None else ""
        return f"{indicator.word}{stale}"

    def needs(self, knowledge: Knowledge) -> Iterator[DataNeed]:
        """Conditions, and the results that tell their severity."""
        yield from (DataNeed(self.DATA, value_set) for value_set in self.value_sets)
        yield from lab_needs(self.severity_from, knowledge)

    @property
    def labs(self) -> tuple[str, ...]:
        """The labs that tell the severity."""
        return self.severity_from
