"""What the two tables say about one call: present, absent or unknown, with evidence.

Only types live here; they are what `cards` and the decision extension are made from. A text that a person
reads is never carried as a sentence but as a `Reason`, a key of `knowledge/wording.en.toml` with its values.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum

import msgspec

from cds_service.certainty import Certainty, any_of
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.facts.patient_facts import Coding, OrderFact
from cds_service.indicator import Indicator
from cds_service.knowledge.derivation import Derivation
from cds_service.knowledge.lab_types import Threshold
from cds_service.knowledge.medication_types import HoldAction, HoldRow
from cds_service.knowledge.tables import Contraindication, Criterion, Indication, Procedure
from cds_service.reasons import Reason


class Evidence(msgspec.Struct, frozen=True):
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
    computed: Computed | None = None
    """How it was computed, where it was."""
    earlier: Evidence | None = None
    """What it was some months before."""

    def __hash__(self) -> int:
        # Notes and formulas hold tables, which have no hash; equal evidence has these three in common.
        return hash((self.reference, self.text, self.date))


class Computed(msgspec.Struct, frozen=True):
    """How a value was computed, and from what.

    `inputs`: by name, a lab or a part of a score. `unknown`: parts that the record does not give, so that the value
    is a range. `grade` is the class of a score; `or_worse`: the range reaches into worse ones.
    """

    derivation: Derivation
    inputs: tuple[tuple[str, Evidence], ...]
    unknown: tuple[str, ...] = ()
    grade: str | None = None
    or_worse: bool = False


class Shown(StrEnum):
    """Where a person sees an answer: on a card of its problem, as a line on a card that is shown anyway, or nowhere."""

    CARD = "card"
    LINE = "line"
    NONE = "none"


class Told(msgspec.Struct, frozen=True):
    """Where an answer is shown, and why there; `why` is a key below `told.*` in the wording."""

    shown: Shown
    why: str


NOT_TOLD = Told(Shown.NONE, "absent")


class Urgency(IntEnum):
    """How soon the procedure is needed; ordered, so that `max` is the soonest."""

    ELECTIVE = 1
    URGENT = 2
    EMERGENCY = 3


CLEARANCE, EGFR, DIALYSIS = "creatinine-clearance", "egfr", "dialysis"
"""What the kidney's function is told by."""


class RenalBasis(msgspec.Struct, frozen=True):
    """What a hold was chosen by: creatinine clearance, eGFR in its place, or dialysis, which counts as none at all."""

    value: Decimal
    unit: str
    date: str
    by: str
    """CLEARANCE, EGFR or DIALYSIS, which has no date."""


class HoldAdvice(msgspec.Struct, frozen=True):
    """What is done with one antithrombotic before the procedure, and what that rests on.

    `least` and `most` are in `unit`: `doses`, `d` (full days without it before the day of the procedure) or `h`.
    `last_dose` is the day of the last dose, where the day of the procedure is known and no one is asked first; it keeps
    the longest hold of a range. `recorded_dose` is the day of the last dose that is on record. `others` are guidelines
    with another number. `full_days` is the longest hold of a row of doses in days. `ask` are keys below `ask.*` of the
    wording: who is asked; `because` the recorded states, `states` their ids. `crossed` are limits of a test that says
    that enough of it still acts.
    `renal` is None where the hold does not depend on the kidneys, or nothing tells (then `renal_missing`).
    `dose_missing`: the hold depends on whether the dose prevents a clot or treats one, and none is named.
    """

    agent: str
    label: str
    action: HoldAction
    indicator: Indicator
    row: HoldRow | None = None
    last_dose: date | None = None
    full_days: Decimal | None = None
    recorded_dose: date | None = None
    renal: RenalBasis | None = None
    renal_missing: bool = False
    dose_missing: bool = False
    others: tuple[HoldRow, ...] = ()
    ask: tuple[str, ...] = ()
    because: tuple[Evidence, ...] = ()
    states: tuple[str, ...] = ()
    crossed: tuple[Threshold, ...] = ()
    quiet: bool = False
    """Nothing for this order to change: it is on the list, and stays so."""
    long_over: bool = False
    """Active by its status alone: its course ended so long ago that asking whether it is taken is a line."""
    reasons: tuple[Reason, ...] = ()
    """What is done with it and what that rests on, to be worded; what decides first."""


class CriterionFinding(msgspec.Struct, frozen=True):
    """The answer of one criterion; `reason` says why it is unknown, or what softened it.

    `evidence` holds the most telling items; `evidence_left_out` counts the others.
    `list_state`, of an absent one, is what the list that was looked through says: `empty`, `none known` or `recorded`.
    """

    criterion: Criterion
    certainty: Certainty
    indicator: Indicator | None = None
    reason: Reason | None = None
    evidence: tuple[Evidence, ...] = ()
    evidence_left_out: int = 0
    list_state: str | None = None
    holds: tuple[HoldAdvice, ...] = ()
    """Of a question about antithrombotics: one an agent, the loudest first."""
    crossed: tuple[Threshold, ...] = ()
    """Of a question about medications: the limits of results that the answer rests on."""
    quiet: bool = False
    """Present, and nothing for this order to change: in the decision, on no card of its own."""
    told: Told = NOT_TOLD

    @property
    def limits(self) -> tuple[Threshold, ...]:
        """The limits of results that it rests on, or was to be held against."""
        limit = self.criterion.question.limit
        return self.crossed if limit is None else (limit,)

    @property
    def rows(self) -> tuple[HoldRow, ...]:
        """The rows of the holds that it rests on."""
        return tuple(advice.row for advice in self.holds if advice.row is not None)


