"""The kidney's function that a hold is chosen by: creatinine clearance where the weight is recorded, else eGFR."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.findings.context import PatientContext
from cds_service.findings.finding import RenalBasis
from cds_service.findings.lab_results import newest
from cds_service.findings.thresholds import age_in_days


def renal_function(labs: Sequence[str], patient: PatientContext) -> RenalBasis | None:
    """The newest result of the first lab that has one, not older than `holds.toml` says; its lowest possible value.

    Args:
        labs: lab ids; every one after the first stands in for it.
        patient: the call's record.
    """
    days = patient.knowledge.medications.renal_within_days
    for place, name in enumerate(labs):
        results = newest(patient.labs.of(name))
        fresh = [r for r in results if age_in_days(r.when, patient.facts.today) <= days]
        lowest = min((r for r in fresh if r.interval.low is not None), key=lambda r: r.interval.low or 0, default=None)
        if lowest is not None and lowest.interval.low is not None:
            unit = patient.knowledge.labs[name].unit
            return RenalBasis(lowest.interval.low, unit, lowest.when.text, by_egfr=place > 0)
    return None
