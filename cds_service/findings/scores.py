"""Scores computed from several results: sums of terms (MELD, ALBI), and points (Child-Pugh).

Every number is in `knowledge/labs.toml`. What is not known makes a score a range, never a better score: an input that
is bounded, may count as something else or is not there is taken at both of its ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import product

import msgspec
from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import Interval
from cds_service.findings.chart import Match, is_current
from cds_service.findings.computed import Entry, Record, ages, computed, deciding, hull, with_unknown
from cds_service.findings.finding import Evidence
from cds_service.findings.intervals import meets
from cds_service.findings.lab_results import Blocked, LabBook, LabResult, may_be_newer, newest
from cds_service.findings.medication_use import in_use
from cds_service.findings.thresholds import age_in_days
from cds_service.kinds import KINDS
from cds_service.knowledge.derivation import Derivation, Input, RecordedPart, Term
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason

_SEXES = ("female", "male")
_SEVERITY = "severity"
"""Part of a score that no code gives: how severe a recorded condition is."""


def sum_of_terms(lab: Lab, derivation: Derivation, book: LabBook, record: Record) -> Iterator[Entry]:
    """The score of the newest results of all inputs, as old as the oldest of them.

    A result that may be newer and can't be used, or may be of another test, is told beside it.
    """
    sure = {name: newest(book.of(name)) for name in derivation.inputs}
    refused = [block for name, latest in sure.items() for block in may_be_newer(book.blocked_of(name), latest)]
    if all(sure.values()):
        yield _score(lab, sure, derivation, record)
    if all(latest or book.blocked_of(name) for name, latest in sure.items()):
        yield from refused
    doubtful = {name: _possible(book, name, latest) for name, latest in sure.items()}
    doubt = next((entry.doubt for entries in doubtful.values() for entry in entries if entry.doubt), None)
    if doubt is None or not all(sure[name] or doubtful[name] for name in sure):
        return
    usable = {name: [*sure[name], *(e for e in doubtful[name] if isinstance(e, LabResult))] for name in sure}
    if all(usable.values()):
        yield replace(_score(lab, usable, derivation, record), doubt=doubt)
    for block in (e for entries in doubtful.values() for e in entries if isinstance(e, Blocked)):
        yield replace(block, doubt=doubt)


def _possible(book: LabBook, lab: str, latest: Sequence[LabResult]) -> list[Entry]:
    """Doubtful results that may be newer than the sure ones: the newest of each source, and refused ones."""
    found: list[Entry] = []
    start = max((result.when.earliest for result in latest), default=None)
    for entries in book.doubtful_of(lab):
        ends = newest(entry for entry in entries if isinstance(entry, LabResult))
        found += [result for result in ends if start is None or result.when.latest >= start]
        found += may_be_newer([e for e in entries if isinstance(e, Blocked)], ends or latest)
    return found


def _score(
    lab: Lab, latest: Mapping[str, Sequence[LabResult]], derivation: Derivation, record: Record
) -> LabResult | Blocked:
    sources = [(name, result) for name, results in latest.items() for result in deciding(results)]
    oldest = min((result for _, result in sources), key=lambda result: result.when.earliest)
    youngest = derivation.parameters.get("youngest")
    if youngest is not None:
        known = ages(record.facts.birth_date, oldest.when.earliest)
        if known is None or known[0] < youngest:
            reason = Reason("adults-only" if known else "needs-birth-date-and-sex")
            return Blocked(reason, oldest.when, oldest.evidence)
    spans, unknown = {}, []
    for value in derivation.values:
        spans[value.lab], part = _otherwise(value, hull(latest[value.lab]), record)
        unknown += part
    return with_unknown(computed(lab, derivation, _range(spans, derivation, record), sources), unknown)


def _otherwise(value: Input, span: Interval, record: Record) -> tuple[Interval, list[str]]:
    """The interval of an input, widened to what else it may count as, and what would have to be known."""
    other = value.otherwise
    if other is None or not _may_count_as_another(value, record):
        return span, []
    low = None if span.low is None else min(span.low, other.value)
    high = None if span.high is None else max(span.high, other.value)
    return Interval(low, high), [other.name] if (low, high) != (span.low, span.high) else []


def _may_count_as_another(value: Input, record: Record) -> bool:
    other = value.otherwise
    if other is None:
        return False
    if other.when is not None:
        matches = record.chart.in_value_set(record.knowledge.conditions[other.when].value_set)
        if any(match.certainty is not Certainty.ABSENT for match in matches):
            return True
    table, today = record.knowledge.medications, record.facts.today
    drugs = [agent for agent in table.agents.values() if agent.drug_class in other.drug_classes]
    return any(in_use(record.medications.of([drug.id]), drug, table, today) for drug in drugs)


def _range(spans: Mapping[str, Interval], derivation: Derivation, record: Record) -> Interval:
    """Lowest and highest score: each input counts once in a term, so both are at corners of the intervals."""
    names = [value.lab for value in derivation.values]
    ends = [_ends(value, spans[value.lab], record.knowledge) for value in derivation.values]
    sexes = (record.facts.gender,) if record.facts.gender in _SEXES else _SEXES
    scores = [
        _sum(derivation.terms, dict(zip(names, corner, strict=True)), sex) for corner in product(*ends) for sex in sexes
    ]
    low, high = (_finished(score, derivation.parameters) for score in (min(scores), max(scores)))
    return Interval(low, high)


def _ends(value: Input, span: Interval, knowledge: Knowledge) -> tuple[float, float]:
    """Both ends of an input as the formula takes it; an open end is as far as the lab can be."""
    lab = knowledge.labs[value.lab]
    low = lab.lowest if span.low is None else span.low
    high = lab.highest if span.high is None else span.high
    numbers = (-math.inf if low is None else float(low), math.inf if high is None else float(high))
    factor = float(lab.factor_of(value.unit, knowledge.units) or 1)
    one, other = (_taken(number / factor, value) for number in numbers)
    return one, other


def _taken(number: float, value: Input) -> float:
    if value.lowest is not None:
        number = max(number, float(value.lowest))
    if value.highest is not None:
        number = min(number, float(value.highest))
    if value.subtract_from is not None:
        number = float(value.subtract_from) - number
    if value.logarithm is None:
        return number
    if number <= 0:
        return -math.inf
    return math.log10(number) if value.logarithm == "log10" else math.log(number)


def _sum(terms: Sequence[Term], values: Mapping[str, float], sex: str | None) -> float:
    counted = (
        term
        for term in terms
        if term.sex in (None, sex)
        and (term.above is None or term.above_value is None or values[term.above] > float(term.above_value))
    )
    return math.fsum(float(term.weight) * math.prod(values[name] for name in term.of) for term in counted)


def _finished(score: float, parameters: Mapping[str, Decimal]) -> Decimal | None:
    """Held to the ends of the score and rounded; None for no end."""
    lowest, highest, decimals = (parameters.get(name) for name in ("lowest", "highest", "decimals"))
    if not math.isfinite(score):
        return lowest if score < 0 else highest
    number = Decimal(score)
    if decimals is not None:
        number = number.quantize(Decimal(1).scaleb(-int(decimals)), ROUND_HALF_UP)
    number = number if lowest is None else max(number, lowest)
    return number if highest is None else min(number, highest)


class _Part(msgspec.Struct, frozen=True):
    """Points of one part of a score: the least and the most that it may have, and what tells."""

    least: Decimal
    most: Decimal
    results: tuple[tuple[str, LabResult], ...] = ()
    also: tuple[tuple[str, Evidence], ...] = ()
    ambiguous: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unread: Reason | None = None


def points(lab: Lab, derivation: Derivation, book: LabBook, record: Record) -> Iterator[Entry]:
    """The sum of the points of every part; what is not known, too old or not recorded may have any of them.

    Nothing where none of its results is known.
    """
    parts = [_measured(value, derivation, book, record) for value in derivation.values]
    sources = [source for part in parts for source in part.results]
    if not sources:
        return
    parts += [_recorded(name, derivation, record) for name in dict.fromkeys(part.name for part in derivation.recorded)]
    span = Interval(sum((p.least for p in parts), Decimal(0)), sum((p.most for p in parts), Decimal(0)))
    found = computed(lab, derivation, span, sources, [item for part in parts for item in part.also])
    if span.exact is None:
        found = replace(found, evidence=replace(found.evidence, value=f">={span.low}"))
    unread = next((part.unread for part in parts if part.unread), None)
    ambiguous, missing = [n for part in parts for n in part.ambiguous], [n for part in parts for n in part.missing]
    yield with_unknown(found, ambiguous, missing, unread)


def _measured(value: Input, derivation: Derivation, book: LabBook, record: Record) -> _Part:
    least, most = (derivation.parameters[name] for name in ("least", "most"))
    latest = newest(book.of(value.lab))
    not_used = [*may_be_newer(book.blocked_of(value.lab), latest), *_possible(book, value.lab, latest)]
    days, today = derivation.parameters["within_days"], record.facts.today
    fresh = [result for result in latest if age_in_days(result.when, today) <= days]
    recent = [e for e in not_used if e.when is None or age_in_days(e.when, today) <= days]
    if recent or not fresh or len(fresh) < len(latest):
        return _Part(least, most, missing=(value.lab,), unread=_why_not(recent))
    span, unknown = _otherwise(value, hull(fresh), record)
    met = [meets(span, step.comparison, step.value) for step in value.steps]
    sure = sum(answer is Certainty.PRESENT for answer in met)
    possible = sum(answer is not Certainty.ABSENT for answer in met)
    sources = tuple((value.lab, result) for result in deciding(fresh))
    return _Part(least + sure, least + possible, sources, ambiguous=tuple(unknown))


def _why_not(entries: Sequence[Entry]) -> Reason | None:
    """Why results can't be used: they may be another test, or can't be read."""
    reasons = (e.doubt.reason if e.doubt else e.reason if isinstance(e, Blocked) else None for e in entries)
    return next((reason for reason in reasons if reason), None)


def _recorded(name: str, derivation: Derivation, record: Record) -> _Part:
    """A condition that is recorded for certain counts, the gravest most; that none is recorded says nothing."""
    least, most = (derivation.parameters[end] for end in ("least", "most"))
    found = [
        (part.points, match)
        for part in derivation.recorded
        for match in record.chart.in_value_set(part.value_set)
        if part.name == name and _counts(match, part, record)
    ]
    if not found:
        return _Part(least, most, missing=(name,), unread=_unread_conditions(name, derivation, record))
    gravest, match = max(found, key=lambda one: one[0])
    return _Part(gravest, most, also=((name, match.evidence()),), missing=(_SEVERITY,) if gravest < most else ())


def _unread_conditions(name: str, derivation: Derivation, record: Record) -> Reason | None:
    """Why a condition may be there and was not found: not all could be retrieved or read."""
    kind = KINDS[ConditionQuestion.DATA]
    if kind.key not in record.facts.obtained:
        return kind.unavailable
    if not record.chart.complete:
        return kind.incomplete
    unread = record.chart.unread_for(part.value_set for part in derivation.recorded if part.name == name)
    return record.chart.why_unread(unread[0]) if unread else None


def _counts(match: Match, part: RecordedPart, record: Record) -> bool:
    if match.certainty is not Certainty.PRESENT:
        return False
    return part.within_days is None or is_current(match.fact, part.within_days, record.facts)
