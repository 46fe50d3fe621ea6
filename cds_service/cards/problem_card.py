"""Cards stage: one card for each problem of the patient, over all rows and orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from cds_service.cards.advice import MOST_SENTENCES, steps_of
from cds_service.cards.context import CardContext
from cds_service.cards.dates import Moment
from cds_service.cards.evidence import Fact, by_weight, fact_of, found_lines, lab_name
from cds_service.cards.gaps import labs_of, lines_of_open
from cds_service.cards.headline import headline
from cds_service.cards.hold_detail import hold_limits
from cds_service.cards.hold_words import agent_name, lab_of, meaning, meanwhile
from cds_service.cards.members import Member, Problem, members_told, problems_told
from cds_service.cards.offers import offers_for_problem
from cds_service.cards.order_names import doubts, orders_named, remaining, short_name
from cds_service.cards.part import Part, Step, Weight, Words
from cds_service.cards.quantities import limit_beside, shown_limit
from cds_service.certainty import Certainty
from cds_service.findings.finding import HoldAdvice
from cds_service.indicator import Indicator
from cds_service.knowledge.lab_types import Threshold
from cds_service.knowledge.medication_types import HoldAction
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.procedure import ProcedureQuestion

_SOFTENED: Final = {"allergy-physiologic": "no-premedication", "allergy-inactive": "tolerated-since"}
"""What is said where every entry carries this note."""
_PLANNING = frozenset({"positioning", "lie-still", "interpreter", "low-volume"})
"""What is said of facts that are for planning alone."""
_OF_COMPARISON = {"<": "lab-below", ">": "lab-above", "<=": "lab-at-most", ">=": "lab-at-least"}


def problem_parts(context: CardContext) -> list[Part]:
    """What is told of each problem, in the order of the problems."""
    return [_part(_led(problem, context), context) for problem in problems_told(context.findings)]


def _part(problem: Problem, context: CardContext) -> Part:
    return Part(
        topic=problem.name,
        indicator=problem.indicator,
        words=lambda: _words(problem, context),
        rows=tuple(dict.fromkeys(member.row.id for member in (*problem.members, *problem.missing))),
        weight=_weight(problem),
        subjects=tuple(
            member.finding.criterion.id for member in (*problem.members, *problem.missing) if member.makes_a_card
        ),
    )


def _weight(problem: Problem) -> Weight:
    """What is no louder only because it can't wait, or is a choice, weighs more than what is to be planned."""
    told = [member.finding.criterion for member in problem.members if member.makes_a_card]
    if all(criterion.says in _PLANNING for criterion in told):
        return Weight.PLANNING
    return Weight.FINDING if any(criterion.indicator > Indicator.INFO for criterion in told) else Weight.NOTE


def _words(problem: Problem, context: CardContext) -> Words:
    members, wording = problem.members, context.wording
    cited = _cited(members, context)
    meanwhile = all(order.must_not_wait for order in problem.orders)
    return Words(
        summary=_summary(problem, context),
        found=tuple(dict.fromkeys(_found(problem, context))),
        limits=tuple(dict.fromkeys(_limits(members, context))),
        steps=tuple(_steps(problem, context)),
        source=cited or wording.say("source.rules"),
        source_row=members[0].row.id,
        suggestions=offers_for_problem(problem, context),
        meanwhile=meanwhile,
    )


def _steps(problem: Problem, context: CardContext) -> list[Step]:
    """What is advised, and last of it to order what is not on record."""
    steps, wording = steps_of(problem.members, context), context.wording
    if problem.missing:
        order = wording.say("gap_do.order", labs=wording.joined(labs_of(problem.missing, context)))
        steps = sorted([*steps[: MOST_SENTENCES - 1], Step(order)], key=lambda step: step.when)
    return steps


def _cited(members: Sequence[Member], context: CardContext) -> str:
    """The guideline of the loudest member that names one."""
    wording = context.wording
    for member in members:
        finding = member.finding
        if finding.rows:
            return wording.label("guideline", finding.rows[0].guideline)
        if cite := finding.limits[0].cite if finding.limits else member.row.cite:
            return wording.label("cite", cite)
    return ""


