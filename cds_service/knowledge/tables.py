"""The two tables and what they rest on, as frozen types: the output of the knowledge stage. Only types live here.

How each is written in TOML: docs/changing-the-tables.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from cds_service.indicator import Indicator
from cds_service.knowledge.question_types import AnyQuestion

if TYPE_CHECKING:
    from cds_service.knowledge.allergy_texts import AllergyTexts
    from cds_service.knowledge.order_texts import OrderTexts
    from cds_service.knowledge.value_sets import CodeIndex
    from cds_service.knowledge.words import Words


ANY_REGION = "any"
"""Region of a procedure that names no vessel or organ: a technique, see `procedures/techniques.toml`."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition id, or `all_of`, `any_of` or `none_of` over expressions."""

    operator: str
    """`is`, `all_of`, `any_of` or `none_of`."""
    condition: str = ""
    parts: tuple[Expression, ...] = ()

    def conditions(self) -> tuple[str, ...]:
        """Every condition id named, in order, each once."""
        if self.operator == "is":
            return (self.condition,)
        return tuple(dict.fromkeys(name for part in self.parts for name in part.conditions()))


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that indications and gates speak of; its codes are the ValueSet named `value_set`.

    `provable` is False where no code means it by itself, so that its absence can't be stated either.
    """

    id: str
    label: str
    value_set: str
    provable: bool


@dataclass(frozen=True, slots=True)
class Indication:
    """One reason for a procedure. `present_if` settles it; `possible_if` alone leaves it unknown."""

    id: str
    label: str
    present_if: Expression
    possible_if: Expression | None
    source: str
    grade: str
    possible_because: str | None = None
    """Wording key that says what is missing when only `possible_if` holds."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A recorded condition that must not be mistaken for an indication of this procedure."""

    condition: str
    wording: str
    indicator: Indicator


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure. `uses` is the joint to the contraindications; `usually_uses` is a part of `uses`.

    `access` is `arterial`, `venous`, `percutaneous` or `any`; `bleeding_risk` is `low` or `high` (SIR 2019 class);
    `co2` is True only where carbon dioxide may stand in for iodinated contrast.
    """

    id: str
    label: str
    region: str
    parent: str | None
    uses: frozenset[str]
    usually_uses: frozenset[str]
    access: str
    bleeding_risk: str
    bleeding_risk_basis: str
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
    source: str
    shadow: bool = False
    """Its orders are judged and recorded, not shown: a site tries the row."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Multiply a value in this unit by `factor` to get the lab's canonical unit."""

    factor: Decimal
    note: str | None = None
    at_most: Decimal | None = None
    """The unit counts only for values up to this (a fraction written with unit 1)."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a lab may be computed from others; `kind` is one of the formulas of `findings/derived_labs.py`."""

    kind: str
    inputs: tuple[str, ...]
    parameters: Mapping[str, Decimal]
    source: str


@dataclass(frozen=True, slots=True)
class Lab:
    """One analyte: its LOINC ValueSet, canonical UCUM unit and the spellings of units that it accepts."""

    id: str
    label: str
    value_set: str
    unit: str
    units: Mapping[str, Unit]
    unit_optional: bool
    text_unit: str | None
    lowest: Decimal | None
    highest: Decimal | None
    derivation: Derivation | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """One limit. `comparison` is `<`, `<=`, `>`, `>=`, `in` (coded answers) or `rise`."""

    id: str
    lab: str
    comparison: str
    value: Decimal | None
    unit: str
    within_days: int
    answers: tuple[str, ...]
    rise: Decimal | None
    rise_within_hours: int | None
    ratio: Decimal | None
    ratio_within_days: int | None
    guideline: str
    source: str
    grade: str
    status: str

    @property
    def text(self) -> str:
        """The limit as one reads it aloud: `< 50 10*9/L`, or the rise that it looks for."""
        if self.comparison == "in":
            return f"answered with one of {', '.join(self.answers)}"
        if self.comparison != "rise":
            return f"{self.comparison} {self.value}{'' if self.unit == '1' else f' {self.unit}'}"
        rise = f"rises by {self.rise} {self.unit} in {self.rise_within_hours} h"
        return f"{rise} or to {self.ratio} times in {self.ratio_within_days} days"


