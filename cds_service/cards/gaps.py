"""Cards stage: what is not on record or was not read, sorted by what a person can do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from cds_service.cards.context import CardContext
from cds_service.cards.escape import harmless, sentence_case
from cds_service.cards.evidence import criterion_label, found_line, lab_name, test_name
from cds_service.cards.members import Member, members_told, problems_told
from cds_service.cards.quantities import shown_reason
from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import Evidence, OrderFinding, Shown
from cds_service.indicator import Indicator
from cds_service.kinds import CLINICAL, KINDS
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.questions.medication import MEDICATIONS

_SERVER = "fhirServer"  # what it would have given and prefetch did not is a gap of its own
_UNAVAILABLE = {kind.unavailable.key: kind.key for kind in CLINICAL}
_INCOMPLETE = {kind.incomplete.key: kind.key for kind in CLINICAL}
# Gaps without a reference that leave the rest of the data usable.
_PARTIAL = frozenset({"more-pages", "incomplete-error-entry", "list-withheld"})
_ENTRIES = frozenset({
    *("uncoded-condition", "unread-vocabulary", "uncoded-allergy", "allergy-names-no-agent"),
    *("medication-not-named", "medication-code-alone"),
})  # fmt: skip
"""Reasons of an entry that can't be read: it is named once, not with every question that it leaves open."""
_LIST_NOT_SENT = f"{MEDICATIONS}-not-sent"
_OF_REASON = {
    "no-result": "missing",
    "data-absent": "missing",
    "older-than": "old",
    "severity-not-recorded": "severity",
    "adults-only": "child",
    "needs-birth-date-and-sex": "person",
}
_OF_DRUGS = frozenset({"medication-status-unknown", "medication-not-listed"})
"""Reasons that are about a drug, whatever results its question looks at."""

MATTERS = ("unusable", "child", "person", "missing", "old", "severity")
"""What may be the matter with a result, the worst first."""


class Gaps(msgspec.Struct, frozen=True):
    """Everything open in one call.

    `unread`: kinds of data of which nothing was read. `partly`: of which a part was not. `entries`: entries that can't
    be read, by kind. `orders`: orders that can't be read. `open`: questions without an answer by what is the matter:
    one of `MATTERS`, or `other`. `faults`: all that was not read.
    """

    unread: tuple[str, ...]
    partly: tuple[str, ...]
    entries: dict[str, list[Unavailable]]
    orders: tuple[Unavailable, ...]
    open: dict[str, list[Member]]
    faults: tuple[Unavailable, ...]
    texts: dict[str, str]
    """Reference of an entry -> its words in the record."""
    indicator: Indicator
    taken: tuple[Evidence, ...] = ()
    """What says that a drug is taken though the list of drugs was not read: the diagnosis of a long-term treatment."""

    def words_of(self, gap: Unavailable) -> str:
        """What the record says of an entry that could not be read, made harmless; empty where it says nothing."""
        return harmless(gap.text or self.texts.get(gap.reference or "", ""))

    @property
    def members(self) -> list[Member]:
        """Every question without an answer, the worst first."""
        return [member for matter in (*MATTERS, "other") for member in self.open.get(matter, ())]


def gaps_of(context: CardContext) -> Gaps | None:
    """What is open in one call, or None where nothing is."""
    asked_for = {member.key for problem in problems_told(context.findings) for member in problem.missing}
    members = [one for one in members_told(context.findings, Certainty.UNKNOWN) if one.key not in asked_for]
    if not any(member.makes_a_card for member in members):
        members = []
    faults = [gap for gap in context.findings.unavailable if _matters(gap, context.judged)]
    if not members and not faults:
        return None
    clinical = [gap for gap in faults if gap.data in KINDS and KINDS[gap.data].is_clinical]
    unread = [gap.data for gap in clinical if not gap.names_one and gap.reason.key not in _PARTIAL]
    partly = [gap.data for gap in clinical if not gap.names_one and gap.reason.key in _PARTIAL]
    return Gaps(
        unread=tuple(dict.fromkeys([*_kinds(members, _UNAVAILABLE), *unread])),
        partly=tuple(dict.fromkeys([*_kinds(members, _INCOMPLETE), *partly])),
        entries=_by_kind([gap for gap in clinical if gap.names_one]),
        orders=_each_order([gap for gap in faults if _of_orders(gap)]),
        open=_open(members),
        faults=tuple(faults),
        texts={item.reference: item.text for member in members for item in member.finding.evidence if item.text},
        indicator=max((member.indicator for member in members if member.makes_a_card), default=Indicator.INFO),
        taken=tuple(dict.fromkeys(item for member in members for item in _taken(member))),
    )


