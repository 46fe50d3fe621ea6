"""Medications of the tables and how long they are held, as frozen types. Only types live here.

How each is written in TOML, and what every action means: docs/medications.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from cds_service.indicator import Indicator

if TYPE_CHECKING:
    from cds_service.knowledge.medication_texts import MedicationTexts

ANTITHROMBOTIC = frozenset({"anticoagulant", "antiplatelet", "mild-antiplatelet", "thrombolytic", "nsaid", "other"})
"""Kinds that a question about antithrombotics is answered by."""

_HOURS_A_DAY = Decimal(24)

ASKED_WITHOUT_A_ROW = frozenset({"anticoagulant", "antiplatelet", "thrombolytic"})
"""Kinds of which it is told that they are on the list even where no row says how long they are held."""


class HoldAction(StrEnum):
    """What is done with an agent before a procedure."""

    DO_NOT_HOLD = "do-not-hold"
    HOLD = "hold"
    TEST_DECIDES = "test-decides"
    CORRECT_TO_TARGET = "correct-to-target"
    DEFER = "defer"
    ASK = "ask"
    ASK_FIRST = "ask-first"
    """A recorded state wins over every hold: the number is no advice."""
    HELD_ALREADY = "held-already"
    MAY_BE_TAKEN = "may-be-taken"
    """A course that ended, or an order that was stopped, so lately that it may still act."""
    TREATS_A_CLOT = "treats-a-clot"
    EMERGENCY = "emergency"
    NEVER_STOP = "never-stop"
    NO_RECOMMENDATION = "no-recommendation"


class Agent(msgspec.Struct, frozen=True):
    """One active substance, or a class of them that is recorded without one.

    `doses_a_day` is its usual schedule. `at_most`: what is said of it is never louder. `counts_within_days`: an older
    order no longer counts. `topical`: it also comes as a gel or drops.
    """

    id: str
    label: str
    drug_class: str
    kind: str
    value_set: str | None
    doses_a_day: Decimal | None
    at_most: Indicator | None
    counts_within_days: int | None
    topical: bool
    a_class: bool
    """It stands for agents of a class that the record does not name."""


class ClearanceBand(msgspec.Struct, frozen=True):
    """A range of creatinine clearance in mL/min; a None end is open."""

    at_least: Decimal | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    at_most: Decimal | None = None

    def holds(self, clearance: Decimal | None) -> bool:
        """Whether a clearance is in it; None stands for a normal one."""
        if clearance is None:
            return self.below is None and self.at_most is None
        return (
            (self.at_least is None or clearance >= self.at_least)
            and (self.above is None or clearance > self.above)
            and (self.below is None or clearance < self.below)
            and (self.at_most is None or clearance <= self.at_most)
        )

    @property
    def text(self) -> str:
        """In words: `30 or more, below 50`; `any` where nothing is restricted."""
        ends = (
            (self.at_least, "{} or more"),
            (self.above, "above {}"),
            (self.below, "below {}"),
            (self.at_most, "at most {}"),
        )
        return ", ".join(words.format(end) for end, words in ends if end is not None) or "any"

    @property
    def depends(self) -> bool:
        """Whether it restricts anything."""
        return any(end is not None for end in (self.at_least, self.above, self.below, self.at_most))


class HoldRow(msgspec.Struct, frozen=True):
    """What one guideline says of one agent. `bleeding_risk` and `dose` None: of any.

    `doses_a_day`: of the schedule whose doses it counts; None: of whatever is taken.
    """

    id: str
    agent: str
    guideline: str
    bleeding_risk: str | None
    dose: str | None
    band: ClearanceBand
    action: HoldAction
    least: Decimal | None
    most: Decimal | None
    unit: str | None
    test: str | None
    test_limit: str | None
    restart: str | None
    source: str
    grade: str
    active: bool
    doses_a_day: Decimal | None = None

    @property
    def text(self) -> str:
        """In words: `hold 2 to 3 d`, `do not hold`, `test decides; test: aPTT normal`."""
        span = [str(end) for end in dict.fromkeys((self.least, self.most)) if end is not None]
        amount = " ".join(part for part in (" to ".join(span), self.unit if span else "") if part)
        test = " ".join(part for part in (self.test, self.test_limit) if part)
        return f"{self.action.value.replace('-', ' ')} {amount}".rstrip() + (f"; test: {test}" if test else "")

    @property
    def days(self) -> Decimal | None:
        """Its longest hold in days; doses without a schedule of their own are taken for days. None: no number."""
        amount = self.most or self.least
        if amount is None:
            return None
        return amount / (_HOURS_A_DAY if self.unit == "h" else self.doses_a_day or Decimal(1))

    def fits(self, bleeding_risk: str, clearance: Decimal | None) -> bool:
        """Whether it speaks of this bleeding risk and clearance."""
        return self.bleeding_risk in (None, bleeding_risk) and self.band.holds(clearance)


class AskFirst(msgspec.Struct, frozen=True):
    """A recorded state in which nobody stops agents of these kinds without asking `who` (key of `ask.*`)."""

    id: str
    label: str
    value_set: str
    within_days: int | None
    kinds: frozenset[str]
    who: str


class DoseSign(msgspec.Struct, frozen=True):
    """A dose that says by itself what an agent is for."""

    agent: str
    strength: Decimal
    doses_a_day: Decimal
    ask_first: str


class Prophylaxis(msgspec.Struct, frozen=True):
    """A dose of an agent that prevents a clot and treats none: so much at once and so often a day at most.

    `unit` is `mg` or `units`. `without_a_dose`: where none is named it is taken for one.
    """

    agent: str
    at_most: Decimal
    unit: str
    doses_a_day: Decimal
    without_a_dose: bool


class Together(msgspec.Struct, frozen=True):
    """Agents that together say what is not recorded: one of `agents`, and another of `kinds`."""

    kinds: frozenset[str]
    agents: frozenset[str]
    ask_first: str


class Target(msgspec.Struct, frozen=True):
    """A limit (id of a threshold) that an agent's test must meet, by ways in; no ways: by any."""

    threshold: str
    access: frozenset[str]


