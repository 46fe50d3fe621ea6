"""What every section of a summary is worded from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cds_service.cards.context import CardContext
from cds_service.facts.patient_facts import PatientFacts
from cds_service.knowledge.tables import Contraindication


class SummaryContext(msgspec.Struct, frozen=True):
    """The findings that may be shown with tables and wording, the facts, and the ids of rows in shadow."""

    cards: CardContext
    facts: PatientFacts
    in_shadow: Sequence[str] = ()

    def shadow_names(self) -> list[str]:
        """What the rows in shadow are called."""
        knowledge, wording = self.cards.knowledge, self.cards.wording
        rows = {row.id: self.row_name(row) for row in knowledge.contraindications}
        procedures = {p.id: wording.label("procedure", p.id, p.label) for p in knowledge.procedures.values()}
        return [rows.get(key) or procedures[key] for key in self.in_shadow]

    def row_name(self, row: Contraindication) -> str:
        """What the tables call a row, in the language of the summary."""
        return self.cards.wording.label("contraindication", row.id, row.label)
