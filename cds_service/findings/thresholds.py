"""The newest valid result of a lab against one limit.

Only the newest counts: an INR of 3.4 twelve days ago says nothing beside 1.2 today. A refused result that may be
newer than the newest usable one takes "below the limit" back to unknown.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import When
from cds_service.findings.finding import Evidence
from cds_service.findings.intervals import meets
from cds_service.findings.lab_results import (
    NONE_NEWEST,
    NOT_DONE,
    Blocked,
    LabBook,
    LabResult,
    Newest,
    newest,
    newest_of,
)
from cds_service.knowledge.lab_types import Threshold
from cds_service.knowledge.value_sets import CodeIndex
from cds_service.reasons import Reason


class Verdict(msgspec.Struct, frozen=True):
    """`certainty` None: there is no datum at all (then `reason` says so)."""

    certainty: Certainty | None
    reason: Reason | None = None
    evidence: tuple[Evidence, ...] = ()


_NOTHING = Verdict(None, Reason("no-result"))


def hold_against(limit: Threshold, book: LabBook, codes: CodeIndex, today: date) -> Verdict:
    """Hold the newest result of the limit's lab against it.

    Args:
        limit: the threshold; `within_days` is inclusive, a result dated today is 0 days old.
        book: results and refused results of the call.
        codes: to look up coded answers.
        today: the hospital's date.
    """
    if book.holds_nothing_of(limit.lab):
        return _NOTHING
    refused = [*book.blocked_of(limit.lab), *book.unplaced]
    if limit.comparison == "rise":
        results = book.of(limit.lab)
        # A refused result of any time in the window may have been the low or the high end of a rise.
        verdict = _with_refused(
            _judge_rise(limit, newest(_exact(results)), _exact(results), today), limit, refused, None, today
        )
        return _with_doubtful_rise(verdict, limit, book, today)
    latest = book.newest_of(limit.lab)
    verdict = _with_refused(_combined(limit, latest, codes, today), limit, refused, latest.start, today)
    return _with_doubtful(verdict, limit, book, codes, today, latest.start)


def _combined(limit: Threshold, latest: Newest, codes: CodeIndex, today: date) -> Verdict:
    if latest is NONE_NEWEST:
        return _NOTHING
    evidence = latest.evidence
    if (today - latest.last).days > limit.within_days:
        return Verdict(None, Reason("older-than", {"days": limit.within_days}), evidence)
    if (today - latest.first).days > limit.within_days:
        return Verdict(Certainty.UNKNOWN, Reason("imprecise-date"), evidence)
    answers = {_meets(limit, result, codes) for result in latest.results}
    if len(answers) > 1:
        return Verdict(Certainty.UNKNOWN, Reason("results-disagree"), evidence)
    answer = answers.pop()
    if answer is Certainty.UNKNOWN and limit.comparison == "in":
        return Verdict(answer, Reason("answer-unread"), evidence)
    open_for = next((result.open for result in latest.results if result.open), None)
    if answer is Certainty.UNKNOWN and open_for is not None:
        return Verdict(answer, open_for, evidence)
    if answer is Certainty.UNKNOWN:
        shown = {"value": str(evidence[0].value), "limit": f"{limit.comparison} {limit.value}"}
        return Verdict(answer, Reason("straddles", shown), evidence)
    return Verdict(answer, evidence=evidence)


def _meets(limit: Threshold, result: LabResult, codes: CodeIndex) -> Certainty:
    if result.answer is not None:
        codings, systems = result.answer.codings, codes.systems_of(limit.answers)
        hits = {h.value_set for c in codings for h in codes.lookup(c.system, c.code)}
        hits |= {h.value_set for text in result.answer.texts for h in codes.named(text)}
        words = {text.strip().casefold() for text in result.answer.texts}
        says = bool(hits & set(limit.answers) or words & limit.answer_words)
        denies = bool(hits & set(limit.other_answers) or words & limit.other_words)
        if says or denies or limit.other_answers:
            return {(True, False): Certainty.PRESENT, (False, True): Certainty.ABSENT}.get(
                (says, denies), Certainty.UNKNOWN
            )
        read = any(codes.reads_for(c.system, c.code, systems) for c in codings)
        return Certainty.ABSENT if read else Certainty.UNKNOWN
    return Certainty.UNKNOWN if limit.value is None else meets(result.interval, limit.comparison, limit.value)


def _with_refused(
    verdict: Verdict, limit: Threshold, refused: Sequence[Blocked], start: datetime | None, today: date
) -> Verdict:
    """Unknown instead of absent or no datum, where a refused result may be the newest one."""
    if verdict.certainty in (Certainty.PRESENT, Certainty.UNKNOWN):
        return verdict
    # A test that was not done says the least, so it is looked at last.
    for block in sorted(refused, key=lambda block: block.reason.key == NOT_DONE):
        if block.when is not None and _age(block.when.latest, today) > limit.within_days:
            continue
        nothing_usable = verdict.certainty is None
        may_be_newer = start is None or block.when is None or block.when.latest >= start
        # A test that was not done (dataAbsentReason) takes nothing from an older valid result.
        if nothing_usable or (may_be_newer and block.reason.key != NOT_DONE):
            found = (block.evidence,) if block.evidence else ()
            return Verdict(Certainty.UNKNOWN, block.reason, (*found, *verdict.evidence))
    return verdict


def _with_doubtful(
    verdict: Verdict, limit: Threshold, book: LabBook, codes: CodeIndex, today: date, start: datetime | None
) -> Verdict:
    """Unknown instead of absent or no datum, where a result that may be of the lab would not be absent.

    Where it would be, nothing is open: whether it is of the lab or not, the limit is not crossed.
    """
    if verdict.certainty in (Certainty.PRESENT, Certainty.UNKNOWN):
        return verdict
    named = verdict
    for entries in book.doubtful_of(limit.lab):
        recent = [e for e in entries if start is None or e.when is None or e.when.latest >= start]
        alone = _alone(recent, limit, codes, today)
        if alone.certainty is not None and alone.certainty is not Certainty.ABSENT:
            return _open(entries, (*alone.evidence, *verdict.evidence))
        if verdict.certainty is None and alone.certainty is Certainty.ABSENT:
            named = Verdict(None, _reason(entries), alone.evidence)
    return named


def _alone(entries: Sequence[LabResult | Blocked], limit: Threshold, codes: CodeIndex, today: date) -> Verdict:
    """What the results of one source would say by themselves."""
    latest = newest_of([entry for entry in entries if isinstance(entry, LabResult)])
    refused = [entry for entry in entries if isinstance(entry, Blocked)]
    return _with_refused(_combined(limit, latest, codes, today), limit, refused, latest.start, today)


def _with_doubtful_rise(verdict: Verdict, limit: Threshold, book: LabBook, today: date) -> Verdict:
    """Unknown, where there is a rise as soon as results that may be of the lab are counted."""
    groups = list(book.doubtful_of(limit.lab))
    if not groups or verdict.certainty in (Certainty.PRESENT, Certainty.UNKNOWN):
        return verdict
    doubtful = [_exact(entry for entry in group if isinstance(entry, LabResult)) for group in groups]
    sure = _exact(book.of(limit.lab))
    start = max((result.when.earliest for result in sure), default=None)
    ends = [result for results in (sure, *doubtful) for result in newest(results)]
    latest = [result for result in ends if start is None or result.when.latest >= start]
    rise = _judge_rise(limit, latest, [*sure, *(result for results in doubtful for result in results)], today)
    refused = [entry for group in groups for entry in group if isinstance(entry, Blocked)]
    if rise.certainty in (None, Certainty.ABSENT):
        rise = _with_refused(rise, limit, refused, None, today)
    return verdict if rise.certainty in (None, Certainty.ABSENT) else _open(groups[0], rise.evidence)


def _open(entries: Sequence[LabResult | Blocked], evidence: tuple[Evidence, ...]) -> Verdict:
    return Verdict(Certainty.UNKNOWN, _reason(entries), evidence)


def _reason(entries: Sequence[LabResult | Blocked]) -> Reason | None:
    return next((entry.doubt.reason for entry in entries if entry.doubt), None)


def _exact(results: Iterable[LabResult]) -> list[LabResult]:
    return [result for result in results if result.interval.exact is not None]


def _judge_rise(limit: Threshold, latest: Sequence[LabResult], results: Sequence[LabResult], today: date) -> Verdict:
    """A rise by `rise` within hours, or to `ratio` times an earlier one within days, up to one of the newest."""
    start = min((result.when.earliest for result in latest), default=None)
    # One day more, as a date without a time is a whole day; what is older is no part of a rise.
    window = timedelta(days=(limit.ratio_within_days or 0) + 1)
    recent = [result for result in results if start is not None and result.when.latest >= start - window]
    if len(recent) < 2 or all(_age(result.when.earliest, today) > limit.within_days for result in latest):
        return Verdict(None, Reason("no-result"))
    history = _Lows(results)
    for last in (result for result in latest if _age(result.when.earliest, today) <= limit.within_days):
        earlier = history.risen_from(last, limit)
        if earlier is not None:
            evidence = (last.evidence, earlier.evidence)
            if len(latest) == 1:
                return Verdict(Certainty.PRESENT, evidence=evidence)
            # Of several results of one time it can't be told which came first.
            return Verdict(Certainty.UNKNOWN, Reason("results-disagree"), evidence)
    return Verdict(Certainty.ABSENT, evidence=(latest[0].evidence,))


class _Lows:
    """The lowest result since any time: the one from which a later one may have risen."""

    def __init__(self, results: Sequence[LabResult]) -> None:
        ordered = sorted(results, key=lambda result: result.when.earliest)
        self._times = [result.when.earliest for result in ordered]
        self._lowest: list[LabResult] = []
        for result in reversed(ordered):
            known = self._lowest[-1] if self._lowest else result
            self._lowest.append(min(known, result, key=_value))
        self._lowest.reverse()

    def risen_from(self, last: LabResult, limit: Threshold) -> LabResult | None:
        """An earlier result from which `last` is a rise, or None."""
        if limit.rise is None or limit.ratio is None:
            return None
        day = self._since(last, timedelta(hours=limit.rise_within_hours or 0))
        if _value(last) - _value(day) >= limit.rise:
            return day
        week = self._since(last, timedelta(days=limit.ratio_within_days or 0))
        return week if week is not last and _value(last) >= _value(week) * limit.ratio else None

    def _since(self, last: LabResult, passed: timedelta) -> LabResult:
        return self._lowest[bisect_left(self._times, last.when.earliest - passed)]


def _value(result: LabResult) -> Decimal:
    exact = result.interval.exact
    return Decimal(0) if exact is None else exact  # only results with one value are asked


def _age(moment: datetime, today: date) -> int:
    return (today - moment.date()).days


def age_in_days(when: When, today: date) -> int:
    """Whole days since the earliest time that the date may mean."""
    return _age(when.earliest, today)
