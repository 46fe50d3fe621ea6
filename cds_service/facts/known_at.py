"""Facts as of the past: what of a whole record was known at one moment.

In: everything that is recorded today. Out: what a call at that moment would have read. Judging the past by the whole
record is wrong: most of it was written later. Where the record does not say when something became known or ended, it
is in doubt: the caller may have the facts with it and without it.

When something became known: an Observation when it was issued, else some time after it was taken; a Condition when it
was recorded, an encounter diagnosis when its encounter ended, since it is coded then; an AllergyIntolerance when it was
recorded; a medication when it was written, one that is only reported when it was; a procedure when it was done, one
that goes on when it began. A Condition that ended later was still active. What can't be read was no gap before it was
written. What was corrected, refuted or removed later can't be seen.
Source: FHIR R4 Observation.issued, Condition.recordedDate and abatement, AllergyIntolerance.recordedDate,
MedicationRequest.authoredOn, MedicationStatement.dateAsserted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

import msgspec
from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import ClinicalData, RawResource, RetrievedData, Unavailable
from cds_service.facts.conditions import encounter_of
from cds_service.facts.dates import Dates
from cds_service.facts.extract import extract
from cds_service.facts.medication_resources import decode_use
from cds_service.facts.patient_facts import (
    Activity,
    AllergyFact,
    Concept,
    ConditionFact,
    MedicationFact,
    ObservationFact,
    PatientFacts,
    ProcedureFact,
    When,
)
from cds_service.facts.procedures import RawProcedure
from cds_service.facts.resources import (
    RawAllergy,
    RawCondition,
    RawEncounter,
    RawObservation,
    Unreadable,
    decode_each,
)
from cds_service.kinds import CLINICAL

_Fact = ConditionFact | AllergyFact | ObservationFact
_WITH_AN_END = ("MedicationStatement/", "MedicationAdministration/")
"""The resources that say when it ended, in effectivePeriod; the others say when it was to end."""
_HANDED_OVER = "MedicationDispense/"


class _Dated(msgspec.Struct, rename="camel"):
    issued: str | None = None
    recorded_date: str | None = None
    authored_on: str | None = None
    date_asserted: str | None = None
    when_handed_over: str | None = None


_dated = msgspec.json.Decoder(_Dated).decode

_WITHOUT_A_RULE = {kind.key for kind in CLINICAL} - {
    *("conditions", "allergies", "observations", "medications", "procedures"),
}
"""Kinds of data of which nothing here tells since when they are known: all of it is in doubt."""


class Moments(msgspec.Struct, frozen=True):
    """The spans in which one resource became known, and in which what it says ended, if it did.

    A span without limits where the record has no date for it.
    """

    known: When
    ended: When


class Record(msgspec.Struct, frozen=True):
    """One patient's whole record, read once: its facts, and the moments of each resource by reference."""

    facts: PatientFacts
    moments: Mapping[str, Moments]
    zone: tzinfo


class KnownFacts(msgspec.Struct, frozen=True):
    """What was known at a moment; `in_doubt` is True where the record can't tell of something whether it was."""

    facts: PatientFacts
    in_doubt: bool


def read_record(
    data: ClinicalData,
    encounters: Iterable[RawResource],
    *,
    zone: tzinfo,
    result_lag: timedelta,
    reads: Callable[[Concept], bool] = lambda concept: True,
) -> Record:
    """Read a whole record once, for any number of moments.

    Args:
        data: raw resources by kind; orders in focus are not read here.
        encounters: the patient's Encounters, for when encounter diagnoses became known.
        zone: the hospital's.
        result_lag: how long after it was taken a result counts as known, where `issued` is missing.
        reads: as of `extract`.
    """
    late = _ever(zone).latest  # by then, everything that ever ended has
    facts = extract(replace(data, in_focus=RetrievedData()), now=late, reads=reads)
    dates = Dates(zone)
    named = {fact.encounter for fact in facts.conditions}
    ends = dict(_encounter_ends([one for one in encounters if _bare_id(one) in named], dates))
    found: dict[str, Moments] = {}
    for reference, moments in _moments(data, facts, ends, dates, result_lag):
        found[reference] = _either(found[reference], moments) if reference in found else moments
    return Record(facts, found, zone)


