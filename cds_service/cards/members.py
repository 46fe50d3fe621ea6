"""Cards stage: what the findings tell, by the problem of the patient; every question once over all orders.

Orders that can't wait are told apart from those that can: what is held before the one can't be held before the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec
from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.findings.finding import CriterionFinding, Findings, OrderFinding, Shown
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import PROBLEMS, Contraindication

_NOT_ON_RECORD = frozenset({"no-result", "data-absent", "older-than"})
"""Reasons of a result that somebody may order."""


class Member(msgspec.Struct, frozen=True):
    """One question with the same answer in one or several orders; the finding holds the evidence of all of them."""

    row: Contraindication
    finding: CriterionFinding
    orders: tuple[OrderFinding, ...]

    @property
    def key(self) -> tuple[str, str, bool]:
        """Ids of row and question, and whether its orders can't wait: which of all the members it is."""
        return self.row.id, self.finding.criterion.id, self.must_not_wait

    @property
    def indicator(self) -> Indicator:
        """How loudly it is told."""
        return self.finding.indicator or Indicator.INFO

    @property
    def makes_a_card(self) -> bool:
        """Whether a card of its problem is shown because of it; otherwise it is a line on one that is shown anyway."""
        return self.finding.told.shown is Shown.CARD

    @property
    def must_not_wait(self) -> bool:
        """Whether none of the orders that it concerns may be held up."""
        return all(order.must_not_wait for order in self.orders)


class Problem(msgspec.Struct, frozen=True):
    """One problem of the patient with everything that is told of it, the loudest first; of orders that wait, or not."""

    name: str
    members: tuple[Member, ...]
    missing: tuple[Member, ...] = ()
    """Results of the same problem that are not on record: its card asks for them, so they are no gap beside it."""

    @property
    def indicator(self) -> Indicator:
        """As the loudest member."""
        return max(member.indicator for member in self.members)

    @property
    def orders(self) -> tuple[OrderFinding, ...]:
        """The orders that it concerns."""
        return tuple({id(order): order for member in self.members for order in member.orders}.values())

    @property
    def critical_orders(self) -> tuple[OrderFinding, ...]:
        """Those for which one of the questions is critical by itself, not only for an order beside it."""
        asked = {member.finding.criterion.id for member in self.members}
        return tuple(order for order in self.orders if _is_critical(order, asked))


def problems_told(findings: Findings) -> list[Problem]:
    """The problems that make a card, in the order of `PROBLEMS`; of orders that may wait first."""
    found: dict[tuple[str, bool], list[Member]] = {(name, now): [] for name in PROBLEMS for now in (False, True)}
    for member in members_told(findings, Certainty.PRESENT):
        found[member.finding.criterion.problem, member.must_not_wait].append(member)
    told = {key: members for key, members in found.items() if any(member.makes_a_card for member in members)}
    if not told:
        return []
    missing = [member for member in members_told(findings, Certainty.UNKNOWN) if _may_be_ordered(member)]
    return [_problem(key, tuple(sorted(members, key=_rank)), missing) for key, members in told.items()]


def _is_critical(order: OrderFinding, asked: Collection[str]) -> bool:
    findings = (finding for row in order.contraindications for finding in row.criteria)
    return any(
        finding.certainty is Certainty.PRESENT
        and finding.indicator is Indicator.CRITICAL
        and finding.told.shown is Shown.CARD
        and finding.criterion.id in asked
        for finding in findings
    )


def _problem(key: tuple[str, bool], members: tuple[Member, ...], missing: list[Member]) -> Problem:
    loudest = max(member.indicator for member in members)
    same = (
        one for one in missing if (one.finding.criterion.problem, one.must_not_wait) == key and one.indicator <= loudest
    )
    return Problem(key[0], members, tuple(same))


def _may_be_ordered(member: Member) -> bool:
    reason = member.finding.reason
    return member.makes_a_card and reason is not None and reason.key in _NOT_ON_RECORD


def members_told(findings: Findings, certainty: Certainty) -> list[Member]:
    """Every question with this answer that is told, once over all orders alike, in the order of the tables."""
    found: dict[tuple[str, str, bool], Member] = {}
    for member in _each(findings, certainty):
        found[member.key] = _joined(found[member.key], member) if member.key in found else member
    return list(found.values())


def _each(findings: Findings, certainty: Certainty) -> Iterator[Member]:
    for order in findings.orders:
        for row in order.contraindications:
            for finding in row.criteria:
                if finding.certainty is certainty and finding.told.shown is not Shown.NONE:
                    yield Member(row.contraindication, finding, (order,))


def _joined(one: Member, other: Member) -> Member:
    """The same question of two orders: the louder answer, what is shown most, the evidence of both, each item once.

    What is noted on an item may differ by order, as the day of the last dose does; the louder one's is told.
    """
    louder, quieter = (one, other) if one.indicator >= other.indicator else (other, one)
    shown = louder.finding.told if louder.makes_a_card or not quieter.makes_a_card else quieter.finding.told
    known = [replace(item, notes=()) for item in louder.finding.evidence]
    more = (item for item in quieter.finding.evidence if replace(item, notes=()) not in known)
    evidence = (*louder.finding.evidence, *more)
    return Member(one.row, replace(louder.finding, evidence=evidence, told=shown), (*one.orders, *other.orders))


def _rank(member: Member) -> tuple[int, int, int]:
    """The loudest first; of equally loud ones a score with its class before the results that it is made of."""
    graded = any(item.computed is not None and item.computed.grade is not None for item in member.finding.evidence)
    return -member.indicator, not member.makes_a_card, not graded
