"""The sections of one order: every answer of the findings under its heading, with what was not read.

Which section a question belongs to stands with its row (`section`), else follows from its problem
(`knowledge/tables.py`, `SECTIONS`). A section that found nothing says so only where all that its questions read was
retrieved whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence, Sized

from cds_service.cards.advice import steps_of
from cds_service.cards.context import CardContext
from cds_service.cards.detail import shown_kind
from cds_service.cards.escape import harmless, sentence_case
from cds_service.cards.evidence import criterion_label, found_line, found_lines, lab_name
from cds_service.cards.members import Member
from cds_service.cards.quantities import shown_limit, shown_reason
from cds_service.certainty import Certainty
from cds_service.findings.finding import CriterionFinding, IndicationFinding, OrderFinding
from cds_service.indicator import Indicator
from cds_service.kinds import KINDS
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.lab import LabQuestion
from cds_service.knowledge.questions.medication import MEDICATIONS
from cds_service.knowledge.tables import SECTIONS, Criterion
from cds_service.summary.allergies import allergy_lines, contrast_lines
from cds_service.summary.context import SummaryContext
from cds_service.summary.document import Line, Section
from cds_service.summary.medications import drugs_of
from cds_service.summary.results import results_of, results_to_order

_OF_A_KIND = frozenset(
    f"{kind.key}-{what}"
    for kind in KINDS.values()
    for what in ("unavailable", "incomplete", "not-sent", "not-connected")
)
"""Reasons that are of a whole kind of data, not of one question."""

_ALWAYS = {"antithrombotics": (MEDICATIONS,), "contrast": (AllergyQuestion.DATA,)}
"""Section -> the lists that whoever fills it looks at, whether a question of this order is put to them or not."""


def sections_of(order: OrderFinding, context: SummaryContext) -> tuple[Section, ...]:
    """Every section of the list of one order, always the same in the same order."""
    members = [
        Member(row.contraindication, found, (order,)) for row in order.contraindications for found in row.criteria
    ]
    by_section = {name: [m for m in members if m.finding.criterion.section == name] for name in SECTIONS}
    judged = (_section(name, own, order, context) for name, own in by_section.items())
    # Of a wrong order there is only something to say where it is one.
    shown = [section for section in judged if section.id != "order" or section.lines]
    return (_indication(order, context), _results(members, context), *shown)


def _section(name: str, members: Sequence[Member], order: OrderFinding, context: SummaryContext) -> Section:
    cards = context.cards
    present = [m for m in members if m.finding.certainty is Certainty.PRESENT]
    unknown = [m for m in members if m.finding.certainty is Certainty.UNKNOWN]
    found = [*(_alerts(order, cards) if name == "order" else ()), *_present(present, cards)]
    open_lines = list(_unknown(unknown, cards))
    questions = [member.finding.criterion for member in members] or _optional(name, order)
    kinds = list(dict.fromkeys([*_ALWAYS.get(name, ()), *(one.question.DATA for one in questions)]))
    reasons = _not_read(kinds, unknown, context)
    state = _state(found or present, open_lines, reasons, questions)
    return Section(
        id=name,
        title=cards.wording.say(f"summary.section.{name}"),
        state=state,
        statement=_statement(state, name, kinds, reasons, context),
        lines=(*found, *open_lines, *_remarks(name, order, context)),
        drugs=drugs_of(present, order, cards),
        steps=tuple(step.sentence for step in steps_of(present, cards)),
    )


def _optional(name: str, order: OrderFinding) -> list[Criterion]:
    """Questions of the section that count only when something is recorded, and nothing was: of rows that apply."""
    rows = (found.contraindication for found in order.contraindications)
    return [one for row in rows if {c.section for c in row.criteria} == {name} for one in row.criteria]


def _state(found: Sized, unanswered: Sized, reasons: Sized, asked: Sized) -> str:
    if found:
        return "found"
    if unanswered:
        return "open"
    if reasons:
        return "not-read"
    return "nothing-recorded" if asked else "not-asked"


def _statement(state: str, name: str, kinds: Sequence[str], reasons: Sequence[str], context: SummaryContext) -> str:
    wording = context.cards.wording
    shadow = _shadow_rows(name, context)
    said = []
    if state == "nothing-recorded":
        said.append(wording.say("summary.state.nothing-recorded", read=_looked_at(kinds, context)))
    elif state == "not-asked" and not shadow:
        said.append(wording.say("summary.state.not-asked"))
    if reasons:
        rest = _looked_at(kinds, context) if state == "not-read" else ""
        key = "partly" if rest or state != "not-read" else "not-read"
        said.append(wording.say(f"summary.state.{key}", reasons="; ".join(reasons)))
        said += [wording.say("summary.state.rest", read=rest)] if rest else []
    if shadow:
        said.append(wording.say("summary.state.in-shadow", rows=", ".join(shadow)))
    return " ".join(said)


def _shadow_rows(name: str, context: SummaryContext) -> list[str]:
    """Rows of the section that are judged and not shown."""
    rows = (row for row in context.cards.knowledge.contraindications if row.id in context.in_shadow)
    return [context.row_name(row) for row in rows if any(criterion.section == name for criterion in row.criteria)]


def _looked_at(kinds: Sequence[str], context: SummaryContext) -> str:
    looked = [look for look in context.cards.findings.looked_at if look.data in kinds and look.count is not None]
    return ", ".join(shown_kind(look, context.cards) for look in looked)


def _not_read(kinds: Sequence[str], unknown: Sequence[Member], context: SummaryContext) -> list[str]:
    """Why a part of what the questions need was not read: by their answers, and by what was retrieved."""
    findings, wording = context.cards.findings, context.cards.wording
    of_kinds = [member.finding for member in unknown if _is_of_a_kind(member.finding)]
    told = dict.fromkeys(shown_reason(finding.reason, wording) for finding in of_kinds)
    covered = {finding.criterion.question.DATA for finding in of_kinds}
    told |= dict.fromkeys(_not_whole([kind for kind in kinds if kind not in covered], context))
    if not kinds:
        gaps = (gap for gap in findings.unavailable if gap.data == "patient")
        told |= dict.fromkeys(shown_reason(gap.reason, wording, data=gap.data) for gap in gaps)
    return list(told)


def _not_whole(kinds: Collection[str], context: SummaryContext) -> list[str]:
    """Why kinds of data that were not retrieved whole can't be said to hold nothing."""
    looked = [look for look in context.cards.findings.looked_at if look.data in kinds and not look.whole]
    kept = {look.data: KINDS[look.data] for look in looked}
    reasons = (kept[look.data].unavailable if look.count is None else kept[look.data].incomplete for look in looked)
    return [shown_reason(reason, context.cards.wording) for reason in reasons]


