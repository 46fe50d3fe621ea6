"""Which tests are ordered already, so that none is missed, or proposed, that somebody has ordered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from cds_service.facts.patient_facts import OrderedFact, PatientFacts
from cds_service.findings.finding import OrderedTest
from cds_service.knowledge.tables import Knowledge


def ordered_tests(facts: PatientFacts, knowledge: Knowledge) -> tuple[OrderedTest, ...]:
    """Every test of `lab_orders.toml` that a draft of the call, or a recent order in force, gives."""
    orders = knowledge.lab_orders
    oldest = facts.today - timedelta(days=orders.within_days)
    found = [
        OrderedTest(test, fact.planned.latest.date() if fact.planned else None)
        for fact in facts.ordered
        if _counts(fact, oldest)
        for test in sorted(orders.ordered_by(fact.concept, knowledge.lab_index.of(fact.concept)))
    ]
    return tuple(dict.fromkeys(found))


def is_ordered(lab: str, ordered: Iterable[OrderedTest], knowledge: Knowledge, by: date | None = None) -> bool:
    """Whether a lab that is missing is ordered already, for a day on which its result is there in time.

    Args:
        lab: id of the lab; one that is computed is ordered where all that it is computed from is.
        ordered: `Findings.ordered_tests`.
        knowledge: the tables.
        by: the day of the procedure, where it is known.
    """
    wanted = knowledge.lab_orders.tests_for(lab, knowledge.labs)
    coming = {one.test for one in ordered if one.is_in_time(by)}
    return bool(wanted) and all(test.id in coming for test in wanted)


def _counts(fact: OrderedFact, oldest: date) -> bool:
    """A draft is of today. An order in force without a date may be years old, and forgotten."""
    return fact.draft or any(
        when is not None and when.latest.date() >= oldest for when in (fact.planned, fact.authored)
    )
