"""Is the newest result of a lab beyond a limit?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from cds_service.indicator import Indicator
from cds_service.knowledge.lab_units import common_spellings, with_inputs
from cds_service.knowledge.questions.question import DataNeed, Question, Row

if TYPE_CHECKING:
    from cds_service.knowledge.table_rows import TableRows
    from cds_service.knowledge.tables import Knowledge, Threshold

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

    def asks(self, knowledge: Knowledge) -> str:
        """What is asked, in words."""
        return f"{knowledge.labs[self.threshold.lab].label} {self.threshold.text}"

    def told_as(self, indicator: Indicator) -> str:
        """How loudly it speaks, in words."""
        return indicator.word

    def needs(self, knowledge: Knowledge) -> Iterator[DataNeed]:
        """Results of the lab, and of those that it may be computed from."""
        return lab_needs([self.threshold.lab], knowledge, self.threshold.within_days)

    def reads(self, knowledge: Knowledge) -> tuple[str, ...]:
        """The vocabularies, then units: all of these dimensions, in the common spellings counted and in rarer ones."""
        lab = knowledge.labs[self.threshold.lab]
        count = sum(map(len, common_spellings(lab, knowledge.units).values()))
        answers = sorted(map(knowledge.codes.label, knowledge.codes.systems_of(self.threshold.answers)))
        values = f"answers in {' or '.join(answers)}" if lab.coded else f"units like {' or '.join(lab.reported_in)}"
        spelled = () if lab.coded else (f"{count} common spellings of them",)
        return (*super(LabQuestion, self).reads(knowledge), values, *spelled)

    @property
    def limit(self) -> Threshold:
        """The limit."""
        return self.threshold

    @property
    def labs(self) -> tuple[str, ...]:
        """The lab of the limit."""
        return (self.threshold.lab,)

    def table(self, knowledge: Knowledge) -> tuple[Mapping[str, str], ...]:
        """How the lab is computed, where it may be."""
        return computed_rows(self.labs, knowledge)

    def subject(self, knowledge: Knowledge) -> str:
        """The name of the analyte."""
        return knowledge.labs[self.threshold.lab].label


def lab_needs(labs: Iterable[str], knowledge: Knowledge, within_days: int | None = None) -> Iterator[DataNeed]:
    """Results of labs and of what they may be computed from, and the conditions that count in a score, each once."""
    read = with_inputs(labs, knowledge.labs).values()
    names = dict.fromkeys(lab.value_set for lab in read if lab.value_set)
    yield from (DataNeed(_DATA, name, within_days) for name in names)
    derivations = [lab.derivation for lab in read if lab.derivation]
    recorded = dict.fromkeys(part.value_set for derivation in derivations for part in derivation.recorded)
    yield from (DataNeed(_CONDITIONS, name) for name in recorded)


def computed_rows(labs: Iterable[str], knowledge: Knowledge) -> tuple[Mapping[str, str], ...]:
    """How labs are computed: one row each with formula and source, for the page of a question."""
    read = with_inputs(labs, knowledge.labs).values()
    return tuple(
        {"computed": lab.label, "formula": lab.derivation.text, "source": lab.derivation.source}
        for lab in read
        if lab.derivation
    )