def _alerts(order: OrderFinding, cards: CardContext) -> Iterator[Line]:
    """What the procedure must not be mistaken for treating, with what is recorded of it."""
    for alert in order.alerts:
        fact = "; ".join(found_line(item, None, cards) for item in alert.evidence if item.reference != "Patient")
        means = cards.wording.say(alert.wording)
        text = cards.wording.say("headline.line", fact=fact, means=means) if fact else means
        yield Line(sentence_case(text), "present", alert.indicator.word)


def _present(members: Iterable[Member], cards: CardContext) -> Iterator[Line]:
    """What was found, the loudest first; antithrombotics with a hold are in a table of their own."""
    for member in sorted(members, key=lambda one: -one.indicator):
        if member.finding.holds:
            states = dict.fromkeys(item for advice in member.finding.holds for item in advice.because)
            texts = [found_line(item, None, cards) for item in states]
        else:
            texts = [_with_limit(text, member, cards) for text in found_lines(member, cards)]
        if left := member.finding.evidence_left_out:
            texts.append(cards.wording.say("list.more-lines", count=left))
        yield from (_line(text, member, "present", member.indicator) for text in dict.fromkeys(texts))


def _with_limit(text: str, member: Member, cards: CardContext) -> str:
    limit = member.finding.criterion.question.limit
    shown = shown_limit(limit, cards.wording) if limit is not None else None
    return cards.wording.say("summary.with-limit", line=text, limit=shown) if shown else text


