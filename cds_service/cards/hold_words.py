"""Cards stage: what is done with an antithrombotic before the procedure, as the second half of a headline."""

from __future__ import annotations

from cds_service.cards.context import CardContext
from cds_service.cards.dates import planned_day
from cds_service.cards.escape import harmless
from cds_service.cards.quantities import shown_number
from cds_service.findings.finding import HoldAdvice
from cds_service.knowledge.medication_types import HoldAction

_SENTENCES = {
    HoldAction.TEST_DECIDES: "hold.test",
    HoldAction.CORRECT_TO_TARGET: "hold.target",
    HoldAction.DEFER: "hold.defer",
    HoldAction.ASK: "hold.ask",
    HoldAction.ASK_FIRST: "hold.ask",
    HoldAction.HELD_ALREADY: "hold.last-dose-unknown",
    HoldAction.MAY_BE_TAKEN: "hold.last-dose-unknown",
    HoldAction.EMERGENCY: "hold.emergency",
}
_UNITS = {"doses": "hold.doses", "d": "hold.days", "h": "hold.hours"}


def hold_in_words(advice: HoldAdvice, procedure: str, context: CardContext) -> str:
    """A clause such as `last dose 30 Nov before liver biopsy`; what is not held is not stopped."""
    wording, row = context.wording, advice.row
    if advice.action is not HoldAction.HOLD or row is None:
        test = harmless(row.test or "") if row else ""
        asked = next((f"hold.{key}" for key in advice.ask if f"hold.{key}" in wording.templates), None)
        if asked is not None:
            return wording.say(asked, procedure=procedure)
        return wording.say(_SENTENCES.get(advice.action, "hold.never"), procedure=procedure, test=test)
    if advice.last_dose is not None:
        day = planned_day(advice.last_dose, context.today, wording)
        return wording.say("hold.last-dose", date=day, procedure=procedure)
    amount = row.most if row.most is not None else row.least
    key = _UNITS.get(row.unit or "")
    if amount is None or key is None:
        return wording.say("hold.ask", procedure=procedure)
    return wording.say(key, amount=wording.number(shown_number(amount)), procedure=procedure)
