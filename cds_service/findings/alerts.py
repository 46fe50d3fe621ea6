"""What the record says against the reason of an order: another diagnosis, the wrong patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cds_service.certainty import Certainty, any_of
from cds_service.facts.patient_facts import PatientFacts
from cds_service.findings.chart import Chart
from cds_service.findings.finding import AlertFinding, Evidence, IndicationFinding
from cds_service.findings.patient_groups import is_of_age, is_of_sex
from cds_service.indicator import Indicator
from cds_service.knowledge.alerts import AGE_ALERT, SEX_ALERT, Alert
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.tables import Knowledge, Procedure

_LIFTED_BY: Mapping[str, tuple[Certainty, ...]] = {
    "": (),
    "present": (Certainty.PRESENT,),
    "possible": (Certainty.PRESENT, Certainty.UNKNOWN),
}


def judge_alerts(
    procedures: Iterable[Procedure],
    indications: Iterable[IndicationFinding],
    chart: Chart,
    knowledge: Knowledge,
    *,
    emergency: bool,
) -> tuple[AlertFinding, ...]:
    """Recorded conditions that must not be mistaken for an indication of the procedures, each sentence once.

    Args:
        procedures: what may have been ordered.
        indications: their answers: some alerts are told only where no reason is recorded.
        chart: of the patient, with the reasons of the order.
        knowledge: the tables.
        emergency: nothing but what a row says of emergencies is then more than information.
    """
    reason = any_of(finding.certainty for finding in indications)
    alerts = {alert.wording: alert for procedure in procedures for alert in procedure.alerts}
    told = [a for a in alerts.values() if reason not in _LIFTED_BY[a.unless_indication] and chart.holds(a.when)]
    return tuple(
        AlertFinding(alert.wording, _level(alert, emergency=emergency), tuple(_evidence(alert.when, chart, knowledge)))
        for alert in told
    )


def judge_patient(procedures: Iterable[Procedure], facts: PatientFacts) -> tuple[AlertFinding, ...]:
    """An alert where none of the procedures can be done for a patient of this sex or age: the wrong patient?

    It is a warning in an emergency, too: another patient is waiting for the treatment.
    """
    groups = [procedure.patients for procedure in procedures]
    for wording, fits, recorded in (
        (SEX_ALERT, is_of_sex, facts.gender),
        (AGE_ALERT, is_of_age, facts.birth_date.text if facts.birth_date else None),
    ):
        if groups and all(fits(group, facts) is Certainty.ABSENT for group in groups):
            evidence = Evidence("Patient", recorded)
            return (AlertFinding(wording, Indicator.WARNING, (evidence,)),)
    return ()


def _level(alert: Alert, *, emergency: bool) -> Indicator:
    return (alert.even_in_emergency or Indicator.INFO) if emergency else alert.indicator


def _evidence(expression: Expression, chart: Chart, knowledge: Knowledge) -> Iterator[Evidence]:
    best = [chart.best(knowledge.conditions[name].value_set) for name in expression.conditions()]
    yield from (match.evidence() for match in best if match is not None and match.certainty is Certainty.PRESENT)
