"""Cards stage: antithrombotics in a headline: which is taken, with which effect, and what it means for this order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cds_service.cards.context import CardContext
from cds_service.cards.dates import Moment, day_of_week, moment_of
from cds_service.cards.escape import harmless
from cds_service.findings.finding import CLEARANCE, DIALYSIS, EGFR, HoldAdvice
from cds_service.knowledge.medication_types import HoldAction, HoldRow

_SENTENCES = {
    HoldAction.HOLD: "hold.ask",
    HoldAction.TEST_DECIDES: "hold.test",
    HoldAction.CORRECT_TO_TARGET: "hold.target",
    HoldAction.DEFER: "hold.ask",
    HoldAction.ASK: "hold.ask",
    HoldAction.ASK_FIRST: "hold.ask",
    HoldAction.HELD_ALREADY: "hold.last-dose-unknown",
    HoldAction.MAY_BE_TAKEN: "hold.last-dose-unknown",
}
"""What is said of an action that is no number of doses or days; another one means that it goes on."""
_BY = {CLEARANCE: "fact.on-drug-clearance", EGFR: "fact.on-drug-egfr", DIALYSIS: "fact.on-drug-dialysis"}
_HOURS_A_DAY = 24
_MEANS = {"doses": "means.hold-doses", "d": "means.hold-days", "h": "means.hold-hours"}
_AMOUNTS = {"doses": "hold_amount.doses", "d": "hold_amount.days", "h": "hold_amount.hours"}


def agent_name(advice: HoldAdvice, context: CardContext) -> str:
    """The agent in the language of the card."""
    return harmless(context.wording.label("agent", advice.agent, advice.label))


def taken(holds: Sequence[HoldAdvice], state: str, context: CardContext) -> tuple[str, Moment]:
    """What is taken, with what decides about it: a recorded state, else the kidney function; and when that was.

    Args:
        holds: the advice on each agent; the first is told, with those that make somebody be asked together with it.
        state: what the record calls the state that makes stopping dangerous; "" for none.
        context: of the call.
    """
    wording, advice = context.wording, holds[0]
    together = [one for one in holds if advice.ask and one.ask == advice.ask and not state]
    name = wording.joined([agent_name(one, context) for one in together or [advice]][:2])
    renal = advice.renal
    if state:
        when = moment_of(advice.because[0].date, context.today, wording)
        return wording.say("fact.on-drug-with", name=name, state=state), when
    if renal is None:
        return wording.say("fact.on-drug", name=name), Moment()
    value = wording.number(f"{renal.value:.0f}")
    return wording.say(_BY[renal.by], name=name, value=value), moment_of(renal.date, context.today, wording)


def taken_with_state(holds: Sequence[HoldAdvice], context: CardContext) -> str:
    """The same with what the tables call the state, where the record's words are long."""
    advice, states = holds[0], context.knowledge.medications.ask_first
    name = agent_name(advice, context)
    labels = [context.wording.label("ask_first", key, states[key].label) for key in advice.states if key in states]
    return context.wording.say("fact.on-drug-state", name=name, state=labels[0]) if labels else name


def meaning(advice: HoldAdvice, procedure: str, context: CardContext) -> str:
    """What is done with it before the procedure, or who is asked."""
    wording = context.wording
    if advice.ask:
        own = f"means.{_before_stopping(advice, context)}-{advice.ask[0]}"
        return wording.say(own if own in wording.templates else f"means.ask-{advice.ask[0]}", procedure=procedure)
    row = advice.row
    if advice.last_dose is not None and not _is_of_hours(row):
        date = day_of_week(advice.last_dose, context.today, wording)
        key = "means.last-dose-was-due" if is_too_late(advice, context) else "means.last-dose"
        return wording.say(key, date=date, procedure=procedure)
    if advice.action is HoldAction.HOLD and row is not None and row.unit in _MEANS:
        doses = amount_of(row, context)
        days = day_count(advice, context)
        if row.unit == "doses" and days:
            return wording.count("means.hold-doses-days", _count(row), amount=doses, days=days, procedure=procedure)
        return wording.count(_MEANS[row.unit], _count(row), amount=doses, procedure=procedure)
    test = harmless(wording.label("hold_test", row.test)) if row is not None and row.test else ""
    return wording.say(_SENTENCES.get(advice.action, "hold.never"), procedure=procedure, test=test)


def meanwhile(advice: HoldAdvice, context: CardContext) -> str:
    """What is done about it where the procedure can't wait."""
    reversible = context.knowledge.medications.class_of(advice.agent).reversal is not None
    return context.wording.say("meanwhile.drug-reversal" if reversible else "meanwhile.drug")


def has_a_day(advice: HoldAdvice, context: CardContext) -> bool:
    """Whether the day of the last dose can be told: it is known, to come, and says more than the hours."""
    return advice.last_dose is not None and not is_too_late(advice, context) and not _is_of_hours(advice.row)


def is_too_late(advice: HoldAdvice, context: CardContext) -> bool:
    """Whether the day of the last dose has passed when the card is shown."""
    return advice.last_dose is not None and context.today is not None and advice.last_dose < context.today


def lab_of(holds: Sequence[HoldAdvice], context: CardContext) -> str | None:
    """The result that the effect of the first agent is read by, where its class has one."""
    return context.knowledge.medications.class_of(holds[0].agent).lab if holds else None


def amount_in_words(row: HoldRow, context: CardContext) -> str:
    """How long it is held by one row: `6 doses`, `2–3 days`, `48 hours`."""
    return context.wording.count(_AMOUNTS[row.unit or "d"], _count(row), amount=amount_of(row, context))


def day_count(advice: HoldAdvice, context: CardContext) -> str:
    """Doses in whole days: `3 days`; empty where they make none."""
    days = advice.full_days
    if days is None or days != days.to_integral_value():
        return ""
    return context.wording.count("hold_amount.days", int(days), amount=f"{days:.0f}")


def amount_of(row: HoldRow, context: CardContext) -> str:
    """The number or range of a row: `6`, `3–5`."""
    ends = [context.wording.number(f"{end:f}") for end in (row.least, row.most) if end is not None]
    return "–".join(dict.fromkeys(ends))


def _count(row: HoldRow) -> int:
    """What the plural goes by; a part of one counts as several."""
    most = row.most or row.least or Decimal(0)
    return int(most) if most == most.to_integral_value() else 2


def _is_of_hours(row: HoldRow | None) -> bool:
    """Whether it is stopped on the day of the procedure or the day before: the hours say more than the day."""
    return row is not None and row.unit == "h" and (row.most or row.least or Decimal(0)) < _HOURS_A_DAY


def _before_stopping(advice: HoldAdvice, context: CardContext) -> str:
    return context.knowledge.medications.class_of(advice.agent).before_stopping or ""
