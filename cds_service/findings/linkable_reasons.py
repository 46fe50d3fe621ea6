"""Which recorded conditions an order may name as its reason: they fit, and it names no reason yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import OrderFact
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import Evidence, IndicationFinding

_CONDITION = re.compile(r"Condition/[A-Za-z0-9.-]{1,64}")


def linkable_reasons(
    indications: Iterable[IndicationFinding], order: OrderFact, patient: PatientContext
) -> tuple[tuple[Evidence, ...], ...]:
    """The recorded conditions of each indication that is present, as one reason; nothing where the order names any.

    A condition is named only where it is active, confirmed and coded for certain, and can be referred to by its id.
    """
    if order.reasons or order.reason_references:
        return ()
    reasons = (tuple(_certain(found, patient)) for found in indications if found.certainty is Certainty.PRESENT)
    return tuple(dict.fromkeys(reason for reason in reasons if reason))


def _certain(found: IndicationFinding, patient: PatientContext) -> Iterator[Evidence]:
    value_sets = [patient.knowledge.conditions[name].value_set for name in found.indication.present_if.conditions()]
    certain = {
        match.fact.reference
        for value_set in value_sets
        for match in patient.chart.in_value_set(value_set)
        if match.certainty is Certainty.PRESENT and _CONDITION.fullmatch(match.fact.reference)
    }
    yield from (evidence for evidence in found.evidence if evidence.reference in certain)
