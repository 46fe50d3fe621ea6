"""Was one of these procedures done, and when?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cds_service.indicator import Indicator
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.questions.question import DataNeed, Question
from cds_service.knowledge.table_rows import Row

if TYPE_CHECKING:
    from cds_service.knowledge.lab_types import Threshold
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class ProcedureQuestion(Question):
    """A Procedure that was done answers it.

    `performed`: rows of `performed.toml`. `within_days`: only one done so lately; without a date it is unknown.
    `others_leave_open`: one of that time that is in no row of the table, and may be an operation, leaves it unknown.
    """

    WORD: ClassVar[str] = "procedure"
    DATA: ClassVar[str] = "procedures"
    FIELDS: ClassVar[tuple[str, ...]] = ("performed", "within_days", "others_leave_open")
    REQUIRED: ClassVar[bool] = True

    performed: tuple[str, ...]
    within_days: int | None = None
    others_leave_open: bool = False

    @classmethod
    def from_row(cls, row: Row, thresholds: Mapping[str, Threshold]) -> Self:
        """The question of a criterion row."""
        return cls(tuple(row["performed"]), row.get("within_days"), row.get("others_leave_open", False))

    @staticmethod
    def unknown_names(row: Row, rows: TableRows) -> Iterator[tuple[str, str, str]]:
        """What was done, where no row of `performed.toml` is called so."""
        known = {one["id"] for one in rows.performed["performed"]}
        yield from (
            ("performed", name, "row of performed.toml") for name in row.get("performed", ()) if name not in known
        )

    def asks(self, vocabulary: Vocabulary) -> str:
        """What is asked, in words."""
        within = f" in the last {self.within_days} days" if self.within_days is not None else ""
        return f"done{within}: {' or '.join(vocabulary.performed.rows[name].label for name in self.performed)}"

    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words."""
        return indicator.word

    def needs(self, vocabulary: Vocabulary) -> Iterator[DataNeed]:
        """Procedures of the rows."""
        for name in self.performed:
            for value_set in vocabulary.performed.rows[name].code_sets:
                if vocabulary.codes.rules_of(value_set):
                    yield DataNeed(self.DATA, value_set, self.within_days)

    def reads(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Its code systems, and words."""
        return (*super(ProcedureQuestion, self).reads(vocabulary), "words in en, de, es")

    def words(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """The words of the rows."""
        return tuple(dict.fromkeys(word for name in self.performed for word in vocabulary.performed.rows[name].words))

    @property
    def time(self) -> Expression:
        """When it must have been done, as an expression that names no condition."""
        return Expression("is", within_days=self.within_days)
