"""Which antithrombotics are on the list, and what is done with each before this procedure? The loudest speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import Activity
from cds_service.findings.context import OrderContext, PatientContext
from cds_service.findings.finding import CriterionFinding, Evidence, HoldAdvice
from cds_service.findings.hold_advice import hold_advice
from cds_service.findings.hold_reasons import hold_reasons
from cds_service.findings.medication_list import KnownMedication
from cds_service.findings.medication_use import in_use
from cds_service.findings.questions.medication import no_medication
from cds_service.findings.renal_function import renal_function
from cds_service.indicator import Indicator
from cds_service.knowledge.medication_types import ANTITHROMBOTIC
from cds_service.knowledge.questions.antithrombotic import AntithromboticQuestion
from cds_service.knowledge.tables import Criterion
from cds_service.reasons import Reason

_Found = dict[str, list[KnownMedication]]


def judge_antithrombotic(
    criterion: Criterion, question: AntithromboticQuestion, order: OrderContext, patient: PatientContext
) -> CriterionFinding:
    """The answer of the question about antithrombotics: one advice an agent, the loudest first."""
    found = _in_use(patient)
    sure = {name: entries for name, entries in found.items() if not _is_unclear(entries)}
    if not sure:
        return _none_sure(criterion, question, found, patient)
    renal = renal_function(question.renal_labs, patient)
    agents, present = patient.knowledge.medications.agents, frozenset(sure)
    advice = [
        hold_advice(agents[name], entries, present, order, patient, renal, criterion.indicator)
        for name, entries in sure.items()
    ]
    advice = [replace(one, reasons=hold_reasons(one)) for one in advice]
    advice.sort(key=lambda one: (one.quiet, -one.indicator, not one.ask))
    evidence = tuple(item for one in advice for item in _evidence(one, sure[one.agent]))
    states = tuple(dict.fromkeys(item for one in advice for item in one.because))
    return CriterionFinding(
        criterion,
        Certainty.PRESENT,
        max(one.indicator for one in advice),
        evidence=(*evidence, *states),
        holds=tuple(advice),
        crossed=tuple(dict.fromkeys(limit for one in advice for limit in one.crossed)),
        quiet=all(one.quiet for one in advice),
    )


def _in_use(patient: PatientContext) -> _Found:
    """The antithrombotics that count, by agent."""
    table = patient.knowledge.medications
    listed = frozenset().union(*(entry.agents for entry in patient.medications.entries))
    found: _Found = {}
    for name, agent in table.agents.items() if listed else ():
        if name in listed and agent.kind in ANTITHROMBOTIC:
            entries = in_use(patient.medications.of([name]), agent, table, patient.facts.today)
            if entries:
                found[name] = entries
    return found


def _is_unclear(entries: Sequence[KnownMedication]) -> bool:
    return all(entry.fact.activity is Activity.UNCLEAR for entry in entries)


def _none_sure(
    criterion: Criterion, question: AntithromboticQuestion, unclear: _Found, patient: PatientContext
) -> CriterionFinding:
    """Unknown where the list, or what is on it, can't be read; louder where a diagnosis says that one is taken.

    Unknown as well where a diagnosis says so and the whole list has none: one of them is wrong.
    """
    states = [match for name in question.takes for match in patient.chart.in_value_set(name)]
    told = tuple({match.fact.reference: match.evidence() for match in states}.values())
    if unclear:
        entries = [entry for found in unclear.values() for entry in found]
        evidence = tuple(_item(entry, ()) for entry in entries)
        reason = Reason("medication-status-unknown")
        return CriterionFinding(criterion, Certainty.UNKNOWN, criterion.indicator, reason, evidence)
    answer = no_medication(criterion, patient, told, criterion.indicator if told else Indicator.INFO)
    if answer.certainty is Certainty.ABSENT and any(match.certainty is Certainty.PRESENT for match in states):
        return CriterionFinding(
            criterion, Certainty.UNKNOWN, Indicator.INFO, Reason("medication-not-listed"), evidence=told
        )
    return answer


def _evidence(advice: HoldAdvice, entries: Sequence[KnownMedication]) -> Iterator[Evidence]:
    """One line for an agent, whatever the number of orders: the first carries what is done, the others are listed."""
    for place, entry in enumerate(entries):
        yield _item(entry, advice.reasons if place == 0 else ())


def _item(entry: KnownMedication, notes: tuple[Reason, ...]) -> Evidence:
    fact = entry.fact
    date = fact.written.text if fact.written else None
    unverified = () if entry.verified else (Reason("medication-name-unverified"),)
    return Evidence(fact.reference, entry.label, entry.coding, date=date, notes=(*notes, *unverified))
