"""Cards stage: what a card offers to order: tests that are missing, and re-checks with a day of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from cds_service.cards.card import Suggestion
from cds_service.cards.context import CardContext
from cds_service.cards.dates import planned_day
from cds_service.cards.order_names import short_name
from cds_service.cards.suggest_resources import annotation, are_valid, concept, service_request
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.kinds import KINDS
from cds_service.knowledge.value_sets import LOINC

_OBSERVATIONS = KINDS["observations"].key
_OF_THE_DRAFT = ("subject", "encounter", "requester", "priority")
"""What a test has in common with the order that it is for."""


class Timing(StrEnum):
    """When a test is wanted, where that is no day of the calendar: a key of the wording."""

    NOW = "suggestion.when.now"
    DAY_BEFORE = "suggestion.when.day-before"
    AFTER = "suggestion.when.after"
    """Once the contrast may have done its harm."""


class WantedTest(msgspec.Struct, frozen=True):
    """A test to order: its id in `lab_orders.toml`, and when it is wanted.

    Without `day` and `timing` it is wanted in time before the procedure, where that is planned. `recheck`: it is wanted
    though a result is there already, by the test that confirms it.
    """

    test: str
    day: date | None = None
    timing: Timing | None = None
    recheck: bool = False


def order_missing(
    wanted: Sequence[WantedTest], orders: Sequence[OrderFinding], context: CardContext
) -> Suggestion | None:
    """One suggestion that orders the tests, one `create` each; recommended.

    Args:
        wanted: the tests, in the order of the card.
        orders: the orders that they are for; subject, encounter, requester and priority are those of the first draft.
        context: of the call.

    Returns:
        None where the results could not be read as a whole (one of these may be there), where all of them are ordered
        already, and where no draft names the patient.
    """
    drafts = [draft for order in orders if (draft := context.draft_of(order)) is not None]
    new = _not_ordered(wanted, orders, context)
    if any(order.must_not_wait for order in orders):
        new = [WantedTest(one.test, timing=Timing.NOW) for one in new]
    if not drafts or not new or (common := _in_common(drafts[0], new)) is None:
        return None
    actions = tuple(_create(one, common, orders, context) for one in new)
    return Suggestion(_label(new, context), actions, recommended=True)


def _in_common(draft: Mapping[str, Any], wanted: Sequence[WantedTest]) -> dict[str, Any] | None:
    """What the tests take from the draft; None where it names no patient, or a part of it is no valid FHIR."""
    own_priority = all(one.timing is Timing.NOW for one in wanted)
    taken = {name: draft[name] for name in _OF_THE_DRAFT if name in draft and not (own_priority and name == "priority")}
    return taken if "subject" in taken and are_valid(taken) else None


def _not_ordered(
    wanted: Sequence[WantedTest], orders: Sequence[OrderFinding], context: CardContext
) -> list[WantedTest]:
    """Each test once, without those that another one contains, that are ordered, or that may be among the unread."""
    due = min((order.planned for order in orders if order.planned), default=None)
    read = any(
        seen.data == _OBSERVATIONS and seen.count is not None and seen.whole for seen in context.findings.looked_at
    )
    timed = [_timed(one, due, context) for one in wanted]
    possible = [one for one in timed if (one.recheck or read) and not _is_ordered(one, due, context.findings)]
    kept = context.knowledge.lab_orders.without_covered([one.test for one in possible])
    return [next(one for one in possible if one.test == test) for test in kept]


def _timed(wanted: WantedTest, due: date | None, context: CardContext) -> WantedTest:
    """With the day on which the table wants it, and by the test that confirms it; no day that is over."""
    tests, day = context.knowledge.lab_orders.tests, wanted.day
    if not (wanted.recheck or wanted.timing or day) and due is not None:
        day = due - timedelta(days=tests[wanted.test].days_before)
    if day is not None and context.today is not None and day < context.today:
        day = None
    confirmed_by = tests[wanted.test].confirmed_by if wanted.recheck else None
    return replace(wanted, test=confirmed_by or wanted.test, day=day)


def _is_ordered(wanted: WantedTest, due: date | None, findings: Findings) -> bool:
    same = [ordered for ordered in findings.ordered_tests if ordered.test == wanted.test]
    if wanted.recheck and wanted.day:
        return any(ordered.day is None or ordered.day >= wanted.day for ordered in same)
    return any(ordered.is_in_time(due) for ordered in same)


def _create(
    wanted: WantedTest, common: Mapping[str, Any], orders: Sequence[OrderFinding], context: CardContext
) -> dict[str, Any]:
    resource = _lab_order(wanted, common, orders, context)
    description = context.wording.say("suggestion.order-tests-action", test=_name(wanted, context))
    return {"type": "create", "description": description, "resource": resource}


def _lab_order(
    wanted: WantedTest, common: Mapping[str, Any], orders: Sequence[OrderFinding], context: CardContext
) -> dict[str, Any]:
    lab_orders = context.knowledge.lab_orders
    test = lab_orders.tests[wanted.test]
    procedures = context.wording.listed(
        [short_name(order.procedure, context.wording) for order in orders if order.procedure]
    )
    when = _when(wanted, context)
    key = "suggestion.order-tests-note-when" if when else "suggestion.order-tests-note"
    fields = {**common, **({"priority": "stat"} if wanted.timing is Timing.NOW else {})}
    return service_request(
        **fields,
        category=[concept([lab_orders.category])],
        code=concept([(LOINC, test.loinc, test.display)], _name(wanted, context)),
        occurrenceDateTime=wanted.day.isoformat() if wanted.day else None,
        note=[annotation(context.wording.say(key, procedure=procedures, when=when))],
    )


def _label(wanted: Sequence[WantedTest], context: CardContext) -> str:
    """`Order INR and creatinine for 2 Dec`; tests of another day follow after an "and"."""
    by_when: dict[str, list[str]] = {}
    for one in wanted:
        by_when.setdefault(_when(one, context), []).append(_name(one, context))
    say = context.wording.say
    groups = [
        say("suggestion.tests-when", tests=context.wording.joined(names), when=when)
        if when
        else context.wording.joined(names)
        for when, names in by_when.items()
    ]
    return say("suggestion.order-tests", tests=context.wording.joined(groups))


def _when(wanted: WantedTest, context: CardContext) -> str:
    if wanted.day:
        return context.wording.say("suggestion.when.day", day=planned_day(wanted.day, context.today, context.wording))
    return context.wording.say(wanted.timing) if wanted.timing else ""


def _name(wanted: WantedTest, context: CardContext) -> str:
    return context.wording.say(f"lab_order.{wanted.test}")
