"""Is a condition of these value sets recorded? And how loudly does it speak."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from cds_service.certainty import Certainty
from cds_service.findings.chart import Match
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import CriterionFinding, Evidence
from cds_service.findings.questions.allergy import unread_allergies
from cds_service.findings.questions.unanswered import unanswered
from cds_service.findings.thresholds import hold_against
from cds_service.indicator import Indicator
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Criterion
from cds_service.reasons import Reason

_NOBODY_KNOWS = "allergies-not-known"
"""Reason of an allergy entry that says nobody asked: it hides no diagnosis."""
_MOST_UNREAD = 5
"""How many of the resources that nobody can read stand with each question; the call's gaps name or count them all."""


def judge_condition(
    criterion: Criterion, question: ConditionQuestion, patient: PatientContext
) -> CriterionFinding | None:
    """The answer of one condition question; None for an optional one that the record leaves open."""
    if not patient.chart.holds_any_of(question.value_sets):
        return _no_condition(criterion, question, patient)
    found = [match for value_set in question.value_sets for match in patient.chart.in_value_set(value_set)]
    ended = _ends(question, patient)
    timely = [(match, when) for match in found if (when := _time(question, match, patient, ended)) is not _OVER]
    matches = [(match, when) for match, when in timely if match.hit.sufficient and when is not _UNDATED]
    if not matches:
        return _possible(criterion, timely) or _no_condition(criterion, question, patient)
    leveled = [(match, *_level(criterion.indicator, question, match, when, patient)) for match, when in matches]
    leveled.sort(key=lambda one: -one[1])
    # dict: one resource may be in several of the value sets
    evidence = {match.fact.reference: match.evidence(note) for match, _, note in leveled}
    if question.severity_from and not _severity_is_known(question, patient):
        reason = Reason("severity-not-recorded")
        return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, reason, tuple(evidence.values()))
    _, loudest, _ = leveled[0]
    return CriterionFinding(criterion, Certainty.PRESENT, loudest, evidence=tuple(evidence.values()))


def _level(
    base: Indicator, question: ConditionQuestion, match: Match, when: _Time, patient: PatientContext
) -> tuple[Indicator, Reason | None]:
    """How loudly one recorded condition speaks, and what softened it.

    Remission and history are info; an acute state that is old and not of this encounter is info; an unconfirmed
    diagnosis is one level lower.
    """
    if match.fact.activity == "remission":
        return Indicator.INFO, Reason("remission")
    if match.past:
        return Indicator.INFO, Reason("history-in-words")
    if _is_stale(question, match, patient):
        return Indicator.INFO, Reason("stale", {"days": question.acute_within_days or 0})
    if not match.fact.certain:
        return base.lower, Reason("unconfirmed")
    if when is _LIKELY:
        return base.lower, Reason("onset-not-recorded")
    return base, None if match.fact.status_clear else Reason("status-unclear")


def _is_stale(question: ConditionQuestion, match: Match, patient: PatientContext) -> bool:
    days = question.acute_within_days
    return days is not None and not patient.is_current(match.fact, days)


def _severity_is_known(question: ConditionQuestion, patient: PatientContext) -> bool:
    limits = [limit for limit in patient.knowledge.thresholds.values() if limit.lab in question.severity_from]
    verdicts = [hold_against(limit, patient.labs, patient.knowledge.codes, patient.facts.today) for limit in limits]
    return any(verdict.certainty in (Certainty.PRESENT, Certainty.ABSENT) for verdict in verdicts)


class _Time(Enum):
    """Whether a condition began when the question asks: surely, likely by the day of its record, not known, or not."""

    SURE = "sure"
    LIKELY = "likely"
    UNDATED = "undated"
    OVER = "over"


_LIKELY, _UNDATED, _OVER = _Time.LIKELY, _Time.UNDATED, _Time.OVER


def _ends(question: ConditionQuestion, patient: PatientContext) -> list[datetime]:
    """The days on which what is asked for ended: conditions that count as the end of it, where they have a date."""
    found = [match for value_set in question.ended_by for match in patient.chart.in_any_state(value_set)]
    return [match.fact.onset.latest for match in found if match.hit.sufficient and match.fact.onset is not None]


def _time(question: ConditionQuestion, match: Match, patient: PatientContext, ended: Sequence[datetime]) -> _Time:
    fact, dates, asked = match.fact, patient.chart.dates, question.time
    if fact.onset is not None and any(end >= fact.onset.earliest for end in ended):
        return _Time.OVER
    fits = dates.fit(asked, fact, recorded_too=question.record_date_counts)
    if fits is not Certainty.UNKNOWN:
        return _Time.SURE if fits is Certainty.PRESENT else _Time.OVER
    if question.record_date_counts:
        return _Time.LIKELY
    by_record = dates.fit(asked, fact, recorded_too=True)
    return {Certainty.PRESENT: _Time.LIKELY, Certainty.ABSENT: _Time.OVER}.get(by_record, _Time.UNDATED)


def _possible(criterion: Criterion, matches: Sequence[tuple[Match, _Time]]) -> CriterionFinding | None:
    """Unknown, where only wider codes or words were found, or none with a date: it may be what is asked for."""
    if not matches:
        return None
    evidence = {match.fact.reference: match.evidence() for match, _ in matches}
    undated = any(match.hit.sufficient for match, _ in matches)
    reason = Reason("onset-not-recorded") if undated else matches[0][0].doubt
    return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, reason, tuple(evidence.values()))


def _no_condition(
    criterion: Criterion, question: ConditionQuestion, patient: PatientContext
) -> CriterionFinding | None:
    gap = unanswered(criterion, patient.facts)
    chart = patient.chart
    # An optional question may have no codes in the vocabulary of a condition; it misses only what nobody can read.
    unread = chart.unread_for(question.value_sets) if criterion.required else chart.unread_at_all()
    if gap is None and not unread and question.on_allergy_list:
        gap = unread_allergies(criterion, patient, but_for=_NOBODY_KNOWS)
    if gap is None and not unread:
        return CriterionFinding(criterion, Certainty.ABSENT) if criterion.required else None
    if gap is not None:
        return gap
    evidence = tuple(Evidence(fact.reference, fact.concept.label) for fact in unread[:_MOST_UNREAD])
    reason = patient.chart.why_unread(unread[0])
    return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, reason, evidence)
