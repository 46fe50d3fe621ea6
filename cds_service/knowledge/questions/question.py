"""What every kind of question says of itself: what it reads, how it is written, shown and published.

How it is judged, how loudly it speaks and what is said when it has no answer is in `findings/questions/`, a module of
the same name. How to add a kind of question: docs/adding.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Self

import msgspec

from cds_service.indicator import Indicator
from cds_service.knowledge.table_rows import Row

if TYPE_CHECKING:
    from cds_service.knowledge.lab_types import Threshold
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.vocabulary import Vocabulary


class DataNeed(msgspec.Struct, frozen=True):
    """Data that a question reads: a data kind (prefetch key), a ValueSet of its codes, and the oldest age that counts.

    `with_reaction` marks allergies whose reaction decides how loudly the question speaks.
    """

    kind: str
    value_set: str
    within_days: int | None = None
    with_reaction: bool = False


class Question(ABC):
    """One kind of question; a subclass without one of these can't be made."""

    __slots__ = ()

    WORD: ClassVar[str]
    """`kind` of a criterion in `contraindications.toml`."""
    DATA: ClassVar[str]
    """Prefetch key of the data kind that answers it."""
    FIELDS: ClassVar[tuple[str, ...]]
    """The criterion's fields that this kind of question reads, and not every kind."""
    REQUIRED: ClassVar[bool]
    """What `required` is where a criterion does not say."""
    CHANGED_IN: ClassVar[str | None] = None
    """File of a site folder, without `.toml`, that holds the site's changes to the rows of `table`."""

    @classmethod
    @abstractmethod
    def from_row(cls, row: Row, thresholds: Mapping[str, Threshold]) -> Self:
        """The question of a checked criterion row."""

    @staticmethod
    @abstractmethod
    def unknown_names(row: Row, rows: TableRows) -> Iterator[tuple[str, str, str]]:
        """Everything that the row names and no table holds: field, name, and what it should be."""

    @abstractmethod
    def asks(self, vocabulary: Vocabulary) -> str:
        """What is asked, in words, for the tables and the FHIR package."""

    @abstractmethod
    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words, for the tables; `indicator` is the criterion's."""

    @abstractmethod
    def needs(self, vocabulary: Vocabulary) -> Iterator[DataNeed]:
        """The data that it reads, for the FHIR package and the searches."""

    @property
    def lists(self) -> tuple[str, ...]:
        """Every data kind of which an entry may answer it."""
        return (self.DATA,)

    def loudest(self, indicator: Indicator) -> Indicator:
        """How loudly it can speak; `indicator` is the criterion's."""
        return indicator

    def reads(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """What an entry of the record must be written in to be read for this question: vocabularies, and units.

        An entry that may answer it and is written in nothing of this makes it unknown.
        """
        value_sets = [need.value_set for need in self.needs(vocabulary) if need.kind == self.DATA]
        return tuple(sorted(map(vocabulary.codes.label, vocabulary.codes.systems_of(value_sets))))

    def words(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Words of free text that name what it asks for, beside the displays of its codes; `*` is any ending."""
        return ()

    def code_sets(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """The value sets that hold the codes that it reads, each once."""
        return tuple(dict.fromkeys(need.value_set for need in self.needs(vocabulary)))

    def table(self, vocabulary: Vocabulary) -> tuple[Mapping[str, str], ...]:
        """Rows of a table of its own by which it is judged, for its page: column -> text, the same columns in each."""
        return ()

    @property
    def limit(self) -> Threshold | None:
        """The limit that a value is held against, if there is one."""
        return None

    def limits(self, vocabulary: Vocabulary) -> tuple[Threshold, ...]:
        """Every limit that its answer may rest on."""
        return () if self.limit is None else (self.limit,)

    def guidelines(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """What its numbers rest on, each once."""
        return tuple(dict.fromkeys(limit.guideline for limit in self.limits(vocabulary)))

    @property
    def labs(self) -> tuple[str, ...]:
        """Ids of the labs that it reads."""
        return ()

    def subject(self, vocabulary: Vocabulary) -> str | None:
        """What is asked for, where the row's label does not say it (the analyte)."""
        return None
