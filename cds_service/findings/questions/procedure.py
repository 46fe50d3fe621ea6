"""Was one of these procedures done, and in the time that is asked for?"""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.certainty import Certainty
from cds_service.findings.context import PatientContext
from cds_service.findings.finding import CriterionFinding
from cds_service.findings.performed import KnownProcedure
from cds_service.findings.questions.unanswered import never_sent, unanswered
from cds_service.indicator import Indicator
from cds_service.knowledge.questions.procedure import ProcedureQuestion
from cds_service.knowledge.tables import Criterion
from cds_service.reasons import Reason

_MOST_OPEN = 5
"""How many of the procedures that may be what is asked for stand with a question."""


def judge_procedure(
    criterion: Criterion, question: ProcedureQuestion, patient: PatientContext
) -> CriterionFinding | None:
    """The answer of one question for a procedure; None for an optional one of which nothing is recorded."""
    timely = _timely(question, patient.performed.of(question.performed), patient)
    done = [entry for entry, fits in timely if fits is Certainty.PRESENT and entry.sure]
    if done:
        evidence = tuple(entry.evidence() for entry in done)
        return CriterionFinding(criterion, Certainty.PRESENT, criterion.indicator, evidence=evidence)
    if timely:
        dated = any(fits is Certainty.PRESENT for _, fits in timely)
        return _undecided(criterion, "procedure-status-unclear" if dated else "procedure-undated", timely)
    return _nothing_found(criterion, question, patient)


def _timely(
    question: ProcedureQuestion, entries: Sequence[KnownProcedure], patient: PatientContext
) -> list[tuple[KnownProcedure, Certainty]]:
    """Those that were done in the time that is asked for, or may have been; the surest first."""
    dates = patient.chart.dates
    fitting = [(entry, dates.fit(question.time, entry.recorded)) for entry in entries]
    found = [(entry, fits) for entry, fits in fitting if fits is not Certainty.ABSENT]
    return sorted(found, key=lambda one: (one[1] is not Certainty.PRESENT, not one[0].sure))


def _undecided(
    criterion: Criterion, reason: str, found: Sequence[tuple[KnownProcedure, Certainty]]
) -> CriterionFinding:
    evidence = tuple(entry.evidence() for entry, _ in found[:_MOST_OPEN])
    return CriterionFinding(criterion, Certainty.UNKNOWN, Indicator.INFO, Reason(reason), evidence)


def _nothing_found(
    criterion: Criterion, question: ProcedureQuestion, patient: PatientContext
) -> CriterionFinding | None:
    gap, entries = unanswered(criterion, patient.facts), patient.performed.entries
    may_be = [entry for entry in entries if entry.may_be_surgery] if question.others_leave_open else []
    others = _timely(question, may_be, patient)
    if gap is not None:
        never = never_sent(question.DATA, patient.facts)
        if not (never and others):  # what the problem list says in words is told all the same
            return CriterionFinding(criterion, Certainty.UNKNOWN, gap.indicator, never or gap.reason)
    if unread := _timely(question, [entry for entry in entries if not entry.readable], patient):
        return _undecided(criterion, "procedure-code-alone", unread)
    if others:
        return _undecided(criterion, "procedure-not-classed", others)
    return CriterionFinding(criterion, Certainty.ABSENT) if criterion.required else None
