"""Analytes computed from others: eGFR and clearance from creatinine, neutrophils from the differential; scores.

The formulas' numbers and sources are in `knowledge/labs.toml`, the formulas of scores in `scores.py`. A computed value
counts only where it is newer than every measured one, and is marked as computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial

from msgspec.structs import replace

from cds_service.facts.patient_facts import Interval
from cds_service.findings.computed import Entry, Record, ages, computed, deciding, hull
from cds_service.findings.lab_results import Blocked, LabBook, LabResult, newest
from cds_service.findings.scores import points, sum_of_terms
from cds_service.knowledge.derivation import Derivation
from cds_service.knowledge.lab_types import Lab
from cds_service.reasons import Reason


def add_derived(book: LabBook, record: Record) -> None:
    """Have the book compute results as they are asked for, and why one that would be newer could not be computed.

    What is computed from a doubtful result is doubtful. The cost grows with the number of results, not with its square.
    """
    for lab in record.knowledge.labs.values():
        if lab.derivation is not None:
            book.to_compute[lab.id] = partial(_add, lab, lab.derivation, record)


def _add(lab: Lab, derivation: Derivation, record: Record, book: LabBook) -> None:
    last = max((result.when.latest for result in book.of(lab.id)), default=None)
    for entry in _FORMULAS[derivation.kind](lab, derivation, book, record):
        if last is None or entry.when is None or entry.when.earliest > last:
            book.add(lab.id, entry)


def _fraction_of(lab: Lab, derivation: Derivation, book: LabBook, record: Record) -> Iterator[Entry]:
    """total x percent / divisor, of results of the same day; refused where one of the two is."""
    wholes, parts = (_by_day(_every(book, name)) for name in derivation.inputs)
    for day in wholes:
        for whole, part in _pairs(wholes[day], parts.get(day, []) + (parts.get(None, []) if day else [])):
            yield _share(lab, whole, part, derivation)
    for day in parts if None in wholes else ():
        for part, whole in _pairs(parts[day], wholes[None] if day else []):
            yield _share(lab, whole, part, derivation)


def _every(book: LabBook, lab: str) -> list[Entry]:
    return [*book.of(lab), *book.blocked_of(lab), *(e for entries in book.doubtful_of(lab) for e in entries)]


def _by_day(entries: Iterable[Entry]) -> dict[date | None, list[Entry]]:
    """By day; those without a date, which may be of any, under None."""
    found: dict[date | None, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.when.latest.date() if entry.when else None, []).append(entry)
    return found


def _pairs(ones: Sequence[Entry], others: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Each of the ones with those of the others that decide: the lowest and the highest tell as much as all."""
    fewer = _that_decide(others)
    return ((one, other) for one in ones for other in fewer)


def _that_decide(entries: Sequence[Entry]) -> list[Entry]:
    """The lowest and highest of the sure and of the doubtful results, and one refused result of each kind."""
    found: dict[int, Entry] = {}
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


def _share(lab: Lab, whole: Entry, part: Entry, derivation: Derivation) -> Entry:
    doubt = whole.doubt or part.doubt
    if isinstance(whole, LabResult) and isinstance(part, LabResult):
        product = _product(whole.interval, part.interval).scaled(1 / Fraction(derivation.parameters["divisor"]))
        sources = list(zip(derivation.inputs, (whole, part), strict=True))
        return replace(computed(lab, derivation, product, sources), doubt=doubt)
    broken = whole if isinstance(whole, Blocked) else part
    reason = broken.reason if isinstance(broken, Blocked) else Reason("other")
    return Blocked(reason, whole.when or part.when, broken.evidence, doubt)


def _product(one: Interval, other: Interval) -> Interval:
    """Of two intervals without negative values."""
    low = None if one.low is None or other.low is None else one.low * other.low
    high = None if one.high is None or other.high is None else one.high * other.high
    return Interval(low, high)