def known_at(record: Record, moment: datetime, *, count_doubtful: bool, named: Collection[str] = ()) -> KnownFacts:
    """What was known of the record at a moment, its orders left out.

    Args:
        record: from `read_record`.
        moment: aware, in the hospital's zone; its date is *today* of the facts.
        count_doubtful: whether what may have been known counts as known, and what may have ended as going on.
        named: references of resources that were known for certain, because an order of that moment names them.
    """
    view = _View(record.moments, moment, count_doubtful, frozenset(named), _ever(record.zone))
    others: dict[str, Any] = {key: tuple(filter(view.was_known, getattr(record.facts, key))) for key in _WITHOUT_A_RULE}
    later = [gap for gap in record.facts.unavailable if view.came_later(gap)]
    facts = replace(
        _without(record.facts, later) if later else record.facts,
        **others,
        conditions=tuple(map(view.condition_then, filter(view.was_known, record.facts.conditions))),
        allergies=tuple(map(view.allergy_then, filter(view.was_known, record.facts.allergies))),
        observations=tuple(filter(view.was_known, record.facts.observations)),
        medications=tuple(view.medication_then(fact) for fact in record.facts.medications if view.was_written(fact)),
        procedures=tuple(view.procedure_then(fact) for fact in record.facts.procedures if view.was_done(fact)),
        now=moment.astimezone(record.zone),  # as the hook's is: the day after it is one by the calendar
        today=moment.astimezone(record.zone).date(),
    )
    return KnownFacts(facts, view.in_doubt)


def _without(facts: PatientFacts, gaps: Collection[Unavailable]) -> PatientFacts:
    """The facts where some gaps are none: a kind that has no other one is complete."""
    left = tuple(gap for gap in facts.unavailable if gap not in gaps)
    mended = {gap.data for gap in gaps} - {gap.data for gap in left}
    return replace(facts, unavailable=left, complete=facts.complete | mended)


def had_happened(span: When, moment: datetime) -> Certainty:
    """Whether what happened somewhere in a span had happened at a moment."""
    if span.latest <= moment:
        return Certainty.PRESENT
    return Certainty.ABSENT if span.earliest > moment else Certainty.UNKNOWN


