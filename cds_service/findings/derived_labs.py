"""Analytes computed from others: eGFR from creatinine, neutrophils from the differential, MELD.

The formulas' numbers and sources are in `knowledge/labs.toml`. A computed value counts only where it is newer than
every measured one, and is marked as computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

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
    """Add computed results to the book, and why one that would be newer could not be computed.

    What is computed from a doubtful result is doubtful. The cost grows with the number of results, not with its square.
    """
    for lab in knowledge.labs.values():
        if lab.derivation is None:
            continue
        last = max((result.when.latest for result in book.of(lab.id)), default=None)
        for entry in _FORMULAS[lab.derivation.kind](lab, lab.derivation, book, facts):
            if last is None or entry.when is None or entry.when.earliest > last:
                book.add(lab.id, entry)


_Entry = LabResult | Blocked


def _fraction_of(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> Iterator[_Entry]:
    """total x percent / divisor, of results of the same day; refused where one of the two is."""
    wholes, parts = (_by_day(_every(book, name)) for name in derivation.inputs)
    for day in wholes:
        for whole, part in _pairs(wholes[day], parts.get(day, []) + (parts.get(None, []) if day else [])):
            yield _share(lab, whole, part, derivation)
    for day in parts if None in wholes else ():
        for part, whole in _pairs(parts[day], wholes[None] if day else []):
            yield _share(lab, whole, part, derivation)


def _every(book: LabBook, lab: str) -> list[_Entry]:
    return [*book.of(lab), *book.blocked.get(lab, ()), *(e for entries in book.doubtful_of(lab) for e in entries)]


def _by_day(entries: Iterable[_Entry]) -> dict[date | None, list[_Entry]]:
    """By day; those without a date, which may be of any, under None."""
    found: dict[date | None, list[_Entry]] = {}
    for entry in entries:
        found.setdefault(entry.when.latest.date() if entry.when else None, []).append(entry)
    return found


def _pairs(ones: Sequence[_Entry], others: Sequence[_Entry]) -> Iterator[tuple[_Entry, _Entry]]:
    """Each of the ones with those of the others that decide: the lowest and the highest tell as much as all."""
    deciding = _deciding(others)
    return ((one, other) for one in ones for other in deciding)


def _deciding(entries: Sequence[_Entry]) -> list[_Entry]:
    """The lowest and highest of the sure and of the doubtful results, and one refused result of each kind."""
    found: dict[int, _Entry] = {}
    for doubtful in (False, True):
        alike = [entry for entry in entries if (entry.doubt is not None) is doubtful]
        results = [entry for entry in alike if isinstance(entry, LabResult)]
        if results:
            ends = [f(results, key=bound) for f in (min, max) for bound in (_low, _high)]
            found |= {id(entry): entry for entry in ends}
        refused = {entry.reason.key: entry for entry in alike if isinstance(entry, Blocked)}
        found |= {id(entry): entry for entry in refused.values()}
    return list(found.values())


def _low(result: LabResult) -> Decimal:
    return Decimal("-Infinity") if result.interval.low is None else result.interval.low


def _high(result: LabResult) -> Decimal:
    return Decimal("Infinity") if result.interval.high is None else result.interval.high


def _share(lab: Lab, whole: _Entry, part: _Entry, derivation: Derivation) -> _Entry:
    doubt = whole.doubt or part.doubt
    if isinstance(whole, LabResult) and isinstance(part, LabResult):
        product = _product(whole.interval, part.interval).scaled(1 / Fraction(derivation.parameters["divisor"]))
        return replace(_result(lab, product, whole, derivation), doubt=doubt)
    broken = whole if isinstance(whole, Blocked) else part
    reason = broken.reason if isinstance(broken, Blocked) else Reason("other")
    return Blocked(reason, whole.when or part.when, broken.evidence, doubt)


def _product(one: Interval, other: Interval) -> Interval:
    """Of two intervals without negative values."""
    low = None if one.low is None or other.low is None else one.low * other.low
    high = None if one.high is None or other.high is None else one.high * other.high
    return Interval(low, high)


def _sum_of_logarithms(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> Iterator[_Entry]:
    """constant + sum of weight x ln(value), each value raised to `smallest` and cut at `largest_<input>`."""
    sure = {name: newest(book.of(name)) for name in derivation.inputs}
    refused = [block for name, latest in sure.items() for block in _may_be_newer(book.blocked.get(name, ()), latest)]
    if all(sure.values()):
        yield _score_of(lab, sure, derivation)
    if all(latest or book.blocked.get(name) for name, latest in sure.items()):
        yield from refused
    doubtful = {name: _possible(book, name, latest) for name, latest in sure.items()}
    doubt = next((entry.doubt for entries in doubtful.values() for entry in entries if entry.doubt), None)
    if doubt is None or not all(sure[name] or doubtful[name] for name in sure):
        return
    usable = {name: [*sure[name], *(e for e in doubtful[name] if isinstance(e, LabResult))] for name in sure}
    if all(usable.values()):
        yield replace(_score_of(lab, usable, derivation), doubt=doubt)
    for block in (e for entries in doubtful.values() for e in entries if isinstance(e, Blocked)):
        yield replace(block, doubt=doubt)


def _score_of(lab: Lab, latest: Mapping[str, Sequence[LabResult]], derivation: Derivation) -> LabResult:
    """The score of the newest results, as old as the oldest of them."""
    spans = {name: _hull(results) for name, results in latest.items()}
    low = _score({name: span.low or Decimal(0) for name, span in spans.items()}, derivation.parameters)
    high = _score({name: span.high for name, span in spans.items()}, derivation.parameters)
    oldest = min((results[0] for results in latest.values()), key=lambda part: part.when.earliest)
    return _result(lab, Interval(low, high), oldest, derivation)


def _possible(book: LabBook, lab: str, latest: Sequence[LabResult]) -> list[_Entry]:
    """Doubtful results that may be newer than the sure ones: the newest of each source, and refused ones."""
    found: list[_Entry] = []
    start = max((result.when.earliest for result in latest), default=None)
    for entries in book.doubtful_of(lab):
        ends = newest(entry for entry in entries if isinstance(entry, LabResult))
        found += [result for result in ends if start is None or result.when.latest >= start]
        found += _may_be_newer([e for e in entries if isinstance(e, Blocked)], ends or latest)
    return found


def _may_be_newer(blocked: Iterable[Blocked], latest: Sequence[LabResult]) -> list[Blocked]:
    """Refused results that may be newer than the usable ones; a test that was not done takes nothing from these."""
    start = max((result.when.earliest for result in latest), default=None)
    return [
        block
        for block in blocked
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


def _ckd_epi_2021(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> Iterator[_Entry]:
    """eGFR of every creatinine; an inexact creatinine or birth date gives an interval."""
    for creatinine in _every(book, derivation.inputs[0]):
        if isinstance(creatinine, Blocked):
            yield creatinine
            continue
        ages = _ages(facts.birth_date, creatinine.when.earliest)
        problem = None
        if ages is None or facts.gender not in ("male", "female"):
            problem = "needs-birth-date-and-sex"
        elif ages[0] < derivation.parameters["youngest"]:
            problem = "adults-only"
        if problem or ages is None or facts.gender is None:
            yield Blocked(Reason(problem or "other"), creatinine.when, creatinine.evidence, creatinine.doubt)
        else:
            span = _gfr_span(creatinine.interval, ages, facts.gender, derivation.parameters)
            yield replace(_result(lab, span, creatinine, derivation), doubt=creatinine.doubt)


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


def _cockcroft_gault(lab: Lab, derivation: Derivation, book: LabBook, facts: PatientFacts) -> Iterator[_Entry]:
    """Clearance of every creatinine of an adult whose weight is recorded; without one there is none."""
    parameters, weights = derivation.parameters, book.of(derivation.inputs[1])
    oldest = timedelta(days=int(parameters["weight_within_days"]))
    for creatinine in book.of(derivation.inputs[0]):
        ages = _ages(facts.birth_date, creatinine.when.earliest)
        near = newest(w for w in weights if abs(w.when.earliest - creatinine.when.earliest) <= oldest)
        if ages is None or ages[0] < parameters["youngest"] or facts.gender not in ("male", "female") or not near:
            continue
        span, weight = creatinine.interval, _hull(near)
        factor = parameters["female"] if facts.gender == "female" else Decimal(1)
        low = _clearance(span.high, weight.low, int(ages[1]), parameters)
        high = _clearance(span.low, weight.high, int(ages[0]), parameters)
        scaled = Interval(None if low is None else low * factor, None if high is None else high * factor)
        yield _result(lab, scaled, creatinine, derivation)


def _clearance(
    creatinine: Decimal | None, weight: Decimal | None, age: int, parameters: Mapping[str, Decimal]
) -> Decimal | None:
    if not creatinine or weight is None:
        return None
    return max(parameters["age_base"] - age, Decimal(0)) * weight / (parameters["divisor"] * creatinine)


_FORMULAS: Mapping[str, Callable[[Lab, Derivation, LabBook, PatientFacts], Iterator[_Entry]]] = {
    "fraction-of": _fraction_of,
    "sum-of-logarithms": _sum_of_logarithms,
    "ckd-epi-2021": _ckd_epi_2021,
    "cockcroft-gault": _cockcroft_gault,
}
