"""What one patient's record says, read but not judged: the output of the facts stage. Only types live here."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

import msgspec

from cds_service.clinical_data.retrieved import Unavailable


class Coding(msgspec.Struct, frozen=True, gc=False):
    """One code of a code system; `system` and `code` as received, blanks trimmed."""

    system: str
    code: str
    display: str | None = None


class Concept(msgspec.Struct, frozen=True, gc=False):
    """A CodeableConcept: its codings that have system and code, and every text a person could read in it.

    `bare_codes` are codes that came without a system. `within` are words that are not its own and say what it is of: of
    a result its specimen, and the panel that it is a component of.
    """

    codings: tuple[Coding, ...] = ()
    texts: tuple[str, ...] = ()
    bare_codes: tuple[str, ...] = ()
    within: tuple[str, ...] = ()

    @property
    def says_nothing(self) -> bool:
        """Whether it has neither a code nor words of its own."""
        return not (self.codings or self.texts or self.bare_codes)

    @property
    def label(self) -> str | None:
        """The shortest honest name: the text, or the first display, or None."""
        return self.texts[0] if self.texts else None

    @property
    def first_code(self) -> tuple[str, str] | None:
        """System and code of the first coding."""
        return (self.codings[0].system, self.codings[0].code) if self.codings else None


class When(msgspec.Struct, frozen=True, gc=False):
    """A FHIR date or dateTime as the span it may mean; both ends are aware and show the hospital's time.

    They carry an offset, not the zone: Python compares two times of one zone by the clock on the wall, which goes back
    once a year. `2026-11` spans the whole month. `text` is the date as shown to a person.
    """

    earliest: datetime
    latest: datetime
    text: str


class ConditionFact(msgspec.Struct, frozen=True, gc=False):
    """A Condition that is neither refuted nor entered in error.

    `activity` is `active`, `remission` or `inactive`; `certain` is False for unconfirmed, provisional and
    differential ones. `onset` falls back to recordedDate, then `onset_recorded` is False: it began then or earlier.
    `encounter` is the bare id for an encounter diagnosis.
    """

    reference: str
    concept: Concept
    activity: str
    certain: bool
    onset: When | None
    encounter: str | None
    status_clear: bool = True
    onset_recorded: bool = True


class ReactionFact(msgspec.Struct, frozen=True):
    """One AllergyIntolerance.reaction: its substance, manifestations and severity (`mild`, `moderate`, `severe`).

    Its description is the last of the manifestations.
    """

    substance: Concept
    manifestations: tuple[Concept, ...]
    severity: str | None


class AllergyFact(msgspec.Struct, frozen=True):
    """An AllergyIntolerance that is neither refuted nor entered in error.

    `kind` is `allergy`, `intolerance` or None; `criticality` as coded. `status_clear`: the clinical status is none or
    one of FHIR's; any other counts as active. `notes` are its free texts.
    """

    reference: str
    concept: Concept
    active: bool
    certain: bool
    criticality: str | None
    reactions: tuple[ReactionFact, ...]
    recorded: When | None
    notes: tuple[str, ...] = ()
    status_clear: bool = True

    @property
    def names(self) -> tuple[Concept, ...]:
        """What says which allergy it is: the code, then the substance of each reaction."""
        return (self.concept, *(reaction.substance for reaction in self.reactions))

    @property
    def label(self) -> str | None:
        """The record's own words for it, or None."""
        return next((concept.label for concept in self.names if concept.label), None)


class Interval(msgspec.Struct, frozen=True, gc=False):
    """Bounds of a value; None is unbounded, an open bound is itself excluded: `<20` is (None, 20 open)."""

    low: Decimal | None = None
    high: Decimal | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def exact(self) -> Decimal | None:
        """The value, where it is a single one."""
        return self.low if self.low is not None and self.low == self.high else None

    @property
    def ends(self) -> tuple[Decimal, ...]:
        """The bounds that there are."""
        return tuple(end for end in (self.low, self.high) if end is not None)

    def scaled(self, factor: Fraction) -> Interval:
        """In another unit; `factor` is positive. Multiplied first, then divided: no limit is missed by a last digit."""
        if factor == 1:
            return self
        low, high = (
            None if end is None else end * factor.numerator / factor.denominator for end in (self.low, self.high)
        )
        return Interval(low, high, self.low_open, self.high_open)


class Measurement(msgspec.Struct, frozen=True, gc=False):
    """The value of an ObservationFact as an interval, or a coded answer, or why it can't be judged.

    `unit_codes` are the spellings to try, the UCUM code first. `from_text` marks a number that was read out of
    valueString: `or_else` is its other reading (`180.000` is 180 or 180000), `name` the words before it (`INR 1.2`).
    `shown` is the value as reported, where it is not one number.
    """

    interval: Interval = Interval()
    or_else: Interval | None = None
    name: str | None = None
    unit_codes: tuple[str, ...] = ()
    answer: Concept | None = None
    from_text: bool = False
    shown: str | None = None
    problem: str | None = None
    """A key of `reason.*` in the wording; None for a usable one."""


class ReportedValue(Protocol):
    """A value as received, not read yet."""

    def read(self) -> Measurement | None:
        """The value; None for a panel that has no value of its own, only components or members."""