def _summary(problem: Problem, context: CardContext) -> str:
    first = problem.members[0]
    alike = [first, *(member for member in problem.members if member is not first and _goes_with(member, first))]
    facts = list({fact.what: fact for fact in (fact_of(member, context) for member in alike)}.values())
    facts += _beside(first, problem, context)
    orders = list({id(order): order for member in alike for order in member.orders}.values())
    limits = {member.finding.criterion.question.limit for member in alike}

    def means(procedure: str, count: int) -> str:
        several = min(count, len(alike)) > 1 and len(limits) > 1 and _key(first).startswith("lab-")
        return _means(first, "limits" if several else _key(first), procedure, context)

    return headline(facts, means, orders_named(orders, context), context, interval=_counts_weeks(first))


def _led(problem: Problem, context: CardContext) -> Problem:
    """The problem with what leads its headline first."""
    first = _leading(problem, context)
    return replace(problem, members=(first, *(member for member in problem.members if member is not first)))


def _leading(problem: Problem, context: CardContext) -> Member:
    """The loudest that makes a card. An agent leads the result that its effect is read by, unless that decides."""
    first = next(member for member in problem.members if member.makes_a_card)
    loud = [member for member in problem.members if member.makes_a_card and member.indicator == first.indicator]
    drug = next((m for m in loud if lab_of(m.finding.holds, context)), None)
    if drug is None:
        return first
    decides = _is_decided_by_result(drug.finding.holds[0])
    among = problem.members if decides else loud
    result = next((m for m in among if m.makes_a_card and _lab(m) == lab_of(drug.finding.holds, context)), None)
    if result is None or first not in (drug, result):
        return first
    return result if decides else drug


def _is_decided_by_result(advice: HoldAdvice) -> bool:
    """Whether the result says what to do, not a number of days or the day of the last dose."""
    by_test = advice.action is HoldAction.TEST_DECIDES and advice.last_dose is None
    return by_test or advice.action is HoldAction.CORRECT_TO_TARGET


def _beside(first: Member, problem: Problem, context: CardContext) -> Iterator[Fact]:
    """What is told beside the leading fact: the result of an agent's effect, or the agent beside a result."""
    wording = context.wording
    if lab := lab_of(first.finding.holds, context):
        measured = [m for m in problem.members if _lab(m) == lab and m.finding.evidence]
        missing = [m for m in members_told(context.findings, Certainty.UNKNOWN) if _lab(m) == lab]
        if measured:
            yield fact_of(measured[0], context)
        elif any(m.finding.reason and m.finding.reason.key == "no-result" for m in missing):
            yield Fact(wording.say("fact.no-result", name=lab_name(context.knowledge.labs[lab], context)), Moment())
        return
    if first.finding.holds or _lab(first) is None:
        return
    for member in problem.members:
        if member.finding.holds:
            name = agent_name(member.finding.holds[0], context)
            yield Fact(wording.say("fact.and-on-drug", name=name), Moment())


def _lab(member: Member) -> str | None:
    limit = member.finding.criterion.question.limit
    return limit.lab if limit is not None else None


def _counts_weeks(member: Member) -> bool:
    """Whether how long ago it was is itself the limit."""
    question = member.finding.criterion.question
    if member.finding.holds:
        return bool(member.finding.holds[0].because)
    if not isinstance(question, ConditionQuestion | ProcedureQuestion):
        return False
    return question.time.has_dates or getattr(question, "acute_within_days", None) is not None


def _goes_with(member: Member, first: Member) -> bool:
    """Whether a fact belongs into the headline of the first: as loud, told, and meaning the same."""
    alike = _key(member) == _key(first) or (_key(member).startswith("lab-") and _key(first).startswith("lab-"))
    return member.makes_a_card and member.indicator == first.indicator and alike


