"""Cards stage: which suggestions go on which card: a test to order, a note for the radiologist, a safer procedure.

At most three, in the order of their use: what is to be ordered, what is noted for interventional radiology, the
procedure to take instead; cancelling comes last, and only where the card is critical.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from msgspec.structs import replace

from cds_service.cards.card import Suggestion
from cds_service.cards.context import CardContext
from cds_service.cards.dates import day_of_week, planned_day
from cds_service.cards.evidence import fact_of
from cds_service.cards.gaps import Gaps
from cds_service.cards.hold_words import agent_name, has_a_day
from cds_service.cards.members import Member, Problem
from cds_service.cards.suggest_tests import Timing, WantedTest, order_missing
from cds_service.cards.suggestions import Tell, cancel_orders, replace_orders, tell_ir
from cds_service.findings.finding import OrderFinding
from cds_service.indicator import Indicator
from cds_service.knowledge.advice import Moment
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.questions.lab import LabQuestion

MOST_SUGGESTIONS = 3
_RECHECKS = {"bleeding": Timing.DAY_BEFORE, "pregnancy": Timing.NOW, "treatment": Timing.DAY_BEFORE}
"""When the results on the card of a problem are measured once more."""
_REACTION = "allergy-reaction"
_EGFR = "egfr"


def offers_for_gaps(gaps: Gaps, orders: Sequence[OrderFinding], context: CardContext) -> tuple[Suggestion, ...]:
    """One button that orders all tests that are missing or too old."""
    members = [*gaps.open.get("missing", ()), *gaps.open.get("old", ())]
    offer = order_missing([WantedTest(test) for test in _tests_of(members, context)], orders, context)
    return (offer,) if offer is not None else ()


def offers_for_problem(problem: Problem, context: CardContext) -> tuple[Suggestion, ...]:
    """The buttons on the card of a problem."""
    told = [member for member in problem.members if member.makes_a_card]
    offers = [offer for offer in _offers(problem, told, context) if offer is not None]
    cancel = cancel_orders(problem.critical_orders, problem.indicator, offers, context)
    last = [cancel] if cancel is not None else []
    return (*offers[: MOST_SUGGESTIONS - len(last)], *last)


def _offers(problem: Problem, told: Sequence[Member], context: CardContext) -> Iterator[Suggestion | None]:
    orders = problem.orders
    if problem.indicator is Indicator.CRITICAL:
        yield replace_orders(problem.critical_orders, [member.row.id for member in told], context)
    yield _recheck(problem, told, context)
    yield _tell(told, orders, context)


def _recheck(problem: Problem, told: Sequence[Member], context: CardContext) -> Suggestion | None:
    """The tests that are advised, and the results of the card once more; not where nothing may wait for them."""
    if all(order.must_not_wait for order in problem.orders):
        return None
    wanted = [*_advised(told, problem.orders, context), *_once_more(problem, told, context)]
    same_day = next((one for one in wanted if one.timing is Timing.DAY_BEFORE), WantedTest(""))
    wanted += [replace(same_day, test=test, recheck=False) for test in _tests_of(problem.missing, context)]
    return order_missing(wanted, problem.orders, context)


def _advised(told: Sequence[Member], orders: Sequence[OrderFinding], context: CardContext) -> list[WantedTest]:
    """The tests of `advice.toml`, the soonest first."""
    known = [context.knowledge.advice.get(key) for member in told for key in member.finding.criterion.advice]
    rows = sorted((row for row in known if row is not None and row.test), key=lambda row: row.when)
    return [_wanted(row.test, row.when, orders, context) for row in rows if row.test]


def _wanted(test: str, when: Moment, orders: Sequence[OrderFinding], context: CardContext) -> WantedTest:
    if when is Moment.AFTER:
        return WantedTest(test, timing=Timing.AFTER, recheck=True)
    if when is Moment.NOW and context.today is not None:
        return WantedTest(test, context.today + timedelta(days=1), recheck=True)
    return WantedTest(test, _day_before(orders), Timing.DAY_BEFORE, recheck=True)


def _once_more(problem: Problem, told: Sequence[Member], context: CardContext) -> Iterator[WantedTest]:
    timing = _RECHECKS.get(problem.name)
    loud = [member for member in told if member.indicator > Indicator.INFO]
    day = _day_before(problem.orders) if timing is Timing.DAY_BEFORE else None
    for test in _tests_of(loud, context) if timing is not None else ():
        yield WantedTest(test, day, timing, recheck=True)


def _tests_of(members: Sequence[Member], context: CardContext) -> list[str]:
    knowledge = context.knowledge
    questions = [member.finding.criterion.question for member in members]
    labs = [question.threshold.lab for question in questions if isinstance(question, LabQuestion)]
    tests = (test.id for lab in labs for test in knowledge.lab_orders.tests_for(lab, knowledge.labs))
    return list(dict.fromkeys(tests))


def _day_before(orders: Sequence[OrderFinding]) -> date | None:
    days = [order.planned for order in orders if order.planned is not None]
    return min(days) - timedelta(days=1) if days else None


def _tell(told: Sequence[Member], orders: Sequence[OrderFinding], context: CardContext) -> Suggestion | None:
    """What makes the card, for interventional radiology; of a drug the day of its last dose, where that is known."""
    wording = context.wording
    evidence = [item for member in told for item in member.finding.evidence]
    words = "; ".join(dict.fromkeys(_in_a_note(member, context) for member in told))
    for advice in told[0].finding.holds[:1]:
        if advice.last_dose is None or not has_a_day(advice, context):
            return tell_ir(Tell.CONDITION, words, evidence, orders, context)
        day = planned_day(advice.last_dose, context.today, wording)
        return tell_ir(Tell.LAST_DOSE, words, evidence, orders, context, drug=agent_name(advice, context), day=day)
    return tell_ir(_what_is_told(told[0]), words, evidence, orders, context)


def _in_a_note(member: Member, context: CardContext) -> str:
    """`INR 2.4 (23 Nov)`, `On apixaban, last dose Sun 29 Nov`."""
    fact, wording = fact_of(member, context), context.wording
    words = wording.say("headline.dated", what=fact.what, date=fact.when.brief) if fact.when.brief else fact.what
    holds = member.finding.holds
    if holds and (day := holds[0].last_dose) is not None and has_a_day(holds[0], context):
        return wording.say("suggestion.tell-last-dose", fact=words, day=day_of_week(day, context.today, wording))
    return words


def _what_is_told(member: Member) -> Tell:
    """The words of the button, by what was found."""
    question, evidence = member.finding.criterion.question, member.finding.evidence
    if isinstance(question, AllergyQuestion):
        happened = any(note.key == _REACTION for item in evidence for note in item.notes)
        return Tell.REACTION if happened else Tell.ALLERGY_ENTRY
    if not isinstance(question, LabQuestion):
        return Tell.CONDITION
    if question.threshold.lab == _EGFR:
        return Tell.EGFR
    graded = any(item.computed is not None and item.computed.grade is not None for item in evidence)
    return Tell.SCORE if graded else Tell.RESULTS
