"""Analytes computed from others: eGFR from creatinine, neutrophils from the differential, MELD.

The formulas' numbers and sources are in `knowledge/labs.toml`. A computed value counts only where it is newer than
every measured one, and is marked as computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from cds_service.clinical_data.records import Reason
from cds_service.facts.patient_facts import PatientFacts, When
from cds_service.findings.finding import Evidence
from cds_service.findings.intervals import Interval
from cds_service.findings.lab_results import Blocked, LabBook, LabResult, newest
from cds_service.knowledge.tables import Derivation, Knowledge, Lab

_DAYS_A_YEAR = 365.2425
_SHOWN = Decimal("0.01")


def add_derived(book: LabBook, facts: PatientFacts, knowledge: Knowledge) -> None:
    """Add computed results to the book, and why a wanted one could not be computed."""
    for lab in knowledge.labs.values():
        if lab.derivation is None:
            continue
        measured = book.of(lab.id)
        last = max((result.when.latest for result in measured), default=None)
        computed, refused = _FORMULAS[lab.derivation.kind](lab, lab.derivation, book, facts)
        fresh = [result for result in computed if last is None or result.when.earliest > last]
        if fresh:
            book.results.setdefault(lab.id, []).extend(fresh)
        if not measured and not fresh:
            book.blocked.setdefault(lab.id, []).extend(refused)


_Computed = tuple[list[LabResult], list[Blocked]]


def _fraction_of(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> _Computed:
    """total x percent / divisor, of results of the same day."""
    total, percent = derivation.inputs
    computed = []
    for whole in book.of(total):
        for part in book.of(percent):
            same_day = whole.when.latest.date() == part.when.latest.date()
            if same_day and whole.interval.exact is not None and part.interval.exact is not None:
                value = whole.interval.exact * part.interval.exact / derivation.parameters["divisor"]
                computed.append(_result(lab, (value, value), whole, derivation))
    return computed, []


def _sum_of_logarithms(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> _Computed:
    """constant + sum of weight x ln(value), each value raised to `smallest` and cut at `largest_<input>`."""
    parameters = derivation.parameters
    score = float(parameters["constant"])
    parts = []
    for name in derivation.inputs:
        latest = newest(book.of(name))
        value = latest[0].interval.exact if len(latest) == 1 else None
        if value is None:
            return [], []
        value = max(value, parameters["smallest"])
        value = min(value, parameters.get(f"largest_{name}", value))
        score += float(parameters[name]) * math.log(value)
        parts.append(latest[0])
    oldest = min(parts, key=lambda part: part.when.earliest)
    value = Decimal(score)
    return [_result(lab, (value, value), oldest, derivation)], []


def _ckd_epi_2021(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> _Computed:
    """eGFR of every exact creatinine; an inexact birth date gives an interval."""
    computed, refused = [], []
    for creatinine in book.of(derivation.inputs[0]):
        value = creatinine.interval.exact
        ages = _ages(facts.birth_date, creatinine.when.earliest)
        if value is None or value <= 0:
            continue
        if ages is None or facts.gender not in ("male", "female"):
            refused.append(Blocked(Reason("needs-birth-date-and-sex"), creatinine.when, creatinine.evidence))
        elif ages[0] < derivation.parameters["youngest"]:
            refused.append(Blocked(Reason("adults-only"), creatinine.when, creatinine.evidence))
        else:
            ends = [_gfr(float(value), age, facts.gender, derivation.parameters) for age in ages]
            computed.append(_result(lab, (min(ends), max(ends)), creatinine, derivation))
    return computed, refused


def _gfr(creatinine: float, age: float, sex: str, parameters: Mapping[str, Decimal]) -> Decimal:
    p = {name: float(value) for name, value in parameters.items()}
    ratio = creatinine / p[f"kappa_{sex}"]
    curve = min(ratio, 1.0) ** p[f"alpha_{sex}"] * max(ratio, 1.0) ** p["above"]
    factor = p["female"] if sex == "female" else 1.0
    return Decimal(p["scale"] * curve * p["age_base"] ** age * factor)


def _ages(born: When | None, day: datetime) -> tuple[float, float] | None:
    """Youngest and oldest age in years that the birth date allows on a day."""
    if born is None or born.earliest > day:
        return None
    return tuple((day - end).days / _DAYS_A_YEAR for end in (born.latest, born.earliest))  # type: ignore[return-value]  # two ends


def _result(lab: Lab, ends: tuple[Decimal, Decimal], source: LabResult, derivation: Derivation) -> LabResult:
    shown = ends[0].quantize(_SHOWN)
    note = Reason("computed", {"formula": derivation.kind})
    evidence: Evidence = replace(source.evidence, text=lab.label, value=shown, unit=lab.unit, note=note)
    return LabResult(Interval(*ends), source.when, evidence)


_FORMULAS: Mapping[str, Callable[[Lab, Derivation, LabBook, PatientFacts], _Computed]] = {
    "fraction-of": _fraction_of,
    "sum-of-logarithms": _sum_of_logarithms,
    "ckd-epi-2021": _ckd_epi_2021,
}
