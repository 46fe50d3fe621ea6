"""The two tables and what they rest on, as frozen types: the output of the knowledge stage. Only types live here.

How each is written in TOML: docs/changing-the-tables.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from cds_service.indicator import Indicator
from cds_service.knowledge.alerts import Alert
from cds_service.knowledge.expressions import ANYBODY, Expression, PatientGroup
from cds_service.knowledge.question_types import AnyQuestion
from cds_service.knowledge.vocabulary import Vocabulary
from cds_service.knowledge.worked_out import WorkedOut

if TYPE_CHECKING:
    from cds_service.knowledge.advice import Advice
    from cds_service.knowledge.allergy_texts import AllergyTexts
    from cds_service.knowledge.changes import SilentRow
    from cds_service.knowledge.diagnosis_texts import DiagnosisTexts
    from cds_service.knowledge.lab_index import LabIndex
    from cds_service.knowledge.lab_orders import LabOrders
    from cds_service.knowledge.order_texts import OrderTexts
    from cds_service.knowledge.override_reasons import OverrideReason
    from cds_service.knowledge.urgency_table import UrgencyTable
    from cds_service.knowledge.words import Words


SOURCE_TABLE, BEYOND, SITE = "source table", "beyond", "site"
"""Origins of a procedure: the source's table, an everyday one beyond it, a hospital's own."""

PROBLEMS = (
    *("contrast-reaction", "bleeding", "kidney-and-contrast", "pregnancy"),
    *("treatment", "consent", "heart-and-lungs", "order"),
)
"""The problems of a patient that cards are grouped by; what is missing has a card of its own."""

CONTRAST, IN_VESSELS = "iodinated-contrast", "intravascular-contrast"
"""Uses of a procedure: iodinated contrast given anywhere, and into a vessel, from where it reaches the kidneys."""

SECTIONS = ("consent", "antithrombotics", "contrast", "pregnancy", "sedation", "infection", "treatment", "order")
"""The sections of the pre-procedure summary that questions belong to, in its order."""

SECTION_OF = {
    "contrast-reaction": "contrast",
    "kidney-and-contrast": "contrast",
    "bleeding": "antithrombotics",
    "heart-and-lungs": "sedation",
}
"""Problem -> its section; any other has one of its own name."""


class Condition(msgspec.Struct, frozen=True):
    """A condition that indications and gates speak of; its codes are the ValueSet named `value_set`.

    `provable` is False where no code means it by itself, so that its absence can't be stated either.
    """

    id: str
    label: str
    value_set: str
    provable: bool
    urgency: str | None = None
    """What it makes of a procedure that it is a reason for: `emergency` or `urgent`."""


class Indication(msgspec.Struct, frozen=True):
    """One reason for a procedure. `present_if` settles it; `possible_if` alone leaves it unknown."""

    id: str
    label: str
    present_if: Expression
    possible_if: Expression | None
    source: str
    grade: str
    possible_because: str | None = None
    """Wording key that says what is missing when only `possible_if` holds."""
    origin: str = SOURCE_TABLE
    patients: PatientGroup = ANYBODY
    """For whom it is a reason; for others it is none, whatever is recorded."""
    option: bool = True
    option_for: PatientGroup = ANYBODY
    """Whether, and for whom, patient-view proposes the procedure when no one has ordered it."""


class Procedure(msgspec.Struct, frozen=True):
    """One procedure. `uses` is the joint to the contraindications; `usually_uses` is a part of `uses`.

    `uses` holds `intravascular-contrast` beside `iodinated-contrast` unless the row says that none goes into a vessel.
    `access` is a way in, or `any`; `bleeding_risk` is `low` or `high` (SIR 2019 class); `co2` is True only where carbon
    dioxide may stand in for iodinated contrast.
    """

    id: str
    label: str
    short: str
    """The name on a card, at most 30 characters, where a site's own row does not leave it out."""
    region: str
    origin: str
    parent: str | None
    uses: frozenset[str]
    usually_uses: frozenset[str]
    access: str
    bleeding_risk: str
    bleeding_risk_named: bool
    """True where the guideline's list names the procedure; False where the class is an analogy or a choice."""
    bleeding_risk_basis: str
    urgency: tuple[str, ...]
    """`elective`, `urgent`, `emergency`: what it is by nature, the usual first; empty where the row does not say."""
    frequency: int | None
    """How often a department does it, 1 (every day) to 4 (rare); None where it is not known."""
    emergency: bool
    co2: bool
    offered: bool
    """True for the procedures that patient-view may name (rows of the source table, no parents)."""
    synonyms: tuple[str, ...]
    exclude_terms: tuple[str, ...]
    indications: tuple[Indication, ...]
    alerts: tuple[Alert, ...]
    notes: Mapping[str, str]
    """Contraindication id -> wording key of a remark that belongs on its card for this procedure."""
    at_most_info: frozenset[str]
    """Contraindications that are no more than information here: what they look for hardly touches the procedure."""
    expected: frozenset[str]
    """Contraindications that most of its patients have, often as its very reason: a line at most."""
    source: str
    alternatives: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Contraindication id -> id of the procedure that may be done in its place."""
    shadow: bool = False
    """Its orders are judged and recorded, not shown: a site tries the row."""
    patients: PatientGroup = ANYBODY
    """Whom it can be done for: of anybody else the order is told to be a mistake."""
    list_complete: bool = False
    """Whether its indications are all its reasons, so that an order without any of them is told to have none."""
    settled_by: tuple[Expression, ...] | None = None
    """Any of these settles that a more general order means this one; None: its indications do."""
    radiation_field: frozenset[str] = frozenset()
    """What the X-rays pass through, as far as a contraindication asks: `abdomen`, `pelvis`."""

    @property
    def is_minor(self) -> bool:
        """Whether it is of low bleeding risk and enters no artery."""
        return self.bleeding_risk == "low" and self.access not in ("arterial", "any")

    @property
    def is_sedated(self) -> bool:
        """Whether it is done under sedation, as far as its row says."""
        return "sedation" in self.uses


class Gate(msgspec.Struct, frozen=True):
    """When a row or criterion applies; an empty field does not restrict.

    `uses`: any of them. `when`/`unless` speak of conditions that the record holds for certain.
    """

    uses: frozenset[str] = frozenset()
    bleeding_risk: str | None = None
    access: frozenset[str] = frozenset()
    procedures: frozenset[str] = frozenset()
    when: Expression | None = None
    unless: Expression | None = None
    unless_within_days: int | None = None
    """Only conditions of this encounter, or dated within so many days, count for `unless`."""
    bleeding_risk_named: bool = False
    """Only where the guideline itself names the procedure in its class."""
    patients: PatientGroup = ANYBODY
    """Nobody of whom the record says the other sex; of an age only who is known to have it."""
    radiation_field: frozenset[str] = frozenset()
    """Any of them."""
    except_procedures: frozenset[str] = frozenset()
    """None of them."""
    urgency: frozenset[str] = frozenset()
    """Any of `elective`, `urgent`, `emergency`, as the call says."""

    @property
    def is_for_anybody(self) -> bool:
        """Whether nothing is asked of the patient."""
        return self.when is None and self.unless is None and self.patients == ANYBODY


class Criterion(msgspec.Struct, frozen=True):
    """One question of a row, and what is said when its answer is present.

    `required`: with no datum the answer is unknown; otherwise it counts when there is one and is not missed when not.
    """

    id: str
    label: str
    question: AnyQuestion
    indicator: Indicator
    gate: Gate
    required: bool
    problem: str
    """Which of the patient's problems it belongs to, one of `PROBLEMS`: answers of one problem share a card."""
    section: str
    """Where it stands in the pre-procedure summary, one of `SECTIONS`."""
    superseded_by: tuple[str, ...] = ()
    """Criteria of the same row; where one of them is present, this one says nothing more."""
    replaced_by: tuple[str, ...] = ()
    """Criteria of the same row with a limit of their own for some patients: where one is asked, this one is not."""
    even_in_emergency: Indicator | None = None
    """How loud what is critical may be in an emergency; None for no louder than information."""
    required_when: tuple[Gate, ...] = ()
    """A missing datum is told only where one of these gates passes; always, where there is none of them."""
    at_risk_when: Expression | None = None
    """Conditions with which a missing datum is a warning as soon as the procedure is near."""
    measured_by: tuple[str, ...] = ()
    """Limits that measure the same: where they have an answer, it is told in place of the recorded condition."""
    tell: str = "card"
    """`card`; `line`: only on a card of its problem that is shown anyway; `none`: in the decision alone."""
    unspecific: str = "line"
    """The same of a code that says less than is asked: `card` where no order goes on without an answer."""
    advice: tuple[str, ...] = ()
    """Wording keys of what can be done, `advice.*`."""
    says: str | None = None
    """What it means for the order, a key below `means.*`; None for the sentence of its kind of question."""
    minor: str | None = None
    """Before a minor procedure: `info`, no louder; `line`, nor a card of its own; `line-if-awake`, not if sedated."""
    source: str = ""
    grade: str = ""
    """Of the question itself, where it has no limit; empty where it rests on its row's."""


