"""What is done with an agent, as reasons to be worded: the amount, the day of the last dose, the test, who is asked."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.findings.finding import HoldAdvice
from cds_service.knowledge.medication_types import HoldAction, HoldRow
from cds_service.reasons import Reason

_UNITS = {"doses": "hold-doses", "d": "hold-days", "h": "hold-hours"}
_ALONE = {
    HoldAction.HELD_ALREADY: "medication-held",
    HoldAction.MAY_BE_TAKEN: "medication-may-be-taken",
    HoldAction.TREATS_A_CLOT: "medication-treats-a-clot",
    HoldAction.EMERGENCY: "medication-emergency",
    HoldAction.DO_NOT_HOLD: "hold-not",
    HoldAction.NO_RECOMMENDATION: "hold-no-recommendation",
    HoldAction.NEVER_STOP: "hold-never",
    HoldAction.CORRECT_TO_TARGET: "hold-target",
    HoldAction.TEST_DECIDES: "hold-test-decides",
    HoldAction.DEFER: "hold-defer",
    HoldAction.ASK: "hold-ask",
    HoldAction.ASK_FIRST: "hold-ask-first",
}


def hold_reasons(advice: HoldAdvice) -> tuple[Reason, ...]:
    """The reasons of one advice, what decides first."""
    return tuple(_reasons(advice))


def _reasons(advice: HoldAdvice) -> Iterator[Reason]:
    row = advice.row
    if advice.action in _ALONE:
        yield Reason(_ALONE[advice.action], _named(row) if advice.action in _WITH_GUIDELINE and row else {})
    yield from (Reason(f"ask-{who}") for who in advice.ask)
    if row is not None and advice.action is HoldAction.HOLD:
        yield _amount(row)
    if advice.last_dose is not None:
        yield Reason("hold-last-dose", {"date": advice.last_dose.isoformat()})
    if advice.recorded_dose is not None:
        yield Reason("medication-last-dose", {"date": advice.recorded_dose.isoformat()})
    if row is not None and row.test and advice.action in _WITH_TEST:
        limit = f" {row.test_limit}" if row.test_limit else ""
        yield Reason("hold-test", {"test": f"{row.test}{limit}"})
    if advice.renal is not None:
        told: dict[str, str | int] = {"value": f"{advice.renal.value:.0f}", "date": advice.renal.date}
        yield Reason("hold-by-egfr" if advice.renal.by_egfr else "hold-by-clearance", told)
    if advice.renal_missing:
        yield Reason("hold-renal-missing")
    if advice.others and advice.action is HoldAction.HOLD:
        yield Reason("hold-others", {"others": ", ".join(_other(other) for other in advice.others)})


_WITH_GUIDELINE = (HoldAction.DO_NOT_HOLD, HoldAction.CORRECT_TO_TARGET, HoldAction.TEST_DECIDES, HoldAction.DEFER)
_WITH_TEST = (HoldAction.HOLD, HoldAction.TEST_DECIDES, HoldAction.CORRECT_TO_TARGET)


def _named(row: HoldRow) -> dict[str, str | int]:
    return {"guideline": row.guideline}


def _amount(row: HoldRow) -> Reason:
    least, most = row.least, row.most
    amount = f"{least}" if most is None or most == least else f"{least}-{most}"
    return Reason(_UNITS[row.unit or "d"], {"amount": amount, "guideline": row.guideline})


def _other(row: HoldRow) -> str:
    """Another guideline with its number: `PAUSE 2 d`; one that holds nothing, or asks, by its name and that."""
    least, most = row.least, row.most
    if least is None:
        return f"{row.guideline} ({row.action.value})"
    amount = f"{least}" if most is None or most == least else f"{least}-{most}"
    return f"{row.guideline} {amount} {row.unit or ''}".strip()