@dataclass(frozen=True, slots=True)
class Gate:
    """When a row or criterion applies; an empty field does not restrict.

    `uses`: any of them. `when`/`unless` speak of conditions that the record holds for certain.
    """

    uses: frozenset[str] = frozenset()
    bleeding_risk: str | None = None
    access: frozenset[str] = frozenset()
    procedures: frozenset[str] = frozenset()
    when: Expression | None = None
    unless: Expression | None = None


@dataclass(frozen=True, slots=True)
class AllergyGroup:
    """A group of allergies: the codes of a ValueSet, and the words that `allergy_words/` gives it.

    `role`: what a group is for that no question asks for, or that it only sounds like an allergy to iodinated contrast,
    see `knowledge/allergies.toml`. An allergy that is in a group of `covered_by` as well is told there.
    """

    id: str
    label: str
    value_set: str
    role: str | None = None
    covered_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AllergyTable:
    """`knowledge/allergies.toml`: groups of allergies in order, and the ValueSets of how heavy reactions are."""

    groups: tuple[AllergyGroup, ...]
    reactions: Mapping[str, str]
    """`severe`, `moderate`, `mild`, `physiologic` -> ValueSet, the heaviest first."""
    languages: tuple[str, ...]
    """Languages of `allergy_words/`, as codes."""

    def with_role(self, role: str) -> frozenset[str]:
        """Ids of the groups of a role."""
        return frozenset(group.id for group in self.groups if group.role == role)


@dataclass(frozen=True, slots=True)
class Statement:
    """What one item of a text says of allergies (`SHELLFISH / IV DYE hives` holds two); from `allergy_texts.py`."""

    text: str
    """The sentence that it stands in."""
    groups: frozenset[str] = frozenset()
    """Ids of allergy groups that it names and does not deny."""
    something_else: bool = False
    """It names another substance."""
    begins_so: bool = False
    """It begins with the name of a substance, and does not tell of treatment."""
    denied: bool = False
    """A part of it denies what it names, or speaks of somebody else."""
    none_known: bool = False
    """It says that there is no allergy."""
    not_known: bool = False
    """It says that the answer is elsewhere, or that nobody asked."""
    unknown: bool = False
    """It holds the word unknown, and names nothing beside it."""
    unread: bool = False
    """A word that no table knows stands where a substance would."""
    weights: tuple[str | None, ...] = ()
    """The weights of the reactions that it names, None for one that no table weighs."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question of a row, and what is said when its answer is present.

    `required`: with no datum the answer is unknown; otherwise it counts when there is one and is not missed when not.
    """

    id: str
    label: str
    question: AnyQuestion
    indicator: Indicator
    gate: Gate
    required: bool
    superseded_by: tuple[str, ...] = ()
    """Criteria of the same row; where one of them is present, this one says nothing more."""
    advice: tuple[str, ...] = ()
    """Wording keys of what can be done, `advice.*`."""


@dataclass(frozen=True, slots=True)
class Contraindication:
    """One row of the second table; `criteria` holds only those that speak (status active)."""

    id: str
    label: str
    gate: Gate
    criteria: tuple[Criterion, ...]
    source: str
    shadow: bool = False
    """Judged and recorded, not shown: a site tries the row."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything the service knows; `version` is release + hash of the effective tables."""

    version: str
    conditions: Mapping[str, Condition]
    procedures: Mapping[str, Procedure]
    contraindications: tuple[Contraindication, ...]
    labs: Mapping[str, Lab]
    thresholds: Mapping[str, Threshold]
    wording: Mapping[str, str]
    """Flat: `card.not_checked.summary` -> template with `{name}` places."""
    codes: CodeIndex
    order_texts: OrderTexts
    allergies: AllergyTable
    allergy_texts: AllergyTexts
    words: Words
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Procedure id -> ids of its children."""
    reason_codes: Mapping[str, tuple[tuple[str, str, str], ...]] = field(default_factory=dict)
    """Condition id -> (system, code, display) of its exact codes, for a reason to propose."""
    override_reasons: tuple[tuple[str, str, str], ...] = ()
    """(system, code, display)."""
    search_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Prefetch key -> every code that an active row reads of that kind, as `system|code`: what is searched for.
    LOINC codes are sorted, a hospital's own codes follow."""
    changes: tuple[Mapping[str, str], ...] = ()
    """What a site folder changed: where, id, reason, approver, date."""