class DrugClass(msgspec.Struct, frozen=True):
    """What is said of a class of agents beside its rows.

    `lab`: the result that its effect is read by. `before_stopping`: advice in place of the criterion's own. `reversal`:
    advice where the procedure can't wait. `ask_first`: the state (id of an ask_first row) that it is given for.
    """

    id: str
    lab: str | None
    before_stopping: str | None
    reversal: str | None
    ask_first: str | None = None


class MedicationUse(msgspec.Struct, frozen=True):
    """Of agents with one name, which is meant where a text holds one of the words."""

    of: frozenset[str]
    means: str
    words: tuple[str, ...]


class DoseWords(msgspec.Struct, frozen=True):
    """How orders write international units, and what an amount is for that is no dose (`1 mg/kg`, `18 units/h`)."""

    units: tuple[str, ...]
    rates: frozenset[str]


class MedicationTable(msgspec.Struct, frozen=True):
    """`medications.toml` and `holds.toml`. `holds` are by agent, of the leading guideline first; drafts are among them.

    `ask_first`, `doses`, `prophylaxis` and `together` hold active rows only.
    """

    agents: Mapping[str, Agent]
    by_value_set: Mapping[str, str]
    holds: Mapping[str, tuple[HoldRow, ...]]
    ask_first: Mapping[str, AskFirst]
    doses: tuple[DoseSign, ...]
    prophylaxis: tuple[Prophylaxis, ...]
    together: tuple[Together, ...]
    classes: Mapping[str, DrugClass]
    """By `Agent.drug_class`; of active rows."""
    uses: tuple[MedicationUse, ...]
    texts: MedicationTexts
    twice_a_day_words: tuple[str, ...]
    held_words: tuple[str, ...]
    dose_words: DoseWords
    targets: tuple[Target, ...]
    renal_within_days: int
    dialysis: str
    """Id of the condition in which no result tells the kidney's function."""
    clot_uses: frozenset[str]
    clot_procedures: frozenset[str]
    treating_kinds: frozenset[str]
    treated_by_them: frozenset[str]
    """Procedures that agents of `treating_kinds` are part of."""
    completed_within_days: int
    stopped_within_days: int
    lapsed_card_within_days: int

    def class_of(self, agent: str) -> DrugClass:
        """What is said of the class of an agent; an empty one where nothing is."""
        known = self.agents.get(agent)
        return self.classes.get(known.drug_class, _NO_CLASS) if known else _NO_CLASS

    def acts_days(self, agent: str) -> int:
        """How many days after a dose it may still act: a day more than its longest hold, drafts among them.

        Without a row that says how long, `stopped_within_days`, which is never exceeded.
        """
        holds = [row.days for row in self.holds.get(agent, ()) if row.days is not None]
        return min(self.stopped_within_days, ceil(max(holds)) + 1) if holds else self.stopped_within_days

    def of_kinds(self, kinds: frozenset[str]) -> frozenset[str]:
        """Ids of the agents of these kinds."""
        return frozenset(key for key, agent in self.agents.items() if agent.kind in kinds)


_NO_CLASS = DrugClass("", None, None, None)
