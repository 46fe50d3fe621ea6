"""Cards stage: one card for all that is not on record or was not read; each open question once, by what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cds_service.cards.context import CardContext
from cds_service.cards.escape import harmless, sentence_case
from cds_service.cards.evidence import code_in_words, entry_in_brief, fact_of, found_fact, found_line, lab_name
from cds_service.cards.gaps import MATTERS, Gaps, gaps_of, is_list_not_sent, labs_of, lines_of_open
from cds_service.cards.headline import first_fitting, with_less_of
from cds_service.cards.members import Member
from cds_service.cards.offers import offers_for_gaps
from cds_service.cards.order_names import orders_named, procedure_ids, this_procedure, with_day
from cds_service.cards.part import Part, Step, Weight, Words
from cds_service.cards.quantities import shown_reason
from cds_service.cards.wording import Wording
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import OrderFinding
from cds_service.knowledge.advice import Moment
from cds_service.knowledge.questions.medication import MEDICATIONS

TOPIC = "gaps"
_MOST_NAMES = 3
_OF_ENTRY = {
    "broader-code": "gap.unspecific",
    "possible-by-text": "gap.unspecific",
    "onset-not-recorded": "gap.undated",
    "procedure-undated": "gap.undated",
    "medication-status-unknown": "gap.in-use",
    "medication-not-listed": "gap.which-drug",
}
"""What is the matter with an entry that a headline names."""


def gap_part(context: CardContext) -> Part | None:
    """What is told of everything that is open, or None where nothing is."""
    gaps = gaps_of(context)
    if gaps is None:
        return None
    orders = list({id(order): order for member in gaps.members for order in member.orders}.values()) or context.judged
    meanwhile = bool(orders) and all(order.must_not_wait for order in orders)
    return Part(
        topic=TOPIC,
        indicator=gaps.indicator,
        words=lambda: Words(
            summary=_summary(gaps, orders, context, meanwhile=meanwhile),
            found=tuple(dict.fromkeys(_found(gaps, context))),
            steps=tuple(dict.fromkeys(_steps(gaps, context, meanwhile=meanwhile))),
            source=context.wording.say("source.service"),
            suggestions=offers_for_gaps(gaps, orders, context),
            meanwhile=meanwhile,
        ),
        rows=tuple(dict.fromkeys([*(member.row.id for member in gaps.members), *procedure_ids(orders)])),
        weight=Weight.FINDING if gaps.unread or gaps.entries or gaps.orders else Weight.NOTE,
        subjects=tuple(member.finding.criterion.id for member in gaps.members),
    )


def _summary(gaps: Gaps, orders: Sequence[OrderFinding], context: CardContext, *, meanwhile: bool) -> str:
    this = this_procedure(context.wording)
    names = [*with_day(orders, orders_named(orders, context), context), this] if orders else [this]
    by_name = (_headlines(gaps, name, context, meanwhile=meanwhile) for name in dict.fromkeys(names))
    return first_fitting(line for lines in zip(*by_name, strict=True) for line in lines)


def _headlines(gaps: Gaps, procedure: str, context: CardContext, *, meanwhile: bool) -> Iterator[str]:
    """The fullest first."""
    unusable = gaps.open.get("unusable", [])
    whole = not (gaps.unread or gaps.orders or gaps.partly or gaps.entries)
    if gaps.taken and gaps.unread in ((), (MEDICATIONS,)):
        yield context.wording.say("gap.unread-drug", fact=entry_in_brief(gaps.taken[0], context), procedure=procedure)
    yield from _of_one_entry(gaps, procedure, context)
    if whole and unusable and all(member.finding.reason == unusable[0].finding.reason for member in unusable):
        labs = context.wording.joined(labs_of(unusable, context))
        why = shown_reason(unusable[0].finding.reason, context.wording)
        yield context.wording.say("gap.unusable-why", labs=labs, reason=why, procedure=procedure)
    yield _headline(gaps, procedure, context, meanwhile=meanwhile)
    yield _headline(gaps, procedure, context, meanwhile=meanwhile, brief=True)


def _of_one_entry(gaps: Gaps, procedure: str, context: CardContext) -> Iterator[str]:
    """In the record's words, where a single entry is all that could not be read."""
    entries = [gap for kind in gaps.entries.values() for gap in kind]
    if gaps.unread or gaps.orders or gaps.partly or len(entries) != 1:
        return
    key, name = f"gap.entry-{entries[0].data}", gaps.words_of(entries[0])
    if name and key in context.wording.templates:
        yield context.wording.say(key, name=context.wording.say("evidence.recorded", name=name), procedure=procedure)


