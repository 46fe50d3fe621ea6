"""Analytes computed from others: eGFR from creatinine, neutrophils from the differential, MELD.

The formulas' numbers and sources are in `knowledge/labs.toml`. A computed value counts only where it is newer than
every measured one, and is marked as computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from cds_service.facts.patient_facts import Interval, PatientFacts, When
from cds_service.findings.finding import Evidence
from cds_service.findings.lab_results import Blocked, LabBook, LabResult, newest
from cds_service.knowledge.tables import Derivation, Knowledge, Lab
from cds_service.reasons import Reason

_DAYS_A_YEAR = 365.2425
_SHOWN = Decimal("0.01")
# A birthday spans a day, so even exact data give an interval; one as narrow as this is shown as one number.
_NARROW = Decimal("0.1")


def add_derived(book: LabBook, facts: PatientFacts, knowledge: Knowledge) -> None:
    """Add computed results to the book, and why one that would be newer could not be computed."""
    for lab in knowledge.labs.values():
        if lab.derivation is None:
            continue
        last = max((result.when.latest for result in book.of(lab.id)), default=None)
        computed, refused = _FORMULAS[lab.derivation.kind](lab, lab.derivation, book, facts)
        fresh = [result for result in computed if last is None or result.when.earliest > last]
        missed = [block for block in refused if last is None or block.when is None or block.when.earliest > last]
        if fresh:
            book.results.setdefault(lab.id, []).extend(fresh)
        if missed:
            book.blocked.setdefault(lab.id, []).extend(missed)


_Computed = tuple[list[LabResult], list[Blocked]]


def _fraction_of(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> _Computed:
    """total x percent / divisor, of results of the same day; refused where one of the two is."""
    computed, refused = [], []
    for whole in _all(book, derivation.inputs[0]):
        for part in _all(book, derivation.inputs[1]):
            if not _same_day(whole.when, part.when):
                continue
            broken = next((one for one in (whole, part) if isinstance(one, Blocked)), None)
            if broken is not None:
                refused.append(replace(broken, when=whole.when or part.when))
            elif isinstance(whole, LabResult) and isinstance(part, LabResult):
                product = _product(whole.interval, part.interval).scaled(1 / derivation.parameters["divisor"])
                computed.append(_result(lab, product, whole, derivation))
    return computed, refused


def _all(book: LabBook, lab: str) -> list[LabResult | Blocked]:
    return [*book.of(lab), *book.blocked.get(lab, ())]


def _same_day(one: When | None, other: When | None) -> bool:
    """Whether two results are of one day; one without a date may be of any."""
    return one is None or other is None or one.latest.date() == other.latest.date()


def _product(one: Interval, other: Interval) -> Interval:
    """Of two intervals without negative values."""
    low = None if one.low is None or other.low is None else one.low * other.low
    high = None if one.high is None or other.high is None else one.high * other.high
    return Interval(low, high)


def _sum_of_logarithms(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> _Computed:
    """constant + sum of weight x ln(value), each value raised to `smallest` and cut at `largest_<input>`."""
    newest_of = {name: newest(book.of(name)) for name in derivation.inputs}
    refused = [block for name, latest in newest_of.items() for block in _may_be_newer(book, name, latest)]
    if any(not latest and not book.blocked.get(name) for name, latest in newest_of.items()):
        return [], []
    if not all(newest_of.values()):
        return [], refused
    spans = {name: _hull(latest) for name, latest in newest_of.items()}
    low = _score({name: span.low or Decimal(0) for name, span in spans.items()}, derivation.parameters)
    high = _score({name: span.high for name, span in spans.items()}, derivation.parameters)
    oldest = min((latest[0] for latest in newest_of.values()), key=lambda part: part.when.earliest)
    return [_result(lab, Interval(low, high), oldest, derivation)], refused


def _may_be_newer(book: LabBook, lab: str, latest: Sequence[LabResult]) -> list[Blocked]:
    """Refused results that may be newer than the usable ones; a test that was not done takes nothing from these."""
    start = max((result.when.earliest for result in latest), default=None)
    return [
        block
        for block in book.blocked.get(lab, ())
        if block.reason.key != "data-absent" and (start is None or block.when is None or block.when.latest >= start)
    ]


def _hull(results: Sequence[LabResult]) -> Interval:
    """The narrowest interval that holds every one of them."""
    lows = [result.interval.low for result in results]
    highs = [result.interval.high for result in results]
    low = None if None in lows else min(value for value in lows if value is not None)
    high = None if None in highs else max(value for value in highs if value is not None)
    return Interval(low, high)


def _score(values: Mapping[str, Decimal | None], parameters: Mapping[str, Decimal]) -> Decimal | None:
    """The score; None, unbounded, where a value is unbounded and not cut."""
    score = float(parameters["constant"])
    for name, found in values.items():
        value = parameters.get(f"largest_{name}") if found is None else found
        if value is None:
            return None
        value = min(max(value, parameters["smallest"]), parameters.get(f"largest_{name}", value))
        score += float(parameters[name]) * math.log(max(value, parameters["smallest"]))
    return Decimal(score)


def _ckd_epi_2021(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> _Computed:
    """eGFR of every creatinine; an inexact creatinine or birth date gives an interval."""
    computed: list[LabResult] = []
    refused = list(book.blocked.get(derivation.inputs[0], ()))
    for creatinine in book.of(derivation.inputs[0]):
        ages = _ages(facts.birth_date, creatinine.when.earliest)
        if ages is None or facts.gender not in ("male", "female"):
            refused.append(Blocked(Reason("needs-birth-date-and-sex"), creatinine.when, creatinine.evidence))
        elif ages[0] < derivation.parameters["youngest"]:
            refused.append(Blocked(Reason("adults-only"), creatinine.when, creatinine.evidence))
        else:
            span = _gfr_span(creatinine.interval, ages, facts.gender, derivation.parameters)
            computed.append(_result(lab, span, creatinine, derivation))
    return computed, refused


def _gfr_span(creatinine: Interval, ages: tuple[float, float], sex: str, parameters: Mapping[str, Decimal]) -> Interval:
    """The more creatinine and the more years, the lower; without creatinine there is no upper bound."""
    youngest, oldest = ages
    low = None if not creatinine.high else _gfr(creatinine.high, oldest, sex, parameters)
    high = None if not creatinine.low else _gfr(creatinine.low, youngest, sex, parameters)
    return Interval(low, high)


def _gfr(creatinine: Decimal, age: float, sex: str, parameters: Mapping[str, Decimal]) -> Decimal:
    p = {name: float(value) for name, value in parameters.items()}
    ratio = float(creatinine) / p[f"kappa_{sex}"]
    curve = min(ratio, 1.0) ** p[f"alpha_{sex}"] * max(ratio, 1.0) ** p["above"]
    factor = p["female"] if sex == "female" else 1.0
    return Decimal(p["scale"] * curve * p["age_base"] ** age * factor)


def _ages(born: When | None, day: datetime) -> tuple[float, float] | None:
    """Youngest and oldest age in years that the birth date allows on a day."""
    if born is None or born.earliest > day:
        return None
    return tuple((day - end).days / _DAYS_A_YEAR for end in (born.latest, born.earliest))  # type: ignore[return-value]  # two ends


def _result(lab: Lab, interval: Interval, source: LabResult, derivation: Derivation) -> LabResult:
    note = Reason("computed", {"formula": derivation.kind})
    evidence: Evidence = replace(source.evidence, text=lab.label, value=_shown(interval), unit=lab.unit, notes=(note,))
    return LabResult(interval, source.when, evidence)


def _shown(interval: Interval) -> Decimal | str:
    low, high = (None if end is None else end.quantize(_SHOWN) for end in (interval.low, interval.high))
    if low is None:
        return "?" if high is None else f"<={high}"
    if high is None:
        return f">={low}"
    return low if high - low <= _NARROW else f"{low}-{high}"


_FORMULAS: Mapping[str, Callable[[Lab, Derivation, LabBook, PatientFacts], _Computed]] = {
    "fraction-of": _fraction_of,
    "sum-of-logarithms": _sum_of_logarithms,
    "ckd-epi-2021": _ckd_epi_2021,
}
