"""Observations -> results by analyte, in the analyte's canonical unit; what can't be used is kept with its reason.

A unit that is missing or not listed is refused, never guessed. A result without a date, dated in the future, or
outside what can be true is refused too. A refused result may be newer than a usable one, so it is never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cds_service.facts.patient_facts import Coding, Concept, Interval, Measurement, ObservationFact, PatientFacts, When
from cds_service.findings.finding import Evidence
from cds_service.knowledge.tables import Knowledge, Lab
from cds_service.reasons import Reason

_CLOCK_TOLERANCE = timedelta(days=1)
_ANY_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LabResult:
    """A usable result: `interval` in the lab's unit (or a coded `answer`), and what to show of it."""

    interval: Interval
    when: When
    evidence: Evidence
    answer: Concept | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A result that can't be used; `when` None: it may be of any time."""

    reason: Reason
    when: When | None
    evidence: Evidence | None


@dataclass(slots=True)
class LabBook:
    """All results of one call by lab id; `unplaced` are unreadable ones that may report any analyte."""

    results: dict[str, list[LabResult]] = field(default_factory=dict)
    blocked: dict[str, list[Blocked]] = field(default_factory=dict)
    unplaced: list[Blocked] = field(default_factory=list)

    def of(self, lab: str) -> list[LabResult]:
        """Usable results of a lab, any order."""
        return self.results.get(lab, [])

    def blocked_of(self, lab: str) -> list[Blocked]:
        """Refused results that report the lab, or may."""
        return [*self.blocked.get(lab, ()), *self.unplaced]


def book_of(facts: PatientFacts, knowledge: Knowledge) -> LabBook:
    """Sort every observation into the labs that it reports, and read the values that can matter.

    Values are read newest first, until one is usable and the rest is older than any limit looks back from it.
    """
    book = LabBook()
    history = timedelta(days=max((t.ratio_within_days or 0 for t in knowledge.thresholds.values()), default=0) + 1)
    by_value_set = {lab.value_set: lab for lab in knowledge.labs.values() if lab.value_set}
    reported: dict[str, list[tuple[ObservationFact, Coding]]] = {}
    for fact in facts.observations:
        found = _labs_of(fact, by_value_set, knowledge)
        for lab, coding, sure in found:
            if sure:
                reported.setdefault(lab.id, []).append((fact, coding))
            else:
                evidence = _evidence(fact, Measurement(), coding, lab)
                book.blocked.setdefault(lab.id, []).append(Blocked(Reason("lab-code-roughly"), fact.when, evidence))
        if not found and not fact.concept.codings:
            reason = Reason(fact.problem or "unreadable-value")
            book.unplaced.append(Blocked(reason, fact.when, _evidence(fact, Measurement(), None)))
    for lab_id, entries in reported.items():
        _read_newest(knowledge.labs[lab_id], entries, facts.now, history, book)
    return book


def _read_newest(
    lab: Lab, entries: list[tuple[ObservationFact, Coding]], now: datetime, history: timedelta, book: LabBook
) -> None:
    entries.sort(key=lambda entry: entry[0].when.latest if entry[0].when else _ANY_TIME, reverse=True)
    start: datetime | None = None
    for fact, coding in entries:
        if start is not None and fact.when is not None and fact.when.latest < start - history:
            return
        outcome = _usable(fact, lab, coding, now)
        if outcome is None:
            continue
        if isinstance(outcome, Blocked):
            book.blocked.setdefault(lab.id, []).append(outcome)
        else:
            book.results.setdefault(lab.id, []).append(outcome)
            start = max(start, outcome.when.earliest) if start else outcome.when.earliest


