"""The newest valid result of a lab against one limit.

Only the newest counts: an INR of 3.4 twelve days ago says nothing beside 1.2 today. A refused result that may be
newer than the newest usable one takes "below the limit" back to unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import When
from cds_service.findings.finding import Evidence
from cds_service.findings.intervals import meets
from cds_service.findings.lab_results import Blocked, LabBook, LabResult, newest
from cds_service.knowledge.tables import Threshold
from cds_service.knowledge.value_sets import CodeIndex
from cds_service.reasons import Reason

_NOT_DONE = "data-absent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`certainty` None: there is no datum at all (then `reason` says so)."""

    certainty: Certainty | None
    reason: Reason | None = None
    evidence: tuple[Evidence, ...] = ()


def hold_against(limit: Threshold, book: LabBook, codes: CodeIndex, today: date) -> Verdict:
    """Hold the newest result of the limit's lab against it.

    Args:
        limit: the threshold; `within_days` is inclusive, a result dated today is 0 days old.
        book: results and refused results of the call.
        codes: to look up coded answers.
        today: the hospital's date.
    """
    if limit.comparison == "rise":
        # A refused result of any time in the window may have been the low or the high end of a rise.
        return _with_refused(_judge_rise(limit, book, today), limit, book.blocked_of(limit.lab), None, today)
    latest = newest(book.of(limit.lab))
    verdict = _combined(limit, latest, codes, today)
    start = max((result.when.earliest for result in latest), default=None)
    return _with_refused(verdict, limit, book.blocked_of(limit.lab), start, today)


def _combined(limit: Threshold, latest: Sequence[LabResult], codes: CodeIndex, today: date) -> Verdict:
    if not latest:
        return Verdict(None, Reason("no-result"))
    evidence = tuple(result.evidence for result in latest)
    if all(_age(result.when.latest, today) > limit.within_days for result in latest):
        return Verdict(None, Reason("older-than", {"days": limit.within_days}), evidence)
    if any(_age(result.when.earliest, today) > limit.within_days for result in latest):
        return Verdict(Certainty.UNKNOWN, Reason("imprecise-date"), evidence)
    answers = {_meets(limit, result, codes) for result in latest}
    if len(answers) > 1:
        return Verdict(Certainty.UNKNOWN, Reason("results-disagree"), evidence)
    answer = answers.pop()
    if answer is Certainty.UNKNOWN:
        shown = {"value": str(evidence[0].value), "limit": f"{limit.comparison} {limit.value}"}
        return Verdict(answer, Reason("straddles", shown), evidence)
    return Verdict(answer, evidence=evidence)


def _meets(limit: Threshold, result: LabResult, codes: CodeIndex) -> Certainty:
    if result.answer is not None:
        hits = {h.value_set for c in result.answer.codings for h in codes.lookup(c.system, c.code)}
        return Certainty.PRESENT if hits & set(limit.answers) else Certainty.ABSENT
    return Certainty.UNKNOWN if limit.value is None else meets(result.interval, limit.comparison, limit.value)


def _with_refused(
    verdict: Verdict, limit: Threshold, refused: Sequence[Blocked], start: datetime | None, today: date
) -> Verdict:
    """Unknown instead of absent or no datum, where a refused result may be the newest one."""
    if verdict.certainty in (Certainty.PRESENT, Certainty.UNKNOWN):
        return verdict
    # A test that was not done says the least, so it is looked at last.
    for block in sorted(refused, key=lambda block: block.reason.key == _NOT_DONE):
        if block.when is not None and _age(block.when.latest, today) > limit.within_days:
            continue
        nothing_usable = verdict.certainty is None
        may_be_newer = start is None or block.when is None or block.when.latest >= start
        # A test that was not done (dataAbsentReason) takes nothing from an older valid result.
        if nothing_usable or (may_be_newer and block.reason.key != _NOT_DONE):
            found = (block.evidence,) if block.evidence else ()
            return Verdict(Certainty.UNKNOWN, block.reason, (*found, *verdict.evidence))
    return verdict


def _judge_rise(limit: Threshold, book: LabBook, today: date) -> Verdict:
    """A rise by `rise` within hours, or to `ratio` times an earlier one within days, up to the newest result."""
    exact = [result for result in book.of(limit.lab) if result.interval.exact is not None]
    latest = newest(exact)
    if len(exact) < 2 or _age(latest[0].when.earliest, today) > limit.within_days:
        return Verdict(None, Reason("no-result"))
    for last in latest:
        for earlier in exact:
            if earlier is not last and _rose(limit, earlier, last):
                evidence = (last.evidence, earlier.evidence)
                if len(latest) == 1:
                    return Verdict(Certainty.PRESENT, evidence=evidence)
                # Of several results of one time it can't be told which came first.
                return Verdict(Certainty.UNKNOWN, Reason("results-disagree"), evidence)
    return Verdict(Certainty.ABSENT, evidence=(latest[0].evidence,))


def _rose(limit: Threshold, earlier: LabResult, last: LabResult) -> bool:
    before, after = earlier.interval.exact, last.interval.exact
    if before is None or after is None or None in (limit.rise, limit.ratio):
        return False
    passed = last.when.earliest - earlier.when.earliest
    by_amount = passed <= timedelta(hours=limit.rise_within_hours or 0) and after - before >= (limit.rise or 0)
    by_ratio = passed <= timedelta(days=limit.ratio_within_days or 0) and after >= before * (limit.ratio or 0)
    return by_amount or by_ratio


def _age(moment: datetime, today: date) -> int:
    return (today - moment.date()).days


def age_in_days(when: When, today: date) -> int:
    """Whole days since the earliest time that the date may mean."""
    return _age(when.earliest, today)
