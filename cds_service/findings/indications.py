"""The first table: what a procedure is for, against the recorded conditions and the order's own reasons."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import Concept, OrderFact, PatientFacts
from cds_service.findings.chart import Chart, Match
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import IndicationFinding
from cds_service.findings.patient_groups import is_of_age, is_of_sex
from cds_service.indicator import Indicator
from cds_service.kinds import KINDS
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.tables import Indication, Knowledge, Procedure
from cds_service.reasons import Reason

_CONDITIONS = KINDS["conditions"]


def chart_for(order: OrderFact | None, patient: PatientContext) -> Chart:
    """The patient's chart, the order's own coded reasons, and the codes of what else is ordered: a planned operation.

    Only the codes: the name of a procedure holds the disease that it is for, which is no diagnosis.
    """
    if order is None:
        return patient.chart
    others = [Concept(other.concept.codings) for other in patient.facts.ordered if other.reference != order.reference]
    return patient.chart.with_reasons(order.reference, (*_reasons(order, patient.facts), *others))


def with_reasons(order: OrderFact | None, patient: PatientContext) -> PatientContext:
    """The patient with the order's own reasons among the recorded conditions: what is written there is on record."""
    if order is None:
        return patient
    chart = patient.chart.with_reasons(order.reference, _reasons(order, patient.facts))
    return patient if chart is patient.chart else replace(patient, chart=chart, judged={})


def _reasons(order: OrderFact, facts: PatientFacts) -> tuple[Concept, ...]:
    """The order's reasons, and what it calls those of which the Condition did not come along."""
    sent = facts.condition_references
    named = (Concept(texts=(name,)) for reference, name in order.named_reasons if reference not in sent)
    return (*order.reasons, *named)


def judge_indications(
    procedures: Iterable[Procedure],
    order: OrderFact | None,
    chart: Chart,
    patient: PatientContext,
    *,
    list_complete: bool = True,
) -> tuple[IndicationFinding, ...]:
    """Every indication of the procedures that may be the patient's, each once.

    One for the other sex or another age is left out, unless its condition is recorded: then it is unknown. Where the
    tables hold only some reasons of many, those that the record holds nothing of are left out: none is called absent.
    """
    rows = {indication.id: indication for procedure in procedures for indication in procedure.indications}
    found = (_judge(row, order, chart, patient) for row in rows.values())
    fitting = (_unless_of_others(finding, patient.facts) for finding in found)
    return tuple(f for f in fitting if f is not None and (list_complete or f.evidence))


def is_option(finding: IndicationFinding, facts: PatientFacts) -> bool:
    """Whether patient-view may propose the procedure for it: it is recorded, and made for somebody of this age."""
    row = finding.indication
    of_age = is_of_age(row.option_for, facts) is not Certainty.ABSENT
    return finding.certainty is Certainty.PRESENT and row.option and of_age


def _unless_of_others(finding: IndicationFinding, facts: PatientFacts) -> IndicationFinding | None:
    group = finding.indication.patients
    of_sex = is_of_sex(group, facts)
    if of_sex is not Certainty.ABSENT and is_of_age(group, facts) is not Certainty.ABSENT:
        return finding
    reason = Reason("sex-does-not-fit" if of_sex is Certainty.ABSENT else "age-does-not-fit")
    return replace(finding, certainty=Certainty.UNKNOWN, reason=reason, indicator=None) if finding.evidence else None


def _judge(indication: Indication, order: OrderFact | None, chart: Chart, patient: PatientContext) -> IndicationFinding:
    certainty = chart.certainty(indication.present_if)
    matches = _matches(indication.present_if, chart, patient.knowledge)
    evidence = tuple(match.evidence() for match in matches)
    if certainty is Certainty.PRESENT:
        return IndicationFinding(indication, Certainty.PRESENT, evidence=evidence)
    if certainty is Certainty.UNKNOWN:
        doubts = [match.doubt for match in matches if match.certainty is Certainty.UNKNOWN]
        reason = next(iter(doubts), None) or _gap(indication, order, patient)
        if reason is None and chart.holds(indication.present_if.of_any_age()):
            reason = Reason("onset-not-recorded")
        return IndicationFinding(indication, Certainty.UNKNOWN, reason, evidence)
    possible = indication.possible_if
    if possible is not None and chart.certainty(possible) is not Certainty.ABSENT:
        partial = tuple(match.evidence() for match in _matches(possible, chart, patient.knowledge))
        reason = Reason(indication.possible_because or "partial-indication")
        return IndicationFinding(indication, Certainty.UNKNOWN, reason, partial)
    gap = _gap(indication, order, patient) or _unprovable(indication, patient.knowledge)
    if gap is None:
        return IndicationFinding(indication, Certainty.ABSENT)
    level = _CONDITIONS.when_unavailable if gap == _CONDITIONS.unavailable else Indicator.INFO
    return IndicationFinding(indication, Certainty.UNKNOWN, gap, indicator=level)


def _matches(expression: Expression, chart: Chart, knowledge: Knowledge) -> list[Match]:
    """The surest match of each condition that the expression names."""
    best = [chart.best(knowledge.conditions[name].value_set) for name in expression.conditions()]
    return [match for match in best if match is not None]


def _unprovable(indication: Indication, knowledge: Knowledge) -> Reason | None:
    """Where no code of any vocabulary names the condition, nothing recorded says nothing."""
    leaves = indication.present_if.leaves()
    provable = any(leaf.wider_counts or knowledge.conditions[leaf.condition].provable for leaf in leaves)
    return None if provable else Reason("no-code-names-it")


def _gap(indication: Indication, order: OrderFact | None, patient: PatientContext) -> Reason | None:
    """Why "none found" can't be said: conditions that could not be retrieved or read, or a reason that could not be."""
    facts = patient.facts
    if _CONDITIONS.key not in facts.obtained:
        return _CONDITIONS.unavailable
    if _CONDITIONS.key not in facts.complete:
        return _CONDITIONS.incomplete
    named = [e for e in (indication.present_if, indication.possible_if) if e is not None]
    value_sets = {patient.knowledge.conditions[name].value_set for e in named for name in e.conditions()}
    if unread := patient.chart.unread_for(value_sets):
        return patient.chart.why_unread(unread[0])
    if order is None:
        return None
    codes = patient.knowledge.codes
    systems = codes.systems_of(value_sets)
    if any(not any(codes.reads_for(c.system, c.code, systems) for c in reason.codings) for reason in order.reasons):
        return Reason("reason-text-only")
    known = {condition.reference for condition in facts.conditions}
    known |= {observation.reference for observation in facts.observations}
    return Reason("reason-unresolved") if set(order.reason_references) - known else None