def _unknown(members: Iterable[Member], cards: CardContext) -> Iterator[Line]:
    """Questions without an answer; that nothing of a kind of data was read is said once, by the statement."""
    wording = cards.wording
    seen: set[str] = set()
    for member in members:
        finding = member.finding
        if _is_of_a_kind(finding) and not finding.evidence:
            continue
        labs = [lab_name(cards.knowledge.labs[lab], cards) for lab in finding.criterion.question.labs]
        items = [found_line(item, None, cards) for item in finding.evidence]
        asked = sentence_case(wording.joined(labs)) if labs else criterion_label(finding.criterion, cards)
        what = asked if labs or not items else "; ".join(items)
        key = "gap_found.result" if labs and items else "gap_found.line"
        text = wording.say(key, what=what, reason=shown_reason(finding.reason, wording), evidence="; ".join(items))
        if text not in seen:
            seen.add(text)
            yield _line(sentence_case(text), member, "unknown", None)


def _is_of_a_kind(finding: CriterionFinding) -> bool:
    return finding.reason is not None and finding.reason.key in _OF_A_KIND


def _line(text: str, member: Member, certainty: str, level: Indicator | None) -> Line:
    references = dict.fromkeys(item.reference for item in member.finding.evidence if item.reference)
    return Line(
        text=text,
        certainty=certainty,
        level=level.word if level is not None else "",
        row=member.row.id,
        question=member.finding.criterion.id,
        references=tuple(map(harmless, references)),
    )


def _remarks(name: str, order: OrderFinding, context: SummaryContext) -> Iterator[Line]:
    """What is said besides the answers."""
    if name == "contrast":
        yield from (Line(text) for text in contrast_lines(order, context.cards))
        yield from (Line(text) for text in allergy_lines(context.facts, context.cards))
    if name == "infection" and order.source_control:
        yield Line(context.cards.wording.say("summary.source-control"))


def _results(members: Sequence[Member], context: SummaryContext) -> Section:
    """Every lab that the order asks for, and those to order."""
    cards = context.cards
    asked = [member for member in members if isinstance(member.finding.criterion.question, LabQuestion)]
    unknown = [member for member in asked if member.finding.certainty is Certainty.UNKNOWN]
    results = results_of(asked, cards)
    reasons = _not_read([LabQuestion.DATA], unknown, context)
    state = _state([one for one in results if one.value], results, reasons, [LabQuestion])
    return Section(
        id="results",
        title=cards.wording.say("summary.section.results"),
        state=state,
        statement=_statement(state, "results", [LabQuestion.DATA], reasons, context),
        results=results,
        steps=tuple(results_to_order(asked, cards)),
    )


def _indication(order: OrderFinding, context: SummaryContext) -> Section:
    """The recorded reasons for the procedure, and those on the order."""
    cards, wording = context.cards, context.cards.wording
    lines = [line for found in order.indications for line in _reasons(found, cards)]
    reasons = _not_whole([ConditionQuestion.DATA], context)
    present = [line for line in lines if line.certainty == "present"]
    if not present:
        lines += _why_open(order, cards)
    state = _state(present, lines, reasons, order.indications)
    given = [concept.label for concept in order.order.reasons if concept.label] if order.order else []
    if given:
        named = wording.listed([harmless(text) for text in given])
        lines.append(Line(wording.say("summary.reason-on-order", reasons=named)))
    return Section(
        id="indication",
        title=wording.say("summary.section.indication"),
        state=state,
        statement=_statement(state, "indication", [ConditionQuestion.DATA], reasons, context),
        lines=tuple(lines),
    )


def _why_open(order: OrderFinding, cards: CardContext) -> Iterator[Line]:
    """Why it can't be told whether there is a reason, where nothing of the record stands for it; each once."""
    unknown = [found for found in order.indications if found.certainty is Certainty.UNKNOWN and not found.evidence]
    told = [found.reason for found in unknown if found.reason is None or found.reason.key not in _OF_A_KIND]
    texts = dict.fromkeys(shown_reason(reason, cards.wording) for reason in told)
    yield from (Line(sentence_case(text), "unknown") for text in texts)


def _reasons(found: IndicationFinding, cards: CardContext) -> Iterator[Line]:
    """A reason that is recorded, or may be."""
    wording = cards.wording
    items = [found_line(item, None, cards) for item in found.evidence]
    references = tuple(harmless(item.reference) for item in found.evidence)
    for text in dict.fromkeys(items):
        if found.certainty is Certainty.UNKNOWN:
            text = wording.say("gap_found.line", what=text, reason=shown_reason(found.reason, wording))
        yield Line(text, found.certainty.value, row=found.indication.id, references=references)
