"""Cards stage: the block Do: at most three sentences, in the order of time, without what this patient can't have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from cds_service.cards.context import CardContext
from cds_service.cards.hold_detail import NOT_TAKEN_NOW, hold_steps
from cds_service.cards.members import Member
from cds_service.cards.order_names import remaining
from cds_service.cards.part import Step
from cds_service.certainty import Certainty
from cds_service.findings.finding import CriterionFinding, OrderFinding, Urgency
from cds_service.knowledge.advice import Advice

MOST_SENTENCES = 3
# Advice that takes the place of a criterion's own where every item under it carries this note.
_INSTEAD = {"allergy-physiologic": "physiologic-reaction", "allergy-inactive": "ask-tolerated-since"}
# Advice that comes before a criterion's own.
_BEFORE = {"stale": "confirm-current-state"}


def steps_of(members: Sequence[Member], context: CardContext) -> list[Step]:
    """What can be done: the first about each, the loudest first, then the second; of those three by time."""
    orders = [order for member in members for order in member.orders]
    against = _against(orders, members, context)
    turns = zip_longest(*(_steps(member.finding, against, context) for member in members))
    steps = dict.fromkeys(step for turn in turns for step in turn if step is not None)
    return sorted(list(steps)[:MOST_SENTENCES], key=lambda step: step.when)


def _steps(finding: CriterionFinding, against: set[str], context: CardContext) -> Iterable[Step]:
    """What is advised about one answer, without what this patient can't have."""
    if finding.holds:
        yield from () if finding.quiet else hold_steps(finding.holds, context)
        return
    known = (context.knowledge.advice.get(key, Advice(key)) for key in _keys(finding))
    for one in known:
        if not one.never_with & against and (not one.only_with or one.only_with & against):
            yield Step(context.wording.say(f"advice.{one.id}"), one.when)


def _keys(finding: CriterionFinding) -> Iterable[str]:
    only = _only_note(finding)
    if only in _INSTEAD:
        return (_INSTEAD[only],)
    return (_BEFORE[only], *finding.criterion.advice) if only in _BEFORE else finding.criterion.advice


def _only_note(finding: CriterionFinding) -> str | None:
    """The first note of every item, where they all have the same."""
    notes = {item.notes[0].key if item.notes else None for item in finding.evidence}
    return next(iter(notes)) if len(notes) == 1 else None


def _against(orders: Sequence[OrderFinding], members: Sequence[Member], context: CardContext) -> set[str]:
    """What is known of the patient and these orders that advice may be never said with (`advice.toml`)."""
    urgency = max((order.urgency for order in orders), default=Urgency.ELECTIVE)
    present, medications = tuple(_present(context)), context.knowledge.medications
    found = {row.criterion.id for row in present}
    found |= {note.key for member in members for item in member.finding.evidence for note in item.notes}
    found |= {"urgent"} if urgency is Urgency.URGENT else set()
    taken = (one.agent for row in present for one in row.holds if one.action not in NOT_TAKEN_NOW)
    found |= {medications.class_of(agent).id for agent in taken}
    if any(order.must_not_wait for order in orders):
        found.add("emergency")
    if any(order.gadolinium_allergy for order in context.findings.orders):
        found.add("gadolinium-allergy")
    if not all(procedure.co2 for order in orders for procedure in remaining(order)):
        found.add("no-co2")
    return found


def _present(context: CardContext) -> Iterable[CriterionFinding]:
    """Everything that is present, told or not."""
    rows = (row for order in context.findings.orders for row in order.contraindications)
    return (found for row in rows for found in row.criteria if found.certainty is Certainty.PRESENT)