def _key(member: Member) -> str:
    """The sentence that says what a member means: its own, or that of its kind of question."""
    criterion = member.finding.criterion
    notes = {item.notes[0].key if item.notes else "" for item in member.finding.evidence}
    if len(notes) == 1 and (softened := _SOFTENED.get(next(iter(notes)))):
        return softened
    if criterion.says:
        return criterion.says
    if criterion.question.limit is not None:
        return _OF_COMPARISON.get(criterion.question.limit.comparison, "lab-other")
    return "allergy" if isinstance(criterion.question, AllergyQuestion) else "condition"


def _means(member: Member, key: str, procedure: str, context: CardContext) -> str:
    """What it means for the order; in an emergency what is done meanwhile, unless it is told louder even there."""
    wording, criterion = context.wording, member.finding.criterion
    if member.must_not_wait and member.indicator is Indicator.INFO:
        if member.finding.holds:
            return meanwhile(member.finding.holds[0], context)
        return wording.say(f"meanwhile.{criterion.problem}", procedure=procedure)
    if member.finding.holds:
        return meaning(member.finding.holds[0], procedure, context)
    limit = criterion.question.limit
    shown = _limit_as_reported(member, limit, context) if limit is not None else ""
    return wording.say(f"means.{key}", procedure=procedure, limit=shown)


def _limit_as_reported(member: Member, limit: Threshold, context: CardContext) -> str:
    """The number of the limit in the unit of the value; the value beside it names the unit."""
    item = by_weight(member.finding.evidence)[0] if member.finding.evidence else None
    value, unit = (item.value, item.unit) if item is not None else (None, limit.unit)
    return context.wording.number(limit_beside(limit, value, unit, context.knowledge) or "")


def _found(problem: Problem, context: CardContext) -> Iterator[str]:
    wording = context.wording
    for member in problem.members:
        yield from found_lines(member, context)
    for order in problem.orders:
        for member in problem.members:
            if order.procedure is not None and (note := order.procedure.notes.get(member.row.id)):
                yield wording.say(note).rstrip(".")
    yield from lines_of_open(problem.missing, context)
    yield from doubts(problem.orders, context)
    yield from _usually(problem, context)


def _usually(problem: Problem, context: CardContext) -> Iterator[str]:
    """Where a row speaks only because a procedure usually uses something."""
    wording = context.wording
    for member in problem.members:
        asked = member.row.gate.uses | member.finding.criterion.gate.uses
        for procedure in (one for order in member.orders for one in remaining(order)):
            if uses := asked & procedure.usually_uses:
                names = wording.listed([wording.label("uses", use) for use in sorted(uses)])
                yield wording.say("order.usually-uses", procedure=short_name(procedure, wording), uses=names)


def _limits(members: Sequence[Member], context: CardContext) -> Iterator[str]:
    """The limits of what was measured in its unit, each with its source; then the source of a row without one."""
    wording = context.wording
    limits = [(member, limit) for member in members for limit in member.finding.limits]
    holds = [line for member in members for line in hold_limits(member.finding.holds, context)]
    beside_a_drug = any(member.finding.crossed for member in members) or bool(holds)
    several = beside_a_drug or len({limit.lab for _, limit in limits}) > 1
    cites: dict[tuple[str, str, str], list[str]] = {}
    for member, limit in limits:
        item = next((item for item in by_weight(member.finding.evidence) if item.value is not None), None)
        shown, cite = shown_limit(limit, wording, item, context.knowledge), wording.label("cite", limit.cite)
        name = lab_name(context.knowledge.labs[limit.lab], context)
        if shown is None:
            yield wording.say("limit.cited", cite=cite)
        elif not several:
            yield wording.say("limit.line", limit=shown, cite=cite)
        else:
            key = "limit.named-rise" if limit.comparison == "rise" else "limit.named"
            cites.setdefault((key, name, shown), []).append(cite)
    for (key, name, shown), cited in cites.items():
        yield wording.say(key, name=name, limit=shown, cite=", ".join(dict.fromkeys(cited)))
    yield from holds
    if not limits and (cite := next((member.row.cite for member in members if member.row.cite), "")):
        yield wording.say("limit.cited", cite=wording.label("cite", cite))