def _headline(gaps: Gaps, procedure: str, context: CardContext, *, meanwhile: bool, brief: bool = False) -> str:
    """What was not read before what is not there: the worst first. `brief`: with fewer of the record's words."""
    wording = context.wording
    if gaps.unread:
        key = f"gap.unread-{gaps.unread[0]}"
        data = wording.joined([wording.label("record", kind) for kind in gaps.unread])
        known = len(gaps.unread) == 1 and key in wording.templates and _is_asked_of(gaps.unread[0], context)
        return wording.say(key if known else "gap.unread", data=data, procedure=procedure)
    if gaps.orders:
        return wording.count("gap.orders", len(gaps.orders), procedure=procedure)
    if gaps.partly:
        data = wording.joined([wording.label("record", kind) for kind in gaps.partly])
        return wording.say("gap.partly", data=data, procedure=procedure)
    for kind, entries in gaps.entries.items():
        if f"gap.entries-{kind}.other" in wording.templates:
            return wording.count(f"gap.entries-{kind}", len(entries), procedure=procedure)
    for matter in MATTERS:
        if members := gaps.open.get(matter):
            return _of_matter(matter, members, procedure, context, meanwhile=meanwhile, brief=brief)
    for member in gaps.open.get("other", ()):
        named = _OF_ENTRY.get(member.finding.reason.key if member.finding.reason else "")
        if named and member.finding.evidence:
            return wording.say(named, fact=entry_in_brief(member.finding.evidence[0], context), procedure=procedure)
    return wording.say("gap.other", procedure=procedure)


def _is_asked_of(kind: str, context: CardContext) -> bool:
    """Whether a question is put to these data first of all, as of contrast to allergies; HIT may only stand there."""
    rows = (row for order in context.judged for row in order.contraindications)
    return any(kind == found.criterion.question.DATA for row in rows for found in row.criteria)


def _of_matter(
    matter: str, members: Sequence[Member], procedure: str, context: CardContext, *, meanwhile: bool, brief: bool
) -> str:
    wording, labs = context.wording, labs_of(members, context)
    reason = members[0].finding.reason
    values = {"labs": wording.joined(labs, either=matter != "unusable"), "procedure": procedure}
    if matter == "severity":
        return _around(fact_of(members[0], context).what, "gap.severity", wording, brief=brief, **values)
    if matter == "child":
        items = members[0].finding.evidence
        named = wording.joined(labs_of(members, context, name=lab_name))
        fact = found_fact(items[0], context) if items else named
        return _around(fact, "gap.child", wording, brief=brief, labs=named)
    if matter == "person":
        return wording.say(
            "gap.person", labs=wording.joined(labs_of(members, context, name=lab_name)), procedure=procedure
        )
    if matter == "unusable":
        return wording.say("gap.unusable", **values)
    if meanwhile:
        return wording.count("gap.missing-meanwhile", len(labs), **values)
    days = reason.values.get("days", "") if reason is not None else ""
    return wording.count(f"gap.{matter}", len(labs), days=days, **values)


def _around(fact: str, key: str, wording: Wording, *, brief: bool, **values: str) -> str:
    """A sentence about a fact."""

    def say(told: str) -> str:
        return wording.say(key, fact=told, **values)

    return with_less_of(fact, say) if brief else say(fact)


def _found(gaps: Gaps, context: CardContext) -> Iterator[str]:
    wording = context.wording
    yield from (found_line(item, None, context) for item in gaps.taken)
    for gap in gaps.faults:
        if (gap.data in gaps.unread or gap.data in gaps.partly) and not gap.names_one:
            yield sentence_case(shown_reason(gap.reason, wording, data=gap.data))
    for entries in (list(gaps.orders), *gaps.entries.values()):
        if entries:
            names = wording.listed([_named(gap, gaps, context) for gap in entries], _MOST_NAMES)
            yield wording.count("gap_found.entries", len(entries), names=names)
    yield from lines_of_open(gaps.members, context)


def _named(gap: Unavailable, gaps: Gaps, context: CardContext) -> str:
    """What can't be read, in the record's words where it has some, else its code."""
    if text := gaps.words_of(gap):
        return context.wording.say("evidence.recorded", name=text)
    if gap.code is not None:
        return code_in_words(*gap.code, context)
    return harmless(gap.reference or "") or sentence_case(shown_reason(gap.reason, context.wording, data=gap.data))


def _steps(gaps: Gaps, context: CardContext, *, meanwhile: bool) -> Iterator[Step]:
    wording = context.wording
    if meanwhile:
        yield Step(wording.say("gap_do.meanwhile"), Moment.NOW)
    for kind in dict.fromkeys((*gaps.unread, *gaps.partly)):
        if f"gap_do.read-{kind}" in wording.templates:
            yield Step(wording.say(f"gap_do.read-{kind}"), Moment.NOW)
    if gaps.entries or not all(is_list_not_sent(member) for member in gaps.open.get("other", ())):
        yield Step(wording.say("gap_do.entries"), Moment.NOW)
    if unusable := gaps.open.get("unusable"):
        yield Step(wording.say("gap_do.look", labs=wording.joined(labs_of(unusable, context))), Moment.NOW)
    for matter in ("child", "person"):
        if matter in gaps.open:
            yield Step(wording.say(f"gap_do.{matter}"), Moment.NOW)
    wanted = [*gaps.open.get("missing", ()), *gaps.open.get("old", ())]
    if wanted:
        yield Step(wording.say("gap_do.order", labs=wording.joined(labs_of(wanted, context))))
    for key in dict.fromkeys(
        key for member in gaps.open.get("severity", ()) for key in member.finding.criterion.advice
    ):
        yield Step(wording.say(f"advice.{key}"))
    if gaps.orders:
        yield Step(wording.say("gap_do.orders"), Moment.NOW)
    if gaps.unread:
        yield Step(wording.say("gap_do.again"), Moment.AFTER)
