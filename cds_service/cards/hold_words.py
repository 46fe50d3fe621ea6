"""Cards stage: a headline about antithrombotics: which is taken, and what it means for this order."""

from __future__ import annotations

from cds_service.cards.context import CardContext
from cds_service.cards.dates import Moment, moment_of, planned_day
from cds_service.cards.escape import harmless
from cds_service.findings.finding import HoldAdvice
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
_AMOUNTS = {"doses": "hold-doses", "d": "hold-days", "h": "hold-hours"}


def taken(advice: HoldAdvice, context: CardContext) -> tuple[str, Moment]:
    """What is taken, with the kidney function that the hold rests on, and when that was measured."""
    wording, renal = context.wording, advice.renal
    name = harmless(advice.label)
    if renal is None:
        return wording.say("fact.on-drug", name=name), Moment()
    value = wording.number(f"{renal.value:.0f}")
    key = "fact.on-drug-egfr" if renal.by_egfr else "fact.on-drug-clearance"
    return wording.say(key, name=name, value=value), moment_of(renal.date, context.today, wording)


def meaning(advice: HoldAdvice, procedure: str, context: CardContext) -> str:
    """What is done with it before the procedure, or who is asked."""
    wording = context.wording
    if advice.ask:
        return wording.say(f"means.ask-{advice.ask[0]}", procedure=procedure)
    if advice.last_dose is not None:
        date = planned_day(advice.last_dose, context.today, wording)
        key = "means.last-dose-was-due" if is_too_late(advice, context) else "means.last-dose"
        return wording.say(key, date=date, procedure=procedure)
    if advice.action is HoldAction.HOLD and advice.row is not None and advice.row.unit in _AMOUNTS:
        key = f"means.{_AMOUNTS[advice.row.unit]}"
        return wording.say(key, amount=_amount(advice.row, context), procedure=procedure)
    test = harmless(advice.row.test or "") if advice.row is not None else ""
    return wording.say(_SENTENCES.get(advice.action, "hold.never"), procedure=procedure, test=test)


def is_too_late(advice: HoldAdvice, context: CardContext) -> bool:
    """Whether the day of the last dose has passed when the card is shown."""
    return advice.last_dose is not None and context.today is not None and advice.last_dose < context.today


def _amount(row: HoldRow, context: CardContext) -> str:
    ends = [context.wording.number(f"{end:f}") for end in (row.least, row.most) if end is not None]
    return "–".join(dict.fromkeys(ends))
