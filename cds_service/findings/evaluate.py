"""The findings stage: `PatientFacts` x `Knowledge` -> `Findings`. Pure; the same facts give the same findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from cds_service.clinical_data.retrieved import Unavailable
from cds_service.facts.patient_facts import Concept, OrderFact, PatientFacts
from cds_service.findings.alerts import judge_alerts, judge_patient
from cds_service.findings.context import PatientContext, order_context, prepare
from cds_service.findings.contraindications import judge_contraindications
from cds_service.findings.finding import NOT_TOLD, Findings, LookedAt, OrderFinding, Shown, Told
from cds_service.findings.indications import chart_for, is_option, judge_indications, with_reasons
from cds_service.findings.linkable_reasons import linkable_reasons
from cds_service.findings.recognition import NotRecognized, Recognized, recognize
from cds_service.findings.urgency import timing_of
from cds_service.kinds import CLINICAL
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.questions.medication import MEDICATIONS
from cds_service.knowledge.tables import Knowledge, Procedure
from cds_service.reasons import Reason

_MOST_ALIKE = 50
_NO_GADOLINIUM = ("gadolinium", "contrast-class-unclear")


def evaluate(facts: PatientFacts, knowledge: Knowledge, *, options: bool = False, planning: bool = True) -> Findings:
    """Judge every order, or with `options` every procedure that the record supports (patient-view).

    Args:
        facts: what the record says.
        knowledge: the effective tables.
        options: no order is in focus; judge the offered procedures that have a recorded indication.
        planning: False while an order is being written; what only helps to plan is then told when it is signed.
    """
    patient = prepare(facts, knowledge, planning=planning)
    orders = _options(patient) if options else tuple(_judge_order(order, patient) for order in facts.orders)
    chart = patient.chart
    uncoded = [
        _unread(ConditionQuestion.DATA, chart.why_unread(fact), fact.reference, [fact.concept]) for fact in chart.unread
    ]
    uncoded += [
        _unread(MEDICATIONS, entry.unread, entry.fact.reference, entry.fact.names)
        for entry in patient.medications.entries
        if entry.unread
    ]
    allergies = patient.allergies
    uncoded += [_unread("allergies", allergies.unread_reason, a.fact.reference, a.fact.names) for a in allergies.unread]
    to_judge = options or any(order.procedure for order in orders)
    return Findings(
        orders,
        _each_once((*facts.unavailable, *uncoded)),
        options,
        to_judge and facts.obtained.isdisjoint(_kinds_asked(orders)),
        facts.today,
        tuple(_looked_at(kind.key, facts, knowledge) for kind in CLINICAL),
        patient.ordered,
    )


def _unread(data: str, reason: Reason, reference: str, names: Sequence[Concept]) -> Unavailable:
    """An entry that can't be read, with what the record calls it, or else its first code."""
    text = next((name.label for name in names if name.label), None)
    code = next((name.first_code for name in names if name.first_code), None)
    return Unavailable(data, reason, reference, text, None if text else code)


def _kinds_asked(orders: Sequence[OrderFinding]) -> Iterator[str]:
    """The kinds of data that the answers rest on: what was retrieved beside them tells nothing."""
    if not orders:
        yield from (kind.key for kind in CLINICAL)
    yield ConditionQuestion.DATA  # the reasons for a procedure
    for order in orders:
        for row in order.contraindications:
            yield from (found.criterion.question.DATA for found in row.criteria)


def _looked_at(key: str, facts: PatientFacts, knowledge: Knowledge) -> LookedAt:
    """What was read of one kind of data; results that no active row asks for are not counted."""
    if key not in facts.obtained:
        return LookedAt(key, None, whole=False)
    asked = _asked_for(knowledge.search_codes.get(key, ()))
    found = list(getattr(facts, key))
    if asked.codes:
        # A record repeats its codes, and facts with the same code share it: each is looked at once.
        concepts = {id(fact.concept): fact.concept for fact in found}
        counted = {place for place, concept in concepts.items() if _is_asked(concept, asked)}
        found = [fact for fact in found if id(fact.concept) in counted]
    days = [fact.when.latest.date() for fact in found if getattr(fact, "when", None) is not None]
    return LookedAt(key, len(found), key in facts.complete, max(days, default=None))


class _Asked(NamedTuple):
    """What is searched for, `system|code` each, and of which systems."""

    codes: frozenset[str]
    systems: frozenset[str]


@lru_cache(maxsize=64)
def _asked_for(tokens: tuple[str, ...]) -> _Asked:
    return _Asked(frozenset(tokens), frozenset(token.partition("|")[0] for token in tokens))


