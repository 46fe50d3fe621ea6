"""Is the newest result of a lab beyond a limit?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cds_service.indicator import Indicator
from cds_service.knowledge.lab_units import common_spellings, with_inputs
from cds_service.knowledge.questions.question import DataNeed, Question
from cds_service.knowledge.table_rows import Row

if TYPE_CHECKING:
    from cds_service.knowledge.lab_types import Threshold
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.vocabulary import Vocabulary

_DATA, _CONDITIONS = "observations", "conditions"


@dataclass(frozen=True, slots=True)
class LabQuestion(Question):
    """The newest Observation of a lab answers it."""

    WORD: ClassVar[str] = "lab"
    DATA: ClassVar[str] = _DATA
    FIELDS: ClassVar[tuple[str, ...]] = ("threshold",)
    REQUIRED: ClassVar[bool] = False

    threshold: Threshold

    @classmethod
    def from_row(cls, row: Row, thresholds: Mapping[str, Threshold]) -> Self:
        """The question of a criterion row."""
        return cls(thresholds[row["threshold"]])

    @staticmethod
    def unknown_names(row: Row, rows: TableRows) -> Iterator[tuple[str, str, str]]:
        """The limit, where no table holds it."""
        name = row.get("threshold", "")
        if name and name not in rows.thresholds:
            yield "threshold", name, "threshold"

    def asks(self, vocabulary: Vocabulary) -> str:
        """What is asked, in words."""
        return f"{vocabulary.labs[self.threshold.lab].label} {self.threshold.text}"

    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words."""
        return indicator.word

    def needs(self, vocabulary: Vocabulary) -> Iterator[DataNeed]:
        """Results of the lab, and of those that it may be computed from."""
        return lab_needs([self.threshold.lab], vocabulary, self.threshold.within_days)

    def reads(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """The vocabularies, then units: all of these dimensions, in the common spellings counted and in rarer ones."""
        lab = vocabulary.labs[self.threshold.lab]
        count = sum(map(len, common_spellings(lab, vocabulary.units).values()))
        answers = sorted(map(vocabulary.codes.label, vocabulary.codes.systems_of(self.threshold.answers)))
        values = f"answers in {' or '.join(answers)}" if lab.coded else f"units like {' or '.join(lab.reported_in)}"
        spelled = () if lab.coded else (f"{count} common spellings of them",)
        return (*super(LabQuestion, self).reads(vocabulary), values, *spelled)

    @property
    def limit(self) -> Threshold:
        """The limit."""
        return self.threshold

    @property
    def labs(self) -> tuple[str, ...]:
        """The lab of the limit."""
        return (self.threshold.lab,)

    def table(self, vocabulary: Vocabulary) -> tuple[Mapping[str, str], ...]:
        """How the lab is computed, where it may be."""
        return computed_rows(self.labs, vocabulary)

    def subject(self, vocabulary: Vocabulary) -> str:
        """The name of the analyte."""
        return vocabulary.labs[self.threshold.lab].label


def lab_needs(labs: Iterable[str], vocabulary: Vocabulary, within_days: int | None = None) -> Iterator[DataNeed]:
    """Results of labs and of what they may be computed from, and the conditions that count in a score, each once."""
    read = with_inputs(labs, vocabulary.labs).values()
    names = dict.fromkeys(lab.value_set for lab in read if lab.value_set)
    yield from (DataNeed(_DATA, name, within_days) for name in names)
    derivations = [lab.derivation for lab in read if lab.derivation]
    recorded = dict.fromkeys(part.value_set for derivation in derivations for part in derivation.recorded)
    yield from (DataNeed(_CONDITIONS, name) for name in recorded)


def computed_rows(labs: Iterable[str], vocabulary: Vocabulary) -> tuple[Mapping[str, str], ...]:
    """How labs are computed: one row each with formula and source, for the page of a question."""
    read = with_inputs(labs, vocabulary.labs).values()
    return tuple(
        {"computed": lab.label, "formula": lab.derivation.text, "source": lab.derivation.source}
        for lab in read
        if lab.derivation
    )