def _labs_of(
    fact: ObservationFact, by_value_set: dict[str, Lab], knowledge: Knowledge
) -> list[tuple[Lab, Coding, bool]]:
    """The labs that a result reports, and whether its code by itself says so: a wider one may mean another test."""
    found: dict[str, tuple[Lab, Coding, bool]] = {}
    for coding in fact.concept.codings:
        for hit in knowledge.codes.lookup(coding.system, coding.code):
            lab = by_value_set.get(hit.value_set)
            if lab is not None and not (lab.id in found and found[lab.id][2]):
                found[lab.id] = (lab, coding, hit.sufficient)
    return list(found.values())


def _usable(fact: ObservationFact, lab: Lab, coding: Coding, now: datetime) -> LabResult | Blocked | None:
    measured = fact.measure()
    if measured is None:
        return None
    evidence = _evidence(fact, measured, coding, lab)
    problem = Reason(measured.problem) if measured.problem else _date_problem(fact.when, now)
    if problem is not None or fact.when is None:
        dated = None if problem and problem.key == "future-date" else fact.when
        return Blocked(problem or Reason("no-date"), dated, evidence)
    if not lab.units:
        readable = measured.answer is not None and measured.answer.codings
        if not readable:
            return Blocked(Reason("unreadable-value"), fact.when, evidence)
        return LabResult(Interval(), fact.when, evidence, measured.answer)
    if measured.answer is not None:
        return Blocked(Reason("unreadable-value"), fact.when, evidence)
    converted = _converted(measured, lab)
    if isinstance(converted, Reason):
        return Blocked(converted, fact.when, evidence)
    return LabResult(converted, fact.when, evidence)


def _date_problem(when: When | None, now: datetime) -> Reason | None:
    if when is None:
        return Reason("no-date")
    return Reason("future-date") if when.earliest > now + _CLOCK_TOLERANCE else None


def _converted(measured: Measurement, lab: Lab) -> Interval | Reason:
    """The value in the lab's unit, or why it is refused."""
    spellings = measured.unit_codes
    if not spellings and lab.unit_optional:
        spellings = (lab.unit,)
    elif not spellings and measured.from_text and lab.text_unit:
        spellings = (lab.text_unit,)
    if not spellings:
        return Reason("no-unit")
    known = [lab.units[s] for s in spellings if s in lab.units]
    if not known:
        return Reason("unknown-unit", {"unit": spellings[0]})
    if len({unit.factor for unit in known}) > 1:
        return Reason("unit-conflict")
    unit = known[0]
    scaled = measured.interval.scaled(unit.factor)
    too_large = unit.at_most is not None and any(end > unit.at_most for end in measured.interval.ends)
    if too_large or not _can_be_true(scaled, lab):
        return Reason("implausible", {"value": measured.shown or str(measured.interval.low), "unit": spellings[0]})
    return scaled


def _can_be_true(interval: Interval, lab: Lab) -> bool:
    """Not wholly outside the lab's widest range; bounds alone (`>1000`) count as written."""
    lowest, highest = lab.lowest, lab.highest
    return all((lowest is None or end >= lowest) and (highest is None or end <= highest) for end in interval.ends)


def _evidence(fact: ObservationFact, measured: Measurement, coding: Coding | None, lab: Lab | None = None) -> Evidence:
    marked = next((lab.units[u].note for u in measured.unit_codes if u in lab.units), None) if lab else None
    exact = measured.interval.exact
    return Evidence(
        reference=fact.reference,
        text=lab.label if lab else fact.concept.label,
        coding=coding,
        value=measured.shown if exact is None else exact,
        unit=measured.unit_codes[-1] if measured.unit_codes else None,
        date=fact.when.text if fact.when else None,
        notes=tuple(Reason(key) for key in ("preliminary" if fact.preliminary else None, marked) if key),
    )


def newest(results: Iterable[LabResult]) -> list[LabResult]:
    """Those that may be the newest: one, or several where their times overlap (dates without a time)."""
    listed = list(results)
    start = max((result.when.earliest for result in listed), default=None)
    return [] if start is None else [result for result in listed if result.when.latest >= start]