class ContraindicationFinding(msgspec.Struct, frozen=True):
    """The answer of one row: the worst of its criteria, and unknown where a required part is unknown."""

    contraindication: Contraindication
    certainty: Certainty
    indicator: Indicator | None
    criteria: tuple[CriterionFinding, ...]
    told: Told = NOT_TOLD
    """As the criterion that is shown most."""

    @property
    def quiet(self) -> bool:
        """Whether nothing that is present changes anything for this order."""
        present = [found for found in self.criteria if found.certainty is Certainty.PRESENT]
        return bool(present) and all(found.quiet for found in present)


class IndicationFinding(msgspec.Struct, frozen=True):
    """Whether the record holds one reason for the procedure.

    `indicator` is how loudly an unknown one is told: where it could not be looked at. None where it was, and left it
    undecided; that is nothing to tell.
    """

    indication: Indication
    certainty: Certainty
    reason: Reason | None = None
    evidence: tuple[Evidence, ...] = ()
    indicator: Indicator | None = None


class AlertFinding(msgspec.Struct, frozen=True):
    """A recorded condition that this procedure must not be taken for a treatment of (type A dissection)."""

    wording: str
    indicator: Indicator
    evidence: tuple[Evidence, ...]


class OrderedTest(msgspec.Struct, frozen=True):
    """A test that is ordered already: its id in `lab_orders.toml`, and the day it is for, where the order says so."""

    test: str
    day: date | None = None

    def is_in_time(self, by: date | None) -> bool:
        """Whether its result can be there by a day; where one of the two days is not known, it can."""
        return by is None or self.day is None or self.day <= by


class OrderFinding(msgspec.Struct, frozen=True):
    """All that is said about one order; in patient-view about one procedure, with `order` None.

    `procedure` is None for an order that is no known procedure, and for one that could not be read
    (then an `Unavailable` of the findings names it). `candidates` holds more than one procedure where code or
    text fit several and the record did not settle it; `procedure` is then their common parent.
    `recognised_by` is `code`, `text`, `details` (of an order as general as "IR procedure") or `condition` (settled by
    the recorded condition). `looks_interventional`: no known procedure, and all the same an order of the department.
    """

    order: OrderFact | None
    procedure: Procedure | None = None
    candidates: tuple[Procedure, ...] = ()
    recognised_by: str | None = None
    matched_text: str | None = None
    urgency: Urgency = Urgency.ELECTIVE
    planned: date | None = None
    """The day of the procedure, where the order or an appointment gives it."""
    source_control: bool = False
    """The procedure treats a recorded infection, so nothing may hold it up."""
    indications: tuple[IndicationFinding, ...] = ()
    contraindications: tuple[ContraindicationFinding, ...] = ()
    alerts: tuple[AlertFinding, ...] = ()
    looks_interventional: bool = False
    code_and_text_differ: bool = False
    """Code and text name different procedures; `candidates` holds those of both, and all were judged."""
    gadolinium_allergy: bool = False
    """True as well where it could not be ruled out: gadolinium is then no alternative to offer."""
    reason_told: Told = NOT_TOLD
    """Whether the order is told to have no reason on record; that is no more than information."""
    linkable_reasons: tuple[tuple[Evidence, ...], ...] = ()
    """Recorded conditions that the order may name as its reason, as it names none: those of one indication each."""

    @property
    def emergency(self) -> bool:
        """Whether nothing may delay the procedure."""
        return self.urgency is Urgency.EMERGENCY

    @property
    def must_not_wait(self) -> bool:
        """Whether cards only inform, and say what to do meanwhile."""
        return self.emergency or self.source_control

    @property
    def indication(self) -> Certainty | None:
        """The combined answer of all indications of the procedure; None where it has none in the table."""
        return any_of(finding.certainty for finding in self.indications) if self.indications else None

    @property
    def open_or_present(self) -> tuple[ContraindicationFinding, ...]:
        """The contraindications that are not absent: of an absent one every question is."""
        return tuple([row for row in self.contraindications if row.certainty is not Certainty.ABSENT])

    @property
    def lacks_reason(self) -> bool:
        """Whether no listed reason is recorded, of a procedure whose list of reasons is complete."""
        return self.indication is Certainty.ABSENT and all(procedure.list_complete for procedure in self.candidates)


class LookedAt(msgspec.Struct, frozen=True):
    """What was read of one clinical data kind: its prefetch key, how many entries, and the day of the newest result.

    `count` is None where none of the kind could be retrieved; `whole` is False where a part of it could not.
    """

    data: str
    count: int | None
    whole: bool
    newest: date | None = None


class Findings(msgspec.Struct, frozen=True):
    """The whole answer before wording: one entry per order, and what could not be retrieved or read.

    `options` is True in patient-view, where no order is in focus. `nothing_retrieved`: there is something to judge, and
    none of the clinical data could be retrieved. `today` is the hospital's day. `looked_at`: each clinical data kind.
    """

    orders: tuple[OrderFinding, ...]
    unavailable: tuple[Unavailable, ...]
    options: bool = False
    nothing_retrieved: bool = False
    today: date | None = None
    looked_at: tuple[LookedAt, ...] = ()
    ordered_tests: tuple[OrderedTest, ...] = ()
    """Tests that are among the drafts, or ordered and in force."""

    @property
    def nothing_judged_indicator(self) -> Indicator:
        """How loudly it is told that nothing could be judged; nothing holds an emergency up."""
        judged = [order for order in self.orders if order.procedure is not None]
        return Indicator.INFO if judged and all(order.emergency for order in judged) else Indicator.WARNING
