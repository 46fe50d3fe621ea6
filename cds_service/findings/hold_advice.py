"""What is done with one antithrombotic before this procedure: held, left, or somebody is asked first.

In this order: an emergency holds nothing; an order that treats a clot holds nothing, nor one that the agent is a part
of; what is held already, or ended lately, asks for the last dose; a recorded state that makes stopping dangerous wins
over every number; then the rows of `holds.toml`. Source of the order: SIR 2019, figure 2 (low risk: continue most; high
risk: the indication decides).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import Activity
from cds_service.findings.context import OrderContext, PatientContext
from cds_service.findings.doses import MILLIGRAMS, Dose, doses_of
from cds_service.findings.finding import Evidence, HoldAdvice, RenalBasis
from cds_service.findings.holds import ChosenHold, choose, full_days, last_dose
from cds_service.findings.medication_list import KnownMedication
from cds_service.findings.medication_use import doses_a_day, is_prophylaxis
from cds_service.findings.thresholds import hold_against
from cds_service.indicator import Indicator
from cds_service.knowledge.medication_types import ASKED_WITHOUT_A_ROW, Agent, AskFirst, HoldAction
from cds_service.reasons import Reason

_STOPPING = (HoldAction.HOLD, HoldAction.TEST_DECIDES, HoldAction.ASK, HoldAction.DEFER)
_DOSES = "doses"
_THERAPEUTIC = "therapeutic"
_LEFT = (HoldAction.DO_NOT_HOLD, HoldAction.NO_RECOMMENDATION, HoldAction.NEVER_STOP)


class _Case(msgspec.Struct, frozen=True):
    """One agent of one patient before one procedure; `present` are all agents on the list."""

    agent: Agent
    entries: Sequence[KnownMedication]
    present: frozenset[str]
    order: OrderContext
    patient: PatientContext
    renal: RenalBasis | None
    base: Indicator
    prophylaxis: bool
    """The dose prevents a clot and treats none."""
    dose_missing: bool
    """That depends on the dose, and none is named."""

    def advice(self, action: HoldAction, level: Indicator, *, quiet: bool = False) -> HoldAdvice:
        most = self.agent.at_most
        level = level if most is None else min(level, most)
        quiet = quiet or (most is Indicator.INFO)
        agent = self.agent
        return HoldAdvice(agent.id, agent.label, action, level, recorded_dose=self._recorded_dose(), quiet=quiet)

    def _recorded_dose(self) -> date | None:
        given = [entry.fact.last_dose.latest.date() for entry in self.entries if entry.fact.last_dose is not None]
        return max(given, default=None)


def hold_advice(
    agent: Agent,
    entries: Sequence[KnownMedication],
    present: frozenset[str],
    order: OrderContext,
    patient: PatientContext,
    renal: RenalBasis | None,
    base: Indicator,
) -> HoldAdvice:
    """The advice on one agent.

    Args:
        agent: of the table.
        entries: of this agent, those that count, what is surest in use first.
        present: ids of all antithrombotics that count.
        order: the procedure and its day.
        patient: the call's record.
        renal: the kidney's function, None where nothing tells.
        base: how loudly a hold speaks.
    """
    table = patient.knowledge.medications
    surest = [entry for entry in entries if entry.fact.activity is entries[0].fact.activity]
    doses = doses_of(surest, table.dose_words)
    prophylaxis = is_prophylaxis(doses, surest, agent, table)
    dose_missing = not doses and any(row.agent == agent.id for row in table.prophylaxis)
    base = Indicator.INFO if prophylaxis else base
    case = _Case(agent, entries, present, order, patient, renal, base, prophylaxis, dose_missing)
    matters = agent.kind in ASKED_WITHOUT_A_ROW and not (prophylaxis and order.timing.must_not_wait)
    if order.timing.must_not_wait:
        return case.advice(HoldAction.EMERGENCY, base if matters else Indicator.INFO, quiet=not matters)
    if _treats_a_clot(case):
        return case.advice(HoldAction.TREATS_A_CLOT, Indicator.INFO, quiet=True)
    if _is_part_of_treatment(case):
        return case.advice(HoldAction.NEVER_STOP, Indicator.INFO, quiet=True)
    return _of_use(case, matters=matters) or _by_rows(case, matters=matters)


def _treats_a_clot(case: _Case) -> bool:
    table = case.patient.knowledge.medications
    return bool(case.order.uses & table.clot_uses or case.order.ids & table.clot_procedures)


def _is_part_of_treatment(case: _Case) -> bool:
    table = case.patient.knowledge.medications
    return case.agent.kind in table.treating_kinds and case.order.ids <= table.treated_by_them


def _of_use(case: _Case, *, matters: bool) -> HoldAdvice | None:
    """Where it is held already, or ended lately; None where it is taken."""
    activity = case.entries[0].fact.activity
    if activity is Activity.HELD:
        return case.advice(HoldAction.HELD_ALREADY, Indicator.INFO, quiet=not matters)
    if activity in (Activity.LAPSED, Activity.COMPLETED, Activity.STOPPED):
        long_over = activity is Activity.LAPSED and _is_long_over(case)
        advice = case.advice(HoldAction.MAY_BE_TAKEN, Indicator.INFO, quiet=long_over or not matters)
        return replace(advice, long_over=long_over and matters)
    return None


def _is_long_over(case: _Case) -> bool:
    """Whether the course of every order ended before anything could still be dispensed on it."""
    facts, most = case.patient.facts, case.patient.knowledge.medications.lapsed_card_within_days
    ends = [entry.fact.ended for entry in case.entries]
    return all(end is not None and (facts.today - end.latest.date()).days > most for end in ends)


def _by_rows(case: _Case, *, matters: bool) -> HoldAdvice:
    known = case.patient.knowledge.medications.holds.get(case.agent.id, ())
    rows = [row for row in known if not (case.prophylaxis and row.dose == _THERAPEUTIC)]
    chosen = choose(rows, case.order.bleeding_risk, case.renal.value if case.renal else None)
    if chosen.row is None:
        # On the list, and no row with a source says what to do: it is named, without a number.
        quiet = not matters or case.order.bleeding_risk == "low"
        return case.advice(HoldAction.ASK, Indicator.INFO, quiet=quiet)
    action = HoldAction.ASK if chosen.disagree else chosen.row.action
    if action in _LEFT:
        return _with_row(case.advice(action, Indicator.INFO, quiet=True), chosen, case)
    if action is HoldAction.CORRECT_TO_TARGET:
        advice = _to_target(case)
        if advice.quiet or advice.crossed or chosen.row.least is None or not _has_narrow_target(case):
            return _with_row(advice, chosen, case)
        action = HoldAction.HOLD  # nobody knows whether it must come down, and it may have to by much
    if action in _STOPPING and not case.prophylaxis and (asked := _ask_first(case)):
        return _with_row(replace(asked, others=()), chosen, case)
    advice = _with_row(case.advice(action, case.base), chosen, case)
    if action is HoldAction.ASK or (case.prophylaxis and chosen.row.unit == _DOSES):
        return advice  # one dose less needs no day
    doses = doses_a_day(case.entries, case.agent, case.patient.knowledge.medications)
    last = last_dose(chosen.row, case.order.timing.moment, doses, case.patient.facts.now.tzinfo)
    return replace(advice, last_dose=last, full_days=full_days(chosen.row, doses))


def _with_row(advice: HoldAdvice, chosen: ChosenHold, case: _Case) -> HoldAdvice:
    renal = case.renal if chosen.by_clearance else None
    return replace(
        advice,
        row=None if chosen.disagree else chosen.row,
        others=chosen.others,
        renal=renal,
        renal_missing=chosen.by_clearance and case.renal is None,
        dose_missing=case.dose_missing and advice.action is HoldAction.HOLD,
    )


def _to_target(case: _Case) -> HoldAdvice:
    """Loud where the test is beyond the limit of this way in; where there is none, it is named."""
    knowledge = case.patient.knowledge
    targets = [t for t in knowledge.medications.targets if not t.access or t.access & case.order.accesses]
    limits = [knowledge.thresholds[target.threshold] for target in targets]
    labs, today = case.patient.labs, case.patient.facts.today
    found = {limit: hold_against(limit, labs, knowledge.codes, today).certainty for limit in limits}
    if crossed := tuple(limit for limit, certainty in found.items() if certainty is Certainty.PRESENT):
        return replace(case.advice(HoldAction.CORRECT_TO_TARGET, case.base), crossed=crossed)
    quiet = set(found.values()) == {Certainty.ABSENT}
    return case.advice(HoldAction.CORRECT_TO_TARGET, Indicator.INFO, quiet=quiet)


def _has_narrow_target(case: _Case) -> bool:
    """Whether a limit of its own is set for the way in."""
    return any(target.access & case.order.accesses for target in case.patient.knowledge.medications.targets)


def _ask_first(case: _Case) -> HoldAdvice | None:
    """The states that make stopping it dangerous, recorded or told by what is taken."""
    table = case.patient.knowledge.medications
    told: dict[str, tuple[Evidence, ...]] = {}
    for row in table.ask_first.values():
        if case.agent.kind in row.kinds and (evidence := _recorded(row, case.patient)):
            told[row.id] = evidence
    for name in (*_by_dose(case), *_by_company(case)):
        told.setdefault(name, ())
    if not told:
        return None
    asked = case.advice(HoldAction.ASK_FIRST, case.base)
    who = dict.fromkeys(table.ask_first[name].who for name in told)
    because = sorted((item for found in told.values() for item in found), key=lambda item: item.date is None)
    return replace(
        asked, ask=tuple(who), because=tuple(because), states=tuple(name for name in told if told[name]) or tuple(told)
    )


def _recorded(row: AskFirst, patient: PatientContext) -> tuple[Evidence, ...]:
    days = row.within_days
    matches = [match for match in patient.chart.in_value_set(row.value_set) if match.hit.sufficient]
    counting = [match for match in matches if days is None or patient.is_current(match.fact, days)]
    undated = Reason("ask-first-undated")
    return tuple(match.evidence(undated if days and match.fact.onset is None else None) for match in counting)


def _by_dose(case: _Case) -> list[str]:
    """States that the dose itself tells, while it is as new as they are."""
    table, today = case.patient.knowledge.medications, case.patient.facts.today
    found = []
    for sign in (sign for sign in table.doses if sign.agent == case.agent.id and sign.ask_first in table.ask_first):
        days = table.ask_first[sign.ask_first].within_days
        new = [e for e in case.entries if days is None or _is_new(e, today, days)]
        often = doses_a_day(new, case.agent, table)
        if (
            Dose(sign.strength, MILLIGRAMS) in doses_of(new, table.dose_words)
            and often is not None
            and often >= sign.doses_a_day
        ):
            found.append(sign.ask_first)
    return found


def _is_new(entry: KnownMedication, today: date, days: int) -> bool:
    written = entry.fact.written
    return written is None or (today - written.latest.date()).days <= days


def _by_company(case: _Case) -> list[str]:
    """States that its class is given for, or that two agents together tell."""
    table = case.patient.knowledge.medications
    given_for = table.class_of(case.agent.id).ask_first
    found = [given_for] if given_for is not None and given_for in table.ask_first else []
    for pair in table.together:
        of_kinds = table.of_kinds(pair.kinds) & case.present
        both = bool(of_kinds & pair.agents) and bool(of_kinds - pair.agents)
        if both and case.agent.kind in pair.kinds and pair.ask_first in table.ask_first:
            found.append(pair.ask_first)
    return found