def labs_of(
    members: Sequence[Member], context: CardContext, name: Callable[[Lab, CardContext], str] = test_name
) -> list[str]:
    """The tests that questions ask for, each once: creatinine is none beside "creatinine (eGFR)"."""
    labs = dict.fromkeys(lab for member in members for lab in member.finding.criterion.question.labs)
    names = [name(context.knowledge.labs[lab], context) for lab in labs]
    return [one for one in dict.fromkeys(names) if not any(other.startswith(f"{one} (") for other in names)]


def lines_of_open(members: Iterable[Member], context: CardContext) -> Iterator[str]:
    """What is missing and why, as items of the block Found: one line for each result, or for each reason."""
    wording = context.wording
    for member in members:
        criterion, reason = member.finding.criterion, shown_reason(member.finding.reason, context.wording)
        key = member.finding.reason.key if member.finding.reason else ""
        if is_list_not_sent(member):
            continue  # told once, with what else says that a drug is taken
        # A result that may be of another test goes by the record's own words; a drug is no result.
        labs = () if key in _OF_DRUGS else criterion.question.labs
        named = criterion if key == "older-than" else None
        results = [item for item in member.finding.evidence if item.value is not None or criterion.question.limit]
        items = [found_line(item, named, context) for item in (results if labs else member.finding.evidence)[:1]]
        if criterion.question.limit is not None or not items:
            names = [lab_name(context.knowledge.labs[lab], context) for lab in labs] or [
                criterion_label(criterion, context)
            ]
            what = sentence_case(wording.joined(names))
            line = "gap_found.result" if items else "gap_found.line"
            yield wording.say(line, what=what, reason=reason, evidence="; ".join(items))
        else:
            yield wording.say("gap_found.line", what=items[0], reason=reason)


def is_list_not_sent(member: Member) -> bool:
    """Whether a question is open only because nobody sent the list of drugs."""
    return member.finding.reason is not None and member.finding.reason.key == _LIST_NOT_SENT


def _taken(member: Member) -> tuple[Evidence, ...]:
    reason = member.finding.reason
    unread = is_list_not_sent(member) or (reason is not None and reason.key in _UNAVAILABLE)
    return member.finding.evidence if unread and member.finding.criterion.question.DATA == MEDICATIONS else ()


def _kinds(members: Sequence[Member], keys: dict[str, str]) -> list[str]:
    reasons = [member.finding.reason for member in members]
    return [keys[reason.key] for reason in reasons if reason is not None and reason.key in keys]


def _by_kind(gaps: Sequence[Unavailable]) -> dict[str, list[Unavailable]]:
    found: dict[str, list[Unavailable]] = {}
    for gap in gaps:
        found.setdefault(gap.data, []).append(gap)
    return found


def _open(members: Sequence[Member]) -> dict[str, list[Member]]:
    """The questions open for a reason of their own, the loudest first; a result that is no use before others."""
    found: dict[str, list[Member]] = {"unusable": []}
    for member in sorted(members, key=lambda one: -one.indicator):
        key = member.finding.reason.key if member.finding.reason else ""
        if key not in _UNAVAILABLE and key not in _INCOMPLETE and key not in _ENTRIES:
            found.setdefault(_matter(member, key), []).append(member)
    return {matter: members for matter, members in found.items() if members}


def _matter(member: Member, key: str) -> str:
    if key in _OF_REASON:
        return _OF_REASON[key]
    return "unusable" if isinstance(member.finding.criterion.question, LabQuestion) else "other"


def _each_order(gaps: Sequence[Unavailable]) -> tuple[Unavailable, ...]:
    """The orders that could not be read; where they are named, why none of them was is no order of its own."""
    return tuple([gap for gap in gaps if gap.names_one] or gaps)


def _of_orders(gap: Unavailable) -> bool:
    return gap.data not in KINDS or KINDS[gap.data].role == "orders"


def _matters(gap: Unavailable, judged: Sequence[OrderFinding]) -> bool:
    """An order that could not be read always matters; data only where a question of a judged order was put to them.

    Where the findings say of every question that it leaves open that it is told nowhere, neither is the gap.
    """
    kind = KINDS.get(gap.data)
    if kind is None or kind.role == "orders":
        return gap.data != _SERVER
    if kind.role == "patient":
        return False  # only needed to compute a result; a question that misses it says so itself
    asked = [
        found
        for order in judged
        for row in order.contraindications
        for found in row.criteria
        if gap.data == found.criterion.question.DATA
        or (gap.data in found.criterion.question.lists and found.certainty is Certainty.UNKNOWN)
    ]
    still_open = [found for found in asked if found.certainty is Certainty.UNKNOWN]
    if still_open and all(found.told.shown is Shown.NONE for found in still_open):
        return False
    indications = any(order.indications for order in judged)
    return bool(asked) or (indications and gap.data == ConditionQuestion.DATA)
