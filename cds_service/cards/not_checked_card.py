"""Cards stage: at most one card a call for everything that could not be judged, and why.

Its place in the product: an empty answer means "looked, found nothing", so whatever could not be looked at is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from cds_service.cards.card import Card, Kind, bullets, paragraphs, summary
from cds_service.cards.escape import harmless, sentence_case
from cds_service.cards.evidence import evidence_lines
from cds_service.cards.open_questions import OpenQuestion, names_of, open_questions
from cds_service.cards.order_names import MOST_ORDERS, emergency_block, order_named, procedure_ids, procedures_named
from cds_service.cards.quantities import shown_reason
from cds_service.cards.wording import Wording
from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.kinds import KINDS
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Knowledge

_MOST_REFERENCES = 3
_SERVER = "fhirServer"  # what it would have given and prefetch did not is a gap of its own

_Group = tuple[tuple[OrderFinding, ...], list[OpenQuestion]]


def not_checked_card(findings: Findings, knowledge: Knowledge, wording: Wording) -> Card | None:
    """The card for everything unknown, or None where nothing is."""
    judged = [order for order in findings.orders if order.procedure is not None]
    groups = _grouped(judged, knowledge, wording)
    questions = [question for _, group in groups for question in group]
    gaps = [gap for gap in findings.unavailable if _matters(gap, judged)]
    if not questions and not gaps:
        return None
    return Card(
        kind=Kind.NOT_CHECKED,
        indicator=findings.gap_indicator,
        summary=_summary(groups, gaps, wording),
        detail=_detail(groups, gaps, judged, wording),
        source=wording.say("source.service"),
        topic=("not-checked", wording.say("topic.not-checked")),
        rows=_rows(judged),
    )


def _rows(judged: Sequence[OrderFinding]) -> tuple[str, ...]:
    """The contraindications with an open question, then the procedures whose indication is open."""
    unknown = [row for order in judged for row in order.contraindications if row.certainty is Certainty.UNKNOWN]
    indications = procedure_ids([order for order in judged if order.open_indications])
    return tuple(dict.fromkeys([*(row.contraindication.id for row in unknown), *indications]))


def gap_lines(gaps: Iterable[Unavailable], wording: Wording) -> list[str]:
    """What could not be retrieved or read, each kind of gap once with the resources that it concerns."""
    references: dict[str, list[str]] = {}
    for gap in gaps:
        line = sentence_case(shown_reason(gap.reason, wording, data=gap.data))
        references.setdefault(line, []).append(_named(gap, wording))
    return [_gap_line(line, [ref for ref in refs if ref], wording) for line, refs in references.items()]


def _named(gap: Unavailable, wording: Wording) -> str:
    """The resource that can't be read, in the record's words where it has some."""
    text = harmless(gap.text or "")
    return wording.say("evidence.recorded", name=text) if text else harmless(gap.reference or "")


def _gap_line(line: str, references: Sequence[str], wording: Wording) -> str:
    if not references:
        return wording.say("card.not_checked.data-line", reason=line)
    named = wording.listed(references, _MOST_REFERENCES)
    return wording.say("card.not_checked.data-line-references", reason=line, references=named)


def _matters(gap: Unavailable, judged: Sequence[OrderFinding]) -> bool:
    """An order that could not be read always matters; data only where a row of a judged order was put to them."""
    kind = KINDS.get(gap.data)
    if kind is None or kind.role == "orders":
        return gap.data != _SERVER
    if kind.often_missing and gap.reason.key in ("not-sent", "not-connected"):
        return False
    if kind.role == "patient":
        return False  # only needed to compute a result; a row that misses it says so itself
    rows = [row for order in judged for row in order.contraindications]
    asked = {finding.criterion.question.DATA for row in rows for finding in row.criteria}
    indications = any(order.indications for order in judged)
    return gap.data in asked or (indications and gap.data == ConditionQuestion.DATA)


def _grouped(judged: Sequence[OrderFinding], knowledge: Knowledge, wording: Wording) -> list[_Group]:
    """The open questions by the orders that share them, so that nothing is said twice."""
    sharing: dict[str, tuple[OpenQuestion, list[int]]] = {}
    for place, order in enumerate(judged):
        for question in open_questions(order, knowledge, wording):
            _, places = sharing.setdefault(question.key, (question, []))
            if place not in places[-1:]:
                places.append(place)
    groups: dict[tuple[int, ...], list[OpenQuestion]] = {}
    for question, places in sharing.values():
        groups.setdefault(tuple(places), []).append(question)
    return [(tuple(judged[place] for place in places), questions) for places, questions in groups.items()]


def _summary(groups: Sequence[_Group], gaps: Sequence[Unavailable], wording: Wording) -> str:
    if not groups:
        if all(gap.text for gap in gaps):
            return summary(
                wording, "card.not_checked.summary-unread", names=wording.listed([_named(gap, wording) for gap in gaps])
            )
        data = wording.listed([wording.label("data", gap.data) for gap in gaps])
        return summary(wording, "card.not_checked.summary-data", data=data)
    loudest_first = sorted((q for _, questions in groups for q in questions), key=lambda question: -question.indicator)
    return summary(
        wording,
        "card.not_checked.summary",
        procedures=procedures_named([order for orders, _ in groups for order in orders], wording, most=2),
        rows=wording.listed(_in_brief(loudest_first, wording), most=4),
    )


def _in_brief(questions: Sequence[OpenQuestion], wording: Wording) -> list[str]:
    """Names for the summary: where all of some data is missing, the data stand for the rows that rest on them."""
    missing = dict.fromkeys(question.data_missing for question in questions)
    labels = [wording.label("data", data) for data in missing if data]
    return [*labels, *names_of([question for question in questions if not question.data_missing], wording)]


def _detail(
    groups: Sequence[_Group], gaps: Sequence[Unavailable], judged: Sequence[OrderFinding], wording: Wording
) -> str:
    questions = [question for _, group in groups for question in group]
    said = {question.reason.key for question in questions if question.reason}
    data = gap_lines((gap for gap in gaps if gap.reason.key not in said), wording)
    advice = [wording.say(f"advice.{key}") for key in dict.fromkeys(a for q in questions for a in q.advice)]
    return paragraphs(
        emergency_block(judged, wording),
        *(block for orders, group in groups for block in (_about(orders, wording), bullets(_lines(group, wording)))),
        *((wording.say("card.not_checked.data"), bullets(data)) if data else ()),
        wording.say("card.what-can-be-done"),
        bullets([*advice, wording.say("card.not_checked.advice")]),
    )


def _about(orders: Collection[OrderFinding], wording: Wording) -> str:
    named = [order_named(order, wording) for order in orders]
    return wording.say("card.not_checked.about", orders=wording.listed(named, MOST_ORDERS))


def _lines(questions: Sequence[OpenQuestion], wording: Wording) -> list[str]:
    """One line for each reason, with every question that it leaves open."""
    together: dict[tuple[str, ...], list[OpenQuestion]] = {}
    for question in questions:
        evidence = evidence_lines(question.evidence, wording)
        # The same results against two limits are one line: the first limit tells enough.
        key = question.reason.key if question.reason and evidence else shown_reason(question.reason, wording)
        together.setdefault((key, *evidence), []).append(question)
    return [_line(key[1:], group, wording) for key, group in together.items()]


def _line(evidence: Sequence[str], questions: Sequence[OpenQuestion], wording: Wording) -> str:
    names = names_of(questions, wording)
    rows = wording.listed(names, most=len(names))
    reason = shown_reason(questions[0].reason, wording)
    if not evidence:
        return wording.say("card.not_checked.row", rows=rows, reason=reason)
    return wording.say("card.not_checked.row-evidence", rows=rows, reason=reason, evidence="; ".join(evidence))
