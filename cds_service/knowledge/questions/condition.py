"""Is a condition of these value sets recorded?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cds_service.indicator import Indicator
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.questions.lab import lab_needs
from cds_service.knowledge.questions.question import DataNeed, Question
from cds_service.knowledge.table_rows import Row

if TYPE_CHECKING:
    from cds_service.knowledge.lab_types import Threshold
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.vocabulary import Vocabulary


_ALLERGIES = "allergies"


@dataclass(frozen=True, slots=True)
class ConditionQuestion(Question):
    """A recorded Condition answers it.

    `acute_within_days`: an older one is stale and only info. `severity_from`: lab ids; where none of them has a value,
    the answer is unknown ("severity not recorded").
    `within_days`: only one that began so lately counts; `older_than_days`: only one that began longer ago. Where only
    the day of its record is known it is told one level lower, and without any date it is unknown.
    `record_date_counts`: the day of the record is as good as that of the onset, and an undated one is told lower.
    `undated_counts`: one without a date of onset counts in full, as it matters whenever it was.
    `ended_by`: value sets; a condition recorded on the same day or later in one of them ends it.
    `on_allergy_list`: an entry of the allergy list, or its reaction, answers it as well.
    """

    WORD: ClassVar[str] = "condition"
    DATA: ClassVar[str] = "conditions"
    FIELDS: ClassVar[tuple[str, ...]] = (
        "value_sets",
        "acute_within_days",
        "severity_from",
        "within_days",
        "older_than_days",
        "record_date_counts",
        "undated_counts",
        "ended_by",
        "on_allergy_list",
    )
    REQUIRED: ClassVar[bool] = True

    value_sets: tuple[str, ...]
    acute_within_days: int | None = None
    severity_from: tuple[str, ...] = ()
    within_days: int | None = None
    older_than_days: int | None = None
    record_date_counts: bool = False
    undated_counts: bool = False
    ended_by: tuple[str, ...] = ()
    on_allergy_list: bool = False

    @classmethod
    def from_row(cls, row: Row, thresholds: Mapping[str, Threshold]) -> Self:
        """The question of a criterion row."""
        return cls(
            value_sets=tuple(row["value_sets"]),
            acute_within_days=row.get("acute_within_days"),
            severity_from=tuple(row.get("severity_from", ())),
            within_days=row.get("within_days"),
            older_than_days=row.get("older_than_days"),
            record_date_counts=row.get("record_date_counts", False),
            undated_counts=row.get("undated_counts", False),
            ended_by=tuple(row.get("ended_by", ())),
            on_allergy_list=row.get("on_allergy_list", False),
        )

    @staticmethod
    def unknown_names(row: Row, rows: TableRows) -> Iterator[tuple[str, str, str]]:
        """Value sets and labs that no table holds."""
        yield from (("value_sets", n, "ValueSet") for n in row.get("value_sets", ()) if n not in rows.value_sets)
        yield from (("ended_by", n, "ValueSet") for n in row.get("ended_by", ()) if n not in rows.value_sets)
        yield from (("severity_from", n, "lab") for n in row.get("severity_from", ()) if n not in rows.labs)

    def asks(self, vocabulary: Vocabulary) -> str:
        """What is asked, in words."""
        within = f" of the last {self.within_days} days" if self.within_days is not None else ""
        older = f" of more than {self.older_than_days} days ago" if self.older_than_days is not None else ""
        undated = " or without a date" if self.undated_counts else ""
        ended = f", not ended by one of {', '.join(self.ended_by)}" if self.ended_by else ""
        allergies = ", also as an allergy or its reaction" if self.on_allergy_list else ""
        return f"a condition of {', '.join(self.value_sets)}{within}{older}{undated}{ended}{allergies}"

    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words."""
        stale = f", info when older than {self.acute_within_days} days" if self.acute_within_days is not None else ""
        return f"{indicator.word}{stale}"

    def needs(self, vocabulary: Vocabulary) -> Iterator[DataNeed]:
        """Conditions, and the results that tell their severity."""
        yield from (DataNeed(self.DATA, value_set) for value_set in (*self.value_sets, *self.ended_by))
        yield from lab_needs(self.severity_from, vocabulary)

    @property
    def lists(self) -> tuple[str, ...]:
        """The problem list, and the allergy list where that may hold it."""
        return (self.DATA, _ALLERGIES) if self.on_allergy_list else (self.DATA,)

    @property
    def time(self) -> Expression:
        """When it must have begun, as an expression that names no condition."""
        return Expression(
            "is",
            within_days=self.within_days,
            older_than_days=self.older_than_days,
            undated_counts=self.undated_counts,
        )

    @property
    def labs(self) -> tuple[str, ...]:
        """The labs that tell the severity."""
        return self.severity_from