def _ckd_epi_2021(lab: Lab, derivation: Derivation, book: LabBook, record: Record) -> Iterator[Entry]:
    """eGFR of every creatinine; an inexact creatinine or birth date gives an interval."""
    for creatinine in _every(book, derivation.inputs[0]):
        if isinstance(creatinine, Blocked):
            yield creatinine
            continue
        facts = record.facts
        known = ages(facts.birth_date, creatinine.when.earliest)
        problem = None
        if known is None or facts.gender not in ("male", "female"):
            problem = "needs-birth-date-and-sex"
        elif known[0] < derivation.parameters["youngest"]:
            problem = "adults-only"
        if problem or known is None or facts.gender is None:
            yield Blocked(Reason(problem or "other"), creatinine.when, creatinine.evidence, creatinine.doubt)
        else:
            span = _gfr_span(creatinine.interval, known, facts.gender, derivation.parameters)
            yield replace(computed(lab, derivation, span, [(derivation.inputs[0], creatinine)]), doubt=creatinine.doubt)


def _gfr_span(
    creatinine: Interval, known: tuple[float, float], sex: str, parameters: Mapping[str, Decimal]
) -> Interval:
    """The more creatinine and the more years, the lower; without creatinine there is no upper bound."""
    youngest, oldest = known
    low = None if not creatinine.high else _gfr(creatinine.high, oldest, sex, parameters)
    high = None if not creatinine.low else _gfr(creatinine.low, youngest, sex, parameters)
    return Interval(low, high)


def _gfr(creatinine: Decimal, age: float, sex: str, parameters: Mapping[str, Decimal]) -> Decimal:
    p = {name: float(value) for name, value in parameters.items()}
    ratio = float(creatinine) / p[f"kappa_{sex}"]
    curve = min(ratio, 1.0) ** p[f"alpha_{sex}"] * max(ratio, 1.0) ** p["above"]
    factor = p["female"] if sex == "female" else 1.0
    return Decimal(p["scale"] * curve * p["age_base"] ** age * factor)


def _cockcroft_gault(lab: Lab, derivation: Derivation, book: LabBook, record: Record) -> Iterator[Entry]:
    """Clearance of the newest creatinine of an adult whose weight is recorded; without one there is none."""
    parameters, facts = derivation.parameters, record.facts
    creatinines = newest(book.of(derivation.inputs[0]))
    if not creatinines or facts.gender not in ("male", "female"):
        return
    creatinine = creatinines[0]
    oldest = timedelta(days=int(parameters["weight_within_days"]))
    weights = book.of(derivation.inputs[1])
    near = newest(w for w in weights if abs(w.when.earliest - creatinine.when.earliest) <= oldest)
    known = ages(facts.birth_date, creatinine.when.earliest)
    if known is None or known[0] < parameters["youngest"] or not near:
        return
    span, weight = hull(creatinines), hull(near)
    factor = parameters["female"] if facts.gender == "female" else Decimal(1)
    low = _clearance(span.high, weight.low, int(known[1]), parameters)
    high = _clearance(span.low, weight.high, int(known[0]), parameters)
    scaled = Interval(None if low is None else low * factor, None if high is None else high * factor)
    sources = [(derivation.inputs[0], result) for result in deciding(creatinines)]
    sources += [(derivation.inputs[1], result) for result in deciding(near)]
    found = computed(lab, derivation, scaled, sources)
    # A weight counts for a year: the clearance is as old as the creatinine.
    yield replace(found, when=creatinine.when, evidence=replace(found.evidence, date=creatinine.evidence.date))


def _clearance(
    creatinine: Decimal | None, weight: Decimal | None, age: int, parameters: Mapping[str, Decimal]
) -> Decimal | None:
    if not creatinine or weight is None:
        return None
    return max(parameters["age_base"] - age, Decimal(0)) * weight / (parameters["divisor"] * creatinine)


_FORMULAS: Mapping[str, Callable[[Lab, Derivation, LabBook, Record], Iterator[Entry]]] = {
    "fraction-of": _fraction_of,
    "sum-of-terms": sum_of_terms,
    "points": points,
    "ckd-epi-2021": _ckd_epi_2021,
    "cockcroft-gault": _cockcroft_gault,
}