class _View:
    """Decides fact by fact, and notes whether anything was in doubt."""

    def __init__(
        self, moments: Mapping[str, Moments], moment: datetime, count: bool, named: frozenset[str], ever: When
    ) -> None:
        self._moments, self._moment, self._count, self._named = moments, moment, count, named
        self._undated = Moments(ever, ever)
        self.in_doubt = False

    def was_known(self, fact: _Fact) -> bool:
        if fact.reference in self._named:
            return True
        certainty = had_happened(self._moments.get(fact.reference, self._undated).known, self._moment)
        self.in_doubt |= certainty is Certainty.UNKNOWN
        return certainty is Certainty.PRESENT or (certainty is Certainty.UNKNOWN and self._count)

    def came_later(self, gap: Unavailable) -> bool:
        """Whether it is of a resource that was not there yet."""
        moments = self._moments.get(gap.reference or "")
        return moments is not None and not self._had_happened(moments.known)

    def condition_then(self, fact: ConditionFact) -> ConditionFact:
        if fact.activity == "active" or self._had_ended(fact):
            return fact
        return msgspec.structs.replace(fact, activity="active", status_clear=True)

    def allergy_then(self, fact: AllergyFact) -> AllergyFact:
        return fact if fact.active or self._had_ended(fact) else replace(fact, active=True)

    def was_written(self, fact: MedicationFact) -> bool:
        """Whether a medication was on the list: it is when it is written, and what patients report when they do."""
        reported = self._moments.get(fact.reference)
        return self._had_happened(reported.known if reported else fact.written or fact.last_dose)

    def was_done(self, fact: ProcedureFact) -> bool:
        """Whether a procedure was done by then, or had begun where it still goes on."""
        begun = self._moments.get(fact.reference)
        return self._had_happened(begun.known if begun else fact.performed)

    def procedure_then(self, fact: ProcedureFact) -> ProcedureFact:
        """What still goes on went on then."""
        if fact.reference not in self._moments or fact.performed is None:
            return fact
        return replace(fact, performed=When(self._moment, self._moment, fact.performed.text))

    def _had_happened(self, span: When | None) -> bool:
        certainty = had_happened(span or self._undated.known, self._moment)
        self.in_doubt |= certainty is Certainty.UNKNOWN
        return certainty is Certainty.PRESENT or (certainty is Certainty.UNKNOWN and self._count)

    def medication_then(self, fact: MedicationFact) -> MedicationFact:
        """What was completed or stopped later was taken then; the record seldom says when it ended."""
        if fact.activity not in (Activity.LAPSED, Activity.COMPLETED, Activity.STOPPED, Activity.HELD):
            return fact
        handed_over = fact.activity is Activity.COMPLETED and fact.reference.startswith(_HANDED_OVER)
        if handed_over or fact.activity is Activity.LAPSED:
            # Its status was this one then, too: only the call's time tells whether its supply or course lasts.
            lasts = fact.ended is not None and fact.ended.latest >= self._moment
            return replace(fact, activity=Activity.TAKEN) if lasts else fact
        certainty = had_happened(self._end_of(fact), self._moment)
        self.in_doubt |= certainty is Certainty.UNKNOWN
        ended = certainty is Certainty.PRESENT or (certainty is Certainty.UNKNOWN and not self._count)
        return fact if ended else replace(fact, activity=Activity.TAKEN)

    def _end_of(self, fact: MedicationFact) -> When:
        """When it ended. One that was stopped ended some time before it was to end, where only that is recorded.

        Since when one is on hold stands nowhere.
        """
        ever = self._undated.ended
        if fact.ended is None or fact.activity is Activity.HELD:
            return ever
        if fact.activity is Activity.STOPPED and not fact.reference.startswith(_WITH_AN_END):
            return When(ever.earliest, fact.ended.latest, "")
        return fact.ended

    def _had_ended(self, fact: _Fact) -> bool:
        certainty = had_happened(self._moments.get(fact.reference, self._undated).ended, self._moment)
        self.in_doubt |= certainty is Certainty.UNKNOWN
        return certainty is Certainty.PRESENT or (certainty is Certainty.UNKNOWN and not self._count)


def _ever(zone: tzinfo) -> When:
    """A span without limits: a date that the record does not have."""
    return When(datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone), "")


def _either(one: Moments, other: Moments) -> Moments:
    """Of two versions of a resource that can't be told apart: either may be meant."""
    return Moments(_hull(one.known, other.known), _hull(one.ended, other.ended))


def _hull(one: When, other: When) -> When:
    return When(min(one.earliest, other.earliest), max(one.latest, other.latest), "")


def _encounter_ends(encounters: Iterable[RawResource], dates: Dates) -> Iterator[tuple[str, When]]:
    for record, raw in decode_each(tuple(encounters), RawEncounter):
        end = dates.read(raw.period.end) if raw is not None and raw.period is not None else None
        if end is not None:
            yield _bare_id(record), end


def _bare_id(record: RawResource) -> str:
    return record.reference.rpartition("/")[2]


