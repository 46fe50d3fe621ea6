"""Which recorded conditions an order may name as its reason: they fit, and it names no reason yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import OrderFact
from cds_service.findings.chart import Chart, Match
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import Evidence, IndicationFinding
from cds_service.knowledge.expressions import Expression
from cds_service.knowledge.tables import Knowledge

_CONDITION = re.compile(r"Condition/[A-Za-z0-9.-]{1,64}")


def linkable_reasons(
    indications: Iterable[IndicationFinding], order: OrderFact, patient: PatientContext
) -> tuple[tuple[Evidence, ...], ...]:
    """The recorded conditions of each indication that is present, as one reason; nothing where the order names any.

    A condition is named only where by itself it makes its part of the indication present (active, confirmed, of a
    fitting date), and where it can be referred to by its id.
    """
    if order.reasons or order.reason_references:
        return ()
    present = (found.indication.present_if for found in indications if found.certainty is Certainty.PRESENT)
    reasons = (tuple(_recorded(expression, patient.chart, patient.knowledge)) for expression in present)
    return tuple(dict.fromkeys(reason for reason in reasons if reason))


def _recorded(expression: Expression, chart: Chart, knowledge: Knowledge) -> Iterator[Evidence]:
    """One condition for each part of the expression that the record fills; what must not be there is no part."""
    if expression.operator == "is":
        matches = chart.in_value_set(knowledge.conditions[expression.condition].value_set)
        filling = (match for match in matches if _fills(match, expression, chart))
        yield from (match.evidence() for match in islice(filling, 1))
    elif expression.operator != "none_of":
        for part in expression.parts:
            yield from _recorded(part, chart, knowledge)


def _fills(match: Match, expression: Expression, chart: Chart) -> bool:
    reference = match.fact.reference
    alone = chart.certainty(expression, lambda fact: fact.reference == reference)
    return alone is Certainty.PRESENT and bool(_CONDITION.fullmatch(reference))
