"""What is done with an agent, as reasons to be worded: why, who is asked, the last dose, the kidneys.

How long it is held, by which guideline, and its test are in the row of the advice.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.findings.finding import DIALYSIS, EGFR, HoldAdvice
from cds_service.knowledge.medication_types import HoldAction
from cds_service.reasons import Reason

_ALONE = {
    HoldAction.HELD_ALREADY: "medication-held",
    HoldAction.MAY_BE_TAKEN: "medication-may-be-taken",
    HoldAction.TREATS_A_CLOT: "medication-treats-a-clot",
    HoldAction.EMERGENCY: "medication-emergency",
    HoldAction.NO_RECOMMENDATION: "hold-no-recommendation",
    HoldAction.NEVER_STOP: "hold-never",
    HoldAction.ASK: "hold-ask",
    HoldAction.ASK_FIRST: "hold-ask-first",
}


def hold_reasons(advice: HoldAdvice) -> tuple[Reason, ...]:
    """The reasons of one advice, what decides first."""
    return tuple(_reasons(advice))


def _reasons(advice: HoldAdvice) -> Iterator[Reason]:
    if advice.action in _ALONE:
        yield Reason(_ALONE[advice.action])
    yield from (Reason(f"ask-{who}") for who in advice.ask)
    if advice.last_dose is not None:
        yield Reason("hold-last-dose", {"date": advice.last_dose.isoformat()})
    if advice.recorded_dose is not None:
        yield Reason("medication-last-dose", {"date": advice.recorded_dose.isoformat()})
    if advice.renal is not None and advice.renal.by == DIALYSIS:
        yield Reason("hold-by-dialysis")
    elif advice.renal is not None:
        told: dict[str, str | int] = {"value": f"{advice.renal.value:.0f}", "date": advice.renal.date}
        yield Reason("hold-by-egfr" if advice.renal.by == EGFR else "hold-by-clearance", told)
    if advice.renal_missing:
        yield Reason("hold-renal-missing")
    if advice.dose_missing:
        yield Reason("hold-dose-missing")