class ObservationFact(msgspec.Struct, frozen=True, gc=False):
    """One reported value: an Observation or one of its components, its value not read yet.

    `value` is read only of the results that may be the newest; None where it can't be read at all. `problem` is a key
    of `reason.*` in the wording where the whole Observation can't be judged. `no_date` is what stands in place of a
    date and is none.
    """

    reference: str
    concept: Concept
    when: When | None
    preliminary: bool
    value: ReportedValue | None = None
    problem: str | None = None
    no_date: str | None = None

    def measure(self) -> Measurement | None:
        """The value; None for a panel that has no value of its own."""
        if self.problem or self.value is None:
            return Measurement(problem=self.problem or "unreadable-value")
        return self.value.read()


_NOTHING = Concept()


class Activity(StrEnum):
    """What a medication's status says of its use."""

    TAKEN = "taken"
    LAPSED = "lapsed"
    """Still in use by its status, and its course ended before the call: nobody says whether it is taken on."""
    HELD = "held"
    COMPLETED = "completed"
    STOPPED = "stopped"
    GIVEN = "given"
    """A single dose was given, at `last_dose`."""
    UNCLEAR = "unclear"


class MedicationFact(msgspec.Struct, frozen=True):
    """One medication of the record: an order, a statement, a dispense or a dose given; not one that never was in use.

    `names` say what it is: the product's own code first, then its ingredients. `written` is when it was ordered or
    stated, `ended` when it ended or its supply does, `last_dose` a recorded one. `doses_a_day` is None where it is not
    structured; `doses` are structured amounts as `40 mg`. `instructions` are dose, route and reason in words.
    `readable` is False where it only refers to a Medication that is not there and does not name it.
    """

    reference: str
    names: tuple[Concept, ...]
    activity: Activity
    written: When | None = None
    ended: When | None = None
    last_dose: When | None = None
    doses_a_day: Decimal | None = None
    doses: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    readable: bool = True

    @property
    def label(self) -> str | None:
        """What the record calls it."""
        return next((name.label for name in self.names if name.label), None)


class ProcedureFact(msgspec.Struct, frozen=True):
    """A Procedure that was done or begun; not one that was prepared only, called off or entered in error.

    `done` is False where the status does not say that it was: stopped, on hold, not known. `performed` is when, by its
    end; of one that goes on, the time of the call. `category` says of which kind it is, `encounter` is a bare id.
    """

    reference: str
    concept: Concept
    done: bool
    performed: When | None
    category: Concept = _NOTHING
    encounter: str | None = None


class InterpreterFact(msgspec.Struct, frozen=True):
    """What the Patient says of an interpreter: whether one is `required`, or the code that answers it."""

    reference: str
    required: bool | None
    answer: Coding | None = None


class OrderFact(msgspec.Struct, frozen=True):
    """One order or appointment in focus.

    `reasons` are its own reasonCode entries; `reason_references` the references of reasonReference, `Type/id`.
    `body` holds the bytes received, from which an update suggestion is made. `forbids` is doNotPerform.
    Where `concept` names no procedure, these count: `details` says more of what is ordered (orderDetail, bodySite),
    `notes` are free texts beside it, `category` the texts and codes of the kind of service. `priority` is a code of
    FHIR request-priority; `planned` is when the procedure is to be: the start of the appointment, else the occurrence.
    `named_reasons` are those of the references that have a name beside them, and the name.
    """

    reference: str
    resource_type: str
    concept: Concept
    reasons: tuple[Concept, ...]
    reason_references: tuple[str, ...]
    body: bytes
    forbids: bool = False
    readable: bool = True
    details: Concept = _NOTHING
    notes: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    priority: str | None = None
    planned: When | None = None
    named_reasons: tuple[tuple[str, str], ...] = ()


class OrderedFact(msgspec.Struct, frozen=True):
    """A ServiceRequest that is a wish to do something: a draft of this call, or an order in force.

    `planned` is when it is to be done, `authored` when it was written; None where it does not say. What it is for is
    not judged here: a procedure is one as well as a test.
    """

    reference: str
    concept: Concept
    draft: bool
    planned: When | None = None
    authored: When | None = None


class PatientFacts(msgspec.Struct, frozen=True):
    """Everything read of one call's data.

    The facts of each clinical data kind are in the field that is named after its prefetch key. `complete` holds the
    kinds of which everything was retrieved and could be read, `obtained` those of which anything was. `unavailable`
    lists every gap.
    """

    orders: tuple[OrderFact, ...]
    conditions: tuple[ConditionFact, ...]
    allergies: tuple[AllergyFact, ...]
    observations: tuple[ObservationFact, ...]
    medications: tuple[MedicationFact, ...]
    procedures: tuple[ProcedureFact, ...]
    complete: frozenset[str]
    obtained: frozenset[str]
    unavailable: tuple[Unavailable, ...]
    today: date
    now: datetime
    encounter_id: str | None = None
    birth_date: When | None = None
    gender: str | None = None
    birth_sex: str | None = None
    """`female` or `male`, where it is recorded beside the administrative gender."""
    ordered: tuple[OrderedFact, ...] = ()
    """Every order that was read: drafts, in focus or not, and orders in force that came along."""
    condition_references: tuple[str, ...] = ()
    """Of every Condition that came along, refuted ones too."""
    interpreter: InterpreterFact | None = None
