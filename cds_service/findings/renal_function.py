"""The kidney's function that a hold is chosen by: creatinine clearance where the weight is recorded, else eGFR.

On dialysis neither tells it: a creatinine after a session would give a number for kidneys that do not work.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cds_service.findings.context import PatientContext
from cds_service.findings.finding import CLEARANCE, DIALYSIS, EGFR, RenalBasis
from cds_service.findings.lab_results import newest
from cds_service.findings.thresholds import age_in_days
from cds_service.knowledge.expressions import Expression


def renal_function(labs: Sequence[str], patient: PatientContext) -> RenalBasis | None:
    """The newest result of the first lab that has one, not older than `holds.toml` says; its lowest possible value.

    Args:
        labs: lab ids; every one after the first stands in for it.
        patient: the call's record.
    """
    table = patient.knowledge.medications
    if patient.chart.holds(Expression("is", table.dialysis)):
        return RenalBasis(Decimal(0), patient.knowledge.labs[labs[0]].unit, "", DIALYSIS)
    days = table.renal_within_days
    for place, name in enumerate(labs):
        results = newest(patient.labs.of(name))
        fresh = [r for r in results if age_in_days(r.when, patient.facts.today) <= days]
        lowest = min((r for r in fresh if r.interval.low is not None), key=lambda r: r.interval.low or 0, default=None)
        if lowest is not None and lowest.interval.low is not None:
            unit = patient.knowledge.labs[name].unit
            return RenalBasis(lowest.interval.low, unit, lowest.when.text, EGFR if place else CLEARANCE)
    return None