def _moments(
    data: ClinicalData, facts: PatientFacts, ends: Mapping[str, When], dates: Dates, result_lag: timedelta
) -> Iterator[tuple[str, Moments]]:
    """The moments of every resource that became a fact or a gap."""
    ever = _ever(dates.zone)

    def of(kind: str) -> list[RawResource]:
        kept = {fact.reference for fact in getattr(facts, kind)}
        return [record for record in data.retrieved(kind).records if record.reference in kept]

    for record, condition in decode_each(of("conditions"), RawCondition):
        known = _condition_known(condition, ends, dates) if condition is not None else None
        if condition is not None and known is not None:
            yield record.reference, Moments(known, _abated(condition, dates) or ever)
    for record, allergy in decode_each(of("allergies"), RawAllergy):
        if allergy is not None:
            recorded = dates.read(allergy.recorded_date) or _not_before(allergy.onset_date_time, dates)
            yield record.reference, Moments(recorded, ever)
    for record, result in decode_each(of("observations"), RawObservation):
        if result is not None:
            yield record.reference, Moments(_result_known(result, dates, result_lag), ever)
    going_on = {fact.reference for fact in facts.procedures if fact.performed and fact.performed.earliest >= facts.now}
    for record, procedure in decode_each([one for one in of("procedures") if one.reference in going_on], RawProcedure):
        if procedure is not None and (begun := _begun(procedure, dates)) is not None:
            yield record.reference, Moments(begun, ever)
    for record in of("medications"):
        used = decode_use(record.body) if record.resource_type == "MedicationStatement" else None
        if used is not None and (asserted := dates.read(used.date_asserted)) is not None:
            yield record.reference, Moments(asserted, ever)

    unread = {gap.reference for gap in facts.unavailable}
    for record in (one for kind in data.by_kind.values() for one in kind.records if one.reference in unread):
        yield record.reference, Moments(dates.read(_first_date(record.body)) or ever, ever)


def _first_date(body: bytes) -> str | None:
    """When a resource was written, of one that can't be read otherwise."""
    try:
        raw = _dated(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return raw.issued or raw.recorded_date or raw.authored_on or raw.date_asserted or raw.when_handed_over


def _begun(raw: RawProcedure, dates: Dates) -> When | None:
    texts = (
        raw.performed_date_time,
        raw.performed_period.start if raw.performed_period else None,
        raw.performed_string,
    )
    return next((when for text in texts if (when := dates.read(text)) is not None), None)


def _condition_known(raw: RawCondition, ends: Mapping[str, When], dates: Dates) -> When | None:
    """When a condition became known; None where that can't be read."""
    try:
        encounter = encounter_of(raw)
    except Unreadable:
        return None
    onset = raw.onset_date_time or (raw.onset_period.start if raw.onset_period else None)
    recorded = dates.read(raw.recorded_date)
    if encounter is None:
        return recorded or _not_before(onset, dates)
    end = ends.get(encounter)
    if end is None:  # still open, or not in the export: at some time after it was recorded
        return _not_before(raw.recorded_date, dates) if recorded else _not_before(onset, dates)
    return end if recorded is None or recorded.latest <= end.latest else recorded


def _abated(raw: RawCondition, dates: Dates) -> When | None:
    period = raw.abatement_period
    return dates.read(raw.abatement_date_time or (period.end if period else None))


def _result_known(raw: RawObservation, dates: Dates, result_lag: timedelta) -> When:
    issued = dates.read(raw.issued)
    if issued is not None:
        return issued
    period = raw.effective_period
    of_period = (period.end or period.start) if period else None
    taken = (raw.effective_date_time, raw.effective_instant, of_period)
    when = next((found for text in taken if (found := dates.read(text)) is not None), None)
    return _ever(dates.zone) if when is None else When(when.earliest + result_lag, when.latest + result_lag, when.text)


def _not_before(text: str | None, dates: Dates) -> When:
    """Known at some time, but not before this date, where there is one: what had not begun was not recorded."""
    ever, begun = _ever(dates.zone), dates.read(text)
    return ever if begun is None else When(begun.earliest, ever.latest, "")
