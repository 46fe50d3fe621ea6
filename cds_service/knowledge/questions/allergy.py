"""Is an allergy of this group recorded, and how severe was it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cds_service.indicator import Indicator, indicator_of
from cds_service.knowledge.questions.question import DataNeed, Question
from cds_service.knowledge.table_rows import Row

if TYPE_CHECKING:
    from cds_service.knowledge.lab_types import Threshold
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class AllergyQuestion(Question):
    """A recorded AllergyIntolerance of a group answers it.

    `severe` and `physiologic` are how loudly such a reaction speaks; None: it changes nothing.
    """

    WORD: ClassVar[str] = "allergy"
    DATA: ClassVar[str] = "allergies"
    FIELDS: ClassVar[tuple[str, ...]] = ("group", "severe", "physiologic")
    REQUIRED: ClassVar[bool] = True

    group: str
    severe: Indicator | None = None
    physiologic: Indicator | None = None

    @classmethod
    def from_row(cls, row: Row, thresholds: Mapping[str, Threshold]) -> Self:
        """The question of a criterion row."""
        severe, physiologic = (indicator_of(row[n]) if n in row else None for n in ("severe", "physiologic"))
        return cls(row["group"], severe, physiologic)

    @staticmethod
    def unknown_names(row: Row, rows: TableRows) -> Iterator[tuple[str, str, str]]:
        """The allergy group, where no table holds it."""
        name = row.get("group", "")
        if name and name not in {group["id"] for group in rows.allergies["group"]}:
            yield "group", name, "allergy group"

    def loudest(self, indicator: Indicator) -> Indicator:
        """As loud as a severe reaction makes it."""
        return max(indicator, self.severe or indicator)

    def asks(self, vocabulary: Vocabulary) -> str:
        """What is asked, in words."""
        return f"allergy of the group {self.group}"

    @staticmethod
    def systems(vocabulary: Vocabulary) -> frozenset[str]:
        """URLs of the code systems that it can read: those in which any allergy group names something.

        A code of one of them that is in no group is something else; a code of another system is not read.
        """
        return vocabulary.codes.systems_of(group.value_set for group in vocabulary.allergies.groups)

    def reads(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Its code systems, and the languages of its words."""
        systems = sorted(map(vocabulary.codes.label, self.systems(vocabulary)))
        return (*systems, f"words in {', '.join(vocabulary.allergies.languages)}")

    def words(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """The words of the group."""
        return vocabulary.allergies.words.get(self.group, ())

    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words."""
        parts = [indicator.word]
        parts += [f"{self.severe.word} when severe"] if self.severe else []
        parts += [f"{self.physiologic.word} when physiologic only"] if self.physiologic else []
        return ", ".join(parts)

    def needs(self, vocabulary: Vocabulary) -> Iterator[DataNeed]:
        """Allergies of the group, with their reactions where those decide the level."""
        for group in vocabulary.allergies.groups:
            if group.id == self.group:
                yield DataNeed(self.DATA, group.value_set, with_reaction=self.severe is not None)
