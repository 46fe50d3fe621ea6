"""What every section of a summary is worded from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cds_service.cards.context import CardContext
from cds_service.facts.patient_facts import PatientFacts


class SummaryContext(msgspec.Struct, frozen=True):
    """The findings that may be shown with tables and wording, the facts, and the ids of rows in shadow."""

    cards: CardContext
    facts: PatientFacts
    in_shadow: Sequence[str] = ()

    def shadow_names(self) -> list[str]:
        """What the rows in shadow are called."""
        knowledge, words = self.cards.knowledge, self.cards.wording.templates
        names = {row.id: row.label for row in knowledge.contraindications}
        procedures = {key: words.get(f"procedure.{key}", row.label) for key, row in knowledge.procedures.items()}
        return [names.get(key) or procedures[key] for key in self.in_shadow]
