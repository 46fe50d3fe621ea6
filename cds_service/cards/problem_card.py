"""Cards stage: one card for each problem of the patient, over all rows and orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cds_service.cards.advice import advice_of
from cds_service.cards.context import CardContext
from cds_service.cards.evidence import fact_of, found_lines, lab_name
from cds_service.cards.headline import headline
from cds_service.cards.hold_words import meaning
from cds_service.cards.members import Member, Problem, problems_told
from cds_service.cards.offers import offers_for_problem
from cds_service.cards.order_names import doubts, orders_named, remaining, short_name
from cds_service.cards.part import Part, Step, Words
from cds_service.cards.quantities import limit_in, rounded, shown_limit
from cds_service.indicator import Indicator
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Threshold

_OF_COMPARISON = {"<": "lab-below", ">": "lab-above", "<=": "lab-at-most", ">=": "lab-at-least"}


def problem_parts(context: CardContext) -> list[Part]:
    """What is told of each problem, in the order of the problems."""
    return [_part(problem, context) for problem in problems_told(context.findings)]


def _part(problem: Problem, context: CardContext) -> Part:
    return Part(
        topic=problem.name,
        indicator=problem.indicator,
        words=lambda: _words(problem, context),
        rows=tuple(dict.fromkeys(member.row.id for member in problem.members)),
    )


def _words(problem: Problem, context: CardContext) -> Words:
    members, wording = problem.members, context.wording
    cited = _cited(members)
    meanwhile = all(order.must_not_wait for order in problem.orders)
    return Words(
        summary=_summary(problem, context),
        found=tuple(dict.fromkeys(_found(problem, context))),
        limits=tuple(dict.fromkeys(_limits(members, context))),
        steps=tuple(Step(wording.say(f"advice.{one.id}"), one.when) for one in advice_of(members, context)),
        source=cited or wording.say("source.rules"),
        source_row=members[0].row.id,
        suggestions=offers_for_problem(problem, context),
        meanwhile=meanwhile,
    )


def _cited(members: Sequence[Member]) -> str:
    """The guideline of the loudest member that names one."""
    for member in members:
        finding = member.finding
        cited = [row.guideline for row in finding.rows] or [limit.cite for limit in finding.limits]
        if cite := cited[0] if cited else member.row.cite:
            return cite
    return ""


def _summary(problem: Problem, context: CardContext) -> str:
    first = next(member for member in problem.members if member.makes_a_card)
    alike = [first, *(member for member in problem.members if member is not first and _goes_with(member, first))]
    facts = list({fact.what: fact for fact in (fact_of(member, context) for member in alike)}.values())
    orders = list({id(order): order for member in alike for order in member.orders}.values())
    limits = {member.finding.criterion.question.limit for member in alike}

    def means(procedure: str, count: int) -> str:
        several = count > 1 and len(limits) > 1 and _key(first).startswith("lab-")
        return _means(first, "limits" if several else _key(first), procedure, context)

    acute = isinstance(first.finding.criterion.question, ConditionQuestion)
    interval = acute and getattr(first.finding.criterion.question, "acute_within_days", None) is not None
    return headline(facts, means, orders_named(orders, context), context, interval=interval)


def _goes_with(member: Member, first: Member) -> bool:
    """Whether a fact belongs into the headline of the first: as loud, told, and meaning the same."""
    alike = _key(member) == _key(first) or (_key(member).startswith("lab-") and _key(first).startswith("lab-"))
    return member.makes_a_card and member.indicator == first.indicator and alike


def _key(member: Member) -> str:
    """The sentence that says what a member means: its own, or that of its kind of question."""
    criterion = member.finding.criterion
    if criterion.says:
        return criterion.says
    if criterion.question.limit is not None:
        return _OF_COMPARISON.get(criterion.question.limit.comparison, "lab-other")
    return "allergy" if isinstance(criterion.question, AllergyQuestion) else "condition"


def _means(member: Member, key: str, procedure: str, context: CardContext) -> str:
    """What it means for the order; in an emergency what is done meanwhile, unless it is told louder even there."""
    wording, criterion = context.wording, member.finding.criterion
    if member.must_not_wait and member.indicator is Indicator.INFO:
        what = "drug" if member.finding.holds else criterion.problem
        return wording.say(f"meanwhile.{what}", procedure=procedure)
    if member.finding.holds:
        return meaning(member.finding.holds[0], procedure, context)
    limit = criterion.question.limit
    shown = _limit_as_reported(member, limit, context) if limit is not None else ""
    return wording.say(f"means.{key}", procedure=procedure, limit=shown)


def _limit_as_reported(member: Member, limit: Threshold, context: CardContext) -> str:
    """The number of the limit in the unit of the value; the value beside it names the unit."""
    unit = member.finding.evidence[0].unit if member.finding.evidence else limit.unit
    number = limit_in(limit, unit, context.knowledge)
    if number is None:
        return ""
    return context.wording.number(rounded(number, None, None))


def _found(problem: Problem, context: CardContext) -> Iterator[str]:
    wording = context.wording
    for member in problem.members:
        yield from found_lines(member, context)
    for order in problem.orders:
        for member in problem.members:
            if order.procedure is not None and (note := order.procedure.notes.get(member.row.id)):
                yield wording.say(note).rstrip(".")
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
    """The limits of what was measured, each with its source; then the source of a row without one."""
    wording = context.wording
    limits = [limit for member in members for limit in member.finding.limits]
    several = len({limit.lab for limit in limits}) > 1
    for limit in limits:
        shown = shown_limit(limit, wording)
        if shown is None:
            yield wording.say("limit.cited", cite=limit.cite)
        elif several:
            name = lab_name(context.knowledge.labs[limit.lab], context)
            yield wording.say("limit.named", name=name, limit=shown, cite=limit.cite)
        else:
            yield wording.say("limit.line", limit=shown, cite=limit.cite)
    if not limits and (cite := next((member.row.cite for member in members if member.row.cite), "")):
        yield wording.say("limit.cited", cite=cite)