class Contraindication(msgspec.Struct, frozen=True):
    """One row of the second table; `criteria` holds only those that speak (status active)."""

    id: str
    label: str
    gate: Gate
    criteria: tuple[Criterion, ...]
    source: str
    shadow: bool = False
    """Judged and recorded, not shown: a site tries the row."""
    cite: str = ""
    """What a card names as the source where there is no limit: the guideline and its year."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Knowledge(Vocabulary):
    """Everything the service knows; `version` is release + hash of the effective tables."""

    version: str
    conditions: Mapping[str, Condition]
    procedures: Mapping[str, Procedure]
    contraindications: tuple[Contraindication, ...]
    wording: Mapping[str, str]
    """English, flat: `gap.unread` -> template with `{name}` places."""
    order_texts: OrderTexts
    allergy_texts: AllergyTexts
    words: Words
    diagnosis_texts: DiagnosisTexts
    lab_index: LabIndex
    lab_orders: LabOrders
    urgency: UrgencyTable
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Procedure id -> ids of its children."""
    order_codes: Mapping[str, tuple[tuple[str, str, str], ...]] = field(default_factory=dict)
    """Procedure id -> (system, code, display) of codes to order it by."""
    wordings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Language (`en`) -> its sentences, flat."""
    advice: Mapping[str, Advice] = field(default_factory=dict)
    """What is known of advice by its key; other advice is the orderer's, before the procedure."""
    override_reasons: Mapping[str, tuple[OverrideReason, ...]] = field(default_factory=dict)
    """Topic of a card -> the reasons to go ahead that it may offer."""
    search_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Prefetch key -> every code that an active row reads of that kind, as `system|code`: what is searched for.
    LOINC codes are sorted, a hospital's own codes follow."""
    not_connected: frozenset[str] = frozenset()
    """Prefetch keys of data that the hospital's EHR never sends: declared by the site, asked of nobody, on no card."""
    changes: tuple[Mapping[str, str], ...] = ()
    """What a site folder changes: table, id, what (old -> new), reason, approver, date, source, from, until, and the
    `state` (`later`, `over`) of what does not count today."""
    family_titles: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(system, code) of a family of codes -> what a release calls it, for people who read the tables."""
    value_set_titles: Mapping[str, str] = field(default_factory=dict)
    """Id of a value set -> its title."""
    silent_rows: tuple[SilentRow, ...] = ()
    """Rows that are not active: drafts, and those that were retired or switched off."""
    switched_off: tuple[str, ...] = ()
    """Ids of shipped rows, questions and limits that speak as shipped and that the site has retired or made a draft."""
    links: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Id of a procedure, contraindication or criterion -> (label, https address) of the hospital's documents on it."""
    reason_kinds: Mapping[str, str] = field(default_factory=dict)
    """Reason to go ahead, as `system|code` -> how a report counts it: useful, wrong, data-gap, limit, urgency."""
    next_day: date | None = None
    """The day on which other changes of the site begin to count; None where there is none."""
    worked_out: WorkedOut = field(default_factory=WorkedOut, init=False, repr=False, compare=False)
