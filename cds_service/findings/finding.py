"""What the two tables say about one call: present, absent or unknown, with evidence.

Only types live here; they are what `cards` and the decision extension are made from. A text that a person
reads is never carried as a sentence but as a `Reason`, a key of `knowledge/wording.en.toml` with its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum

from cds_service.clinical_data.retrieved import Unavailable
from cds_service.facts.patient_facts import Coding, OrderFact
from cds_service.knowledge.tables import Contraindication, Criterion, Indication, Procedure, Threshold
from cds_service.reasons import Reason


class Certainty(StrEnum):
    """The three answers to a question put to the record."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Indicator(IntEnum):
    """How loudly a person is told; ordered, so that `max` is the worst."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """The CDS Hooks spelling: `info`, `warning` or `critical`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing in the record that a finding rests on.

    `value` is in `unit`, both as reported by the record; `date` is an ISO date or a part of one
    (`2026-11`); `text` is the record's own words and must be escaped before it is shown.
    """

    reference: str
    text: str | None = None
    coding: Coding | None = None
    value: Decimal | str | None = None
    unit: str | None = None
    date: str | None = None
    notes: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class CriterionFinding:
    """The answer of one criterion; `reason` says why it is unknown, or what softened it."""

    criterion: Criterion
    certainty: Certainty
    indicator: Indicator | None = None
    reason: Reason | None = None
    evidence: tuple[Evidence, ...] = ()
    threshold: Threshold | None = None


@dataclass(frozen=True, slots=True)
class ContraindicationFinding:
    """The answer of one row: the worst of its criteria, and unknown where a required part is unknown."""

    contraindication: Contraindication
    certainty: Certainty
    indicator: Indicator | None
    criteria: tuple[CriterionFinding, ...]


@dataclass(frozen=True, slots=True)
class IndicationFinding:
    """Whether the record holds one reason for the procedure."""

    indication: Indication
    certainty: Certainty
    reason: Reason | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertFinding:
    """A recorded condition that this procedure must not be taken for a treatment of (type A dissection)."""

    wording: str
    indicator: Indicator
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class OrderFinding:
    """All that is said about one order; in patient-view about one procedure, with `order` None.

    `procedure` is None for an order that is no known procedure, and for one that could not be read
    (then an `Unavailable` of the findings names it). `candidates` holds more than one procedure where code or
    text fit several and the record did not settle it; `procedure` is then their common parent.
    `recognised_by` is `code`, `text` or `condition` (settled by the recorded condition).
    `conditions_fully_classified` is True where every condition looked at carries an ICD code, so that an absent
    indication is a statement about whole code families and not about a flat list.
    """

    order: OrderFact | None
    procedure: Procedure | None = None
    candidates: tuple[Procedure, ...] = ()
    recognised_by: str | None = None
    matched_text: str | None = None
    emergency: bool = False
    indications: tuple[IndicationFinding, ...] = ()
    contraindications: tuple[ContraindicationFinding, ...] = ()
    alerts: tuple[AlertFinding, ...] = ()
    conditions_fully_classified: bool = False
    gadolinium_allergy: bool = False
    """True as well where it could not be ruled out: gadolinium is then no alternative to offer."""

    @property
    def indication(self) -> Certainty | None:
        """The combined answer of all indications of the procedure; None where it has none in the table."""
        if not self.indications:
            return None
        certainties = {finding.certainty for finding in self.indications}
        for certainty in (Certainty.PRESENT, Certainty.UNKNOWN):
            if certainty in certainties:
                return certainty
        return Certainty.ABSENT


@dataclass(frozen=True, slots=True)
class Findings:
    """The whole answer before wording: one entry per order, and what could not be retrieved."""

    orders: tuple[OrderFinding, ...]
    unavailable: tuple[Unavailable, ...]
