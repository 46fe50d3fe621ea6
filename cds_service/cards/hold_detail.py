"""Cards stage: antithrombotics in the detail of a card: found, the limit of the guideline, and what is done in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from cds_service.cards.context import CardContext
from cds_service.cards.dates import day_of_week, moment_of
from cds_service.cards.hold_words import agent_name, amount_in_words, day_count, has_a_day
from cds_service.cards.part import Step
from cds_service.findings.finding import CLEARANCE, DIALYSIS, EGFR, HoldAdvice
from cds_service.knowledge.advice import Moment
from cds_service.knowledge.medication_types import HoldAction, HoldRow
from cds_service.reasons import Reason

_RULES = {
    HoldAction.TEST_DECIDES: "hold_rule.test-decides",
    HoldAction.CORRECT_TO_TARGET: "hold_rule.target",
    HoldAction.DEFER: "hold_rule.defer",
    HoldAction.DO_NOT_HOLD: "hold_rule.do-not-hold",
}
_SHOWN_AS_FOUND = frozenset(
    {"medication-held", "medication-may-be-taken", "medication-treats-a-clot", "medication-last-dose", "hold-never"}
)
"""Reasons that say how it is taken; the others say what is done, and stand in the block Limit or Do."""
_BY = {CLEARANCE: "hold_found.clearance", EGFR: "hold_found.egfr", DIALYSIS: "hold_found.dialysis"}
_KNOWN = {"ask-about-bridging": "ask-whether-bridging", "ask-without-bridging": "ask-whether-it-waits-unbridged"}
"""What is advised where the record holds a state that the advice of the class asks about."""
NOT_TAKEN_NOW = (HoldAction.HELD_ALREADY, HoldAction.MAY_BE_TAKEN)
_WITHOUT_A_NUMBER = (*NOT_TAKEN_NOW, HoldAction.EMERGENCY, HoldAction.ASK_FIRST)


def notes_of(holds: Sequence[HoldAdvice]) -> list[Reason]:
    """The notes of the evidence that stand elsewhere on the card."""
    return [reason for advice in holds for reason in advice.reasons if reason.key not in _SHOWN_AS_FOUND]


def basis_lines(holds: Sequence[HoldAdvice], context: CardContext) -> Iterator[str]:
    """What the advice rests on beside the list: the kidney function, or that there is none."""
    wording = context.wording
    for advice in holds:
        if advice.action is HoldAction.ASK_FIRST and not advice.because:
            yield wording.say("hold_found.told-by-the-drugs")
        elif advice.action in _WITHOUT_A_NUMBER:
            continue
        elif advice.renal is not None:
            when = moment_of(advice.renal.date, context.today, wording).full
            yield wording.say(_BY[advice.renal.by], value=wording.number(f"{advice.renal.value:.0f}"), date=when)
        elif advice.renal_missing:
            yield wording.say("hold_found.renal-missing")
        if advice.dose_missing:
            yield wording.say("hold_found.dose-missing", name=agent_name(advice, context))


def hold_limits(holds: Sequence[HoldAdvice], context: CardContext) -> Iterator[str]:
    """What the guideline says of each agent, and the guidelines with another number."""
    for advice in holds:
        said = hold_rule(advice, context)
        for rule in said[:1]:
            yield context.wording.say("hold_rule.of-agent", name=agent_name(advice, context), rule=rule)
        yield from said[1:]


def hold_rule(advice: HoldAdvice, context: CardContext) -> list[str]:
    """What the guideline says of one agent, with its test; then the guidelines with another number."""
    if advice.row is None or advice.action in _WITHOUT_A_NUMBER:
        return []
    others = _others(advice, context)
    return [
        _rule(advice, advice.row, context),
        *([context.wording.say("hold_rule.others", others=others)] if others else []),
    ]


def hold_steps(holds: Sequence[HoldAdvice], context: CardContext) -> Iterator[Step]:
    """What is done about the first agent that changes something, the weightiest first."""
    advice, wording = holds[0], context.wording
    own = context.knowledge.medications.class_of(advice.agent)
    if advice.action is HoldAction.EMERGENCY:
        if own.reversal is not None:
            yield _advised(own.reversal, context)
        yield _advised("ask-last-dose", context)
        return
    days = [one for one in holds if has_a_day(one, context) and not one.ask and not one.quiet]
    for one in days if not advice.ask else ():
        date = day_of_week(one.last_dose, context.today, wording) if one.last_dose else ""
        yield Step(wording.say("hold_do.last-dose", name=agent_name(one, context), date=date))
    if advice.action in NOT_TAKEN_NOW:
        yield _advised("ask-last-dose", context)
    elif advice.because:
        yield _advised(_KNOWN.get(own.before_stopping or "", "ask-whether-it-waits"), context)
    else:
        yield _advised(own.before_stopping or "ask-before-stopping", context)
    if advice.action is HoldAction.HOLD and advice.last_dose is None and _needs_a_day(advice.row):
        yield Step(wording.say("hold_do.once-planned"))
    elif not days and advice.action not in NOT_TAKEN_NOW:
        yield _advised("ask-last-dose", context)
    yield _advised("restart-with-ir", context)


def _needs_a_day(row: HoldRow | None) -> bool:
    """Whether the day of the last dose has to be named: hours and a single dose less need none."""
    return row is not None and row.unit != "h" and not (_in_doses(row) and (row.most or row.least) == 1)


def _advised(key: str, context: CardContext) -> Step:
    row = context.knowledge.advice.get(key)
    return Step(context.wording.say(f"advice.{key}"), row.when if row else Moment.BEFORE)


def _rule(advice: HoldAdvice, row: HoldRow, context: CardContext) -> str:
    """`omit 6 doses, 3 days (SIR 2019); INR 1.8 or less`."""
    wording = context.wording
    cite = wording.label("guideline", row.guideline)
    if advice.action is HoldAction.HOLD:
        days = day_count(advice, context)
        amount = ", ".join([amount_in_words(row, context), *([days] if days else [])])
        said = wording.say("hold_rule.hold-in-doses" if _in_doses(row) else "hold_rule.hold", amount=amount, cite=cite)
    else:
        said = wording.say(_RULES.get(row.action, "hold_rule.ask"), cite=cite)
    if row.test is None:
        return said
    test = wording.label("hold_test", row.test)
    limit = wording.label("hold_limit", row.test_limit) if row.test_limit else ""
    told = wording.say("hold_rule.test-limit", test=test, limit=limit) if limit else test
    return wording.say("hold_rule.with-test", rule=said, test=told)


def _in_doses(row: HoldRow) -> bool:
    return row.unit == "doses"


def _others(advice: HoldAdvice, context: CardContext) -> str:
    """Guidelines with another number, those of one number together: `AHA 2023, PAUSE 2 days; US label 48 hours`."""
    wording = context.wording
    said: dict[str, list[str]] = {}
    for row in advice.others if advice.action is HoldAction.HOLD else ():
        if row.least is not None:
            amount = amount_in_words(row, context)
        else:
            amount = wording.say(_OTHERWISE.get(row.action, "hold_other.ask"))
        if not _is_as_long(row, advice):
            said.setdefault(amount, []).append(wording.label("guideline", row.guideline))
    lines = [
        wording.say("hold_rule.by-others", guidelines=", ".join(names), amount=amount) for amount, names in said.items()
    ]
    return "; ".join(lines)


def _is_as_long(row: HoldRow, advice: HoldAdvice) -> bool:
    """Whether another guideline says the same in another unit: 4 doses of two a day, 2 days and 48 hours."""
    own = advice.row
    if own is None or row.least is None:
        return False
    days = advice.full_days
    if days is None:
        return (own.most or own.least) == (row.most or row.least) and _hours(row) == _hours(own)
    return row.most in (None, row.least) and _hours(row) == days * _HOURS_A_DAY


def _hours(row: HoldRow) -> Decimal:
    return (row.least or Decimal(0)) * (1 if row.unit == "h" else _HOURS_A_DAY)


_HOURS_A_DAY = 24
_OTHERWISE = {
    HoldAction.DO_NOT_HOLD: "hold_other.do-not-hold",
    HoldAction.NO_RECOMMENDATION: "hold_other.no-recommendation",
    HoldAction.NEVER_STOP: "hold_other.do-not-hold",
    HoldAction.TEST_DECIDES: "hold_other.test-decides",
    HoldAction.CORRECT_TO_TARGET: "hold_other.test-decides",
    HoldAction.DEFER: "hold_other.defer",
}