def _is_asked(concept: Concept, asked: _Asked) -> bool:
    """Whether one of its codes is searched for; one without a code of those vocabularies may be anything."""
    codes = [f"{c.system}|{c.code}" for c in concept.codings if c.system in asked.systems]
    return not codes or any(code in asked.codes for code in codes)


def _each_once(gaps: Iterable[Unavailable]) -> tuple[Unavailable, ...]:
    """Every gap once; of very many alike the first, and how many more there are."""
    alike: dict[tuple[str, str, str], list[Unavailable]] = {}
    more: dict[tuple[str, str, str], int] = {}
    for gap in gaps:
        kind = gap.data, gap.reason.key, str(gap.reason.values)
        known = alike.setdefault(kind, [])
        if len(known) == _MOST_ALIKE:
            more[kind] = more.get(kind, 0) + 1
        elif gap not in known:
            known.append(gap)
    unlisted = [Unavailable(kind[0], Reason("more-like-these", {"count": count})) for kind, count in more.items()]
    return (*(gap for known in alike.values() for gap in known), *unlisted)


def _judge_order(order: OrderFact, patient: PatientContext) -> OrderFinding:
    chart = chart_for(order, patient)
    recognized = recognize(order, chart, patient.knowledge)
    if isinstance(recognized, NotRecognized):
        return OrderFinding(order, looks_interventional=recognized.looks_interventional)
    return _judge(order, recognized, patient)


def _judge(order: OrderFact | None, recognized: Recognized, patient: PatientContext) -> OrderFinding:
    chart = chart_for(order, patient)
    remaining = {p.id: p for p in (recognized.procedure, *recognized.candidates)}
    compatible = _with_children(recognized.candidates, patient.knowledge)
    complete = all(procedure.list_complete for procedure in recognized.candidates)
    reasons = judge_indications(compatible, order, chart, patient, list_complete=complete)
    procedures = tuple(remaining.values())
    timing = timing_of(order, procedures, reasons, chart, patient.knowledge, patient.facts.today)
    context = order_context(procedures, timing)
    alerts = judge_alerts(compatible, reasons, chart, patient.knowledge, emergency=timing.must_not_wait)
    finding = OrderFinding(
        order=order,
        procedure=recognized.procedure,
        candidates=recognized.candidates,
        recognised_by=recognized.by,
        code_and_text_differ=recognized.code_and_text_differ,
        matched_text=recognized.matched_text,
        urgency=timing.urgency,
        planned=timing.planned,
        source_control=timing.source_control,
        indications=reasons,
        contraindications=judge_contraindications(context, with_reasons(order, patient)),
        alerts=(*judge_patient(recognized.candidates, patient.facts), *alerts),
        gadolinium_allergy=patient.allergies.may_be_in(_NO_GADOLINIUM),
        linkable_reasons=linkable_reasons(reasons, order, patient) if order else (),
    )
    return replace(finding, reason_told=_reason_told(finding))


def _reason_told(finding: OrderFinding) -> Told:
    """Whether it is told that the order has no reason: it carries none, none is recorded, and the list is complete."""
    if not finding.lacks_reason:
        return NOT_TOLD
    order = finding.order
    if finding.alerts:
        return Told(Shown.NONE, "alert-says-it")
    if order is None or order.reasons or order.reason_references or finding.must_not_wait:
        return Told(Shown.NONE, "reason-on-the-order")
    return Told(Shown.CARD, "no-reason")


def _with_children(procedures: tuple[Procedure, ...], knowledge: Knowledge) -> list[Procedure]:
    """A parent is compatible with the indications of all its children, so those are asked, too."""
    found = {each.id: each for procedure in procedures for each in _line(procedure, knowledge)}
    return list(found.values())


def _line(procedure: Procedure, knowledge: Knowledge) -> Iterator[Procedure]:
    yield procedure
    for child in knowledge.children.get(procedure.id, ()):
        yield from _line(knowledge.procedures[child], knowledge)


def _options(patient: PatientContext) -> tuple[OrderFinding, ...]:
    """Offered procedures with a recorded indication that makes them an option, each judged as if it were ordered."""
    findings = []
    for procedure in patient.knowledge.procedures.values():
        if procedure.offered and procedure.indications:
            found = judge_indications([procedure], None, patient.chart, patient)
            if any(is_option(indication, patient.facts) for indication in found):
                findings.append(_judge(None, Recognized(procedure, (procedure,), "condition"), patient))
    return tuple(findings)
