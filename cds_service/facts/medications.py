"""Facts stage, medications: MedicationRequest, -Statement, -Administration and -Dispense -> MedicationFact.

Left out is what never was in use: cancelled, entered in error, not taken, an order not to give it, a draft that is not
of this call. A list says what is prescribed, not what is taken, so whatever else may be in use is kept.
Source: FHIR R4, status, intent and doNotPerform of the four resources; US Core puts what patients report into `plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from cds_service.clinical_data.retrieved import RawResource, RetrievedData
from cds_service.facts.dates import read_when
from cds_service.facts.medication_resources import (
    RawDosage,
    RawMedication,
    RawMedicationUse,
    days_of,
    decode_medication,
    decode_use,
    dosages,
)
from cds_service.facts.patient_facts import Activity, Concept, MedicationFact, When
from cds_service.facts.reading import Reading
from cds_service.facts.resources import RawReference, concept
from cds_service.fhir_references import local_reference

_MEDICATION = "Medication"
_NEVER = frozenset({"cancelled", "entered-in-error", "not-taken", "not-done", "declined", "preparation", "draft"})
_NO_ORDER = frozenset({"proposal", "option"})
_ACTIVITY: Mapping[str, Activity] = {
    "active": Activity.TAKEN,
    "in-progress": Activity.TAKEN,
    "on-hold": Activity.HELD,
    "intended": Activity.HELD,
    "completed": Activity.COMPLETED,
    "stopped": Activity.STOPPED,
}
"""Status -> what it says; any other one says nothing clear."""
_COURSES = frozenset({"MedicationRequest", "MedicationStatement"})
"""Resources that may be in use by their status when their course is over: nobody closed them."""

_Medications = Mapping[str, RawMedication | None]


def read_medications(retrieved: RetrievedData, drafted: RetrievedData, reading: Reading) -> tuple[MedicationFact, ...]:
    """The facts of everything that is or may be in use.

    Args:
        retrieved: the four resources, and the Medications that they refer to.
        drafted: medication orders among the call's drafts, which count although they are drafts.
        reading: the call's; a resource that can't be read leaves a gap.
    """
    uses = [record for record in retrieved.records if record.resource_type != _MEDICATION]
    medications = {
        record.reference: decode_medication(record.body)
        for record in retrieved.records
        if record.resource_type == _MEDICATION
    }
    drafts = {record.reference for record in drafted.records}
    facts = []
    for record in (*drafted.records, *(record for record in uses if record.reference not in drafts)):
        raw = decode_use(record.body)
        if raw is None:
            reading.note_unreadable("medications", record)
        elif (fact := _fact(record, raw, medications, reading, drafted=record.reference in drafts)) is not None:
            facts.append(fact)
    return tuple(facts)


def _fact(
    record: RawResource, raw: RawMedicationUse, medications: _Medications, reading: Reading, *, drafted: bool
) -> MedicationFact | None:
    status = (raw.status or "").strip().lower()
    unwanted = raw.do_not_perform or (raw.intent or "").strip().lower() in _NO_ORDER
    if unwanted or (status in _NEVER and not (drafted and status == "draft")):
        return None
    names = _names(raw, medications)
    doses = list(dosages(raw))
    times = _times(raw, doses, reading)
    return MedicationFact(
        reference=record.reference,
        names=names,
        activity=Activity.TAKEN if drafted else _activity(record.resource_type, status, times, reading),
        written=times.written,
        ended=times.course_end or times.supply_end,
        last_dose=times.given,
        doses_a_day=_doses_a_day(doses),
        doses=tuple(amount for dose in doses for amount in dose.amounts),
        instructions=tuple(text for dose in doses for text in _words(dose)),
        readable=any(not name.says_nothing for name in names),
    )


def _doses_a_day(doses: Sequence[RawDosage]) -> Decimal | None:
    """How often it is taken: doses at their own times of a day add up, others may follow each other."""
    each = [often for dose in doses if (often := dose.doses_a_day)]
    if not each:
        return None
    return sum(each, Decimal(0)) if all(dose.times_of_day for dose in doses) else each[0]


class _Times(NamedTuple):
    """When it was written, when the course ends, when what may be or was handed over does, and a recorded last dose."""

    written: When | None
    course_end: When | None
    supply_end: When | None
    given: When | None


def _activity(resource_type: str, status: str, times: _Times, reading: Reading) -> Activity:
    activity = _ACTIVITY.get(status, Activity.UNCLEAR)
    course, supply = times.course_end, times.supply_end
    if activity is Activity.COMPLETED and resource_type == "MedicationAdministration":
        return Activity.GIVEN
    if resource_type == "MedicationDispense" and activity is Activity.COMPLETED and (ended := course or supply):
        return Activity.TAKEN if ended.latest >= reading.now else Activity.COMPLETED
    if activity is Activity.TAKEN and resource_type in _COURSES and course is not None and course.latest < reading.now:
        return Activity.LAPSED
    return activity


def _times(raw: RawMedicationUse, doses: Sequence[RawDosage], reading: Reading) -> _Times:
    zone, period, request = reading.zone, raw.effective_period, raw.dispense_request
    handed = read_when(raw.when_handed_over, zone)
    started = period.start if period else None
    written = next((w for t in (raw.authored_on, started, raw.date_asserted) if (w := read_when(t, zone))), handed)
    course = read_when(period.end if period else None, zone) or _last_end(doses, handed or written, reading)
    supply = read_when(request.validity_period.end if request and request.validity_period else None, zone)
    if supply is None:
        lasts = raw.days_supply or (request.expected_supply_duration if request else None)
        supply = _later(handed or written, days_of(lasts))
    given = None
    if raw.resource_type == "MedicationAdministration":
        given = read_when(raw.effective_date_time, zone) or course or supply or written
    return _Times(written or read_when(raw.effective_date_time, zone), course, supply, given)


def _last_end(doses: Sequence[RawDosage], start: When | None, reading: Reading) -> When | None:
    """When the last of its doses ends; None where one has no end."""
    ends = [read_when(dose.ends, reading.zone) or _later(start, dose.lasts_days) for dose in doses]
    known = [end for end in ends if end is not None]
    return max(known, key=lambda end: end.latest) if known and len(known) == len(ends) else None


def _later(start: When | None, days: float | None) -> When | None:
    try:
        if start is None or not days:
            return None
        end = start.latest + timedelta(days=days)
    except OverflowError:
        return None
    return When(end, end, end.date().isoformat())


def _words(dose: RawDosage) -> Iterator[str]:
    route = concept(dose.route)
    timing = concept(dose.timing.code) if dose.timing and dose.timing.code else Concept()
    yield from (text for text in (dose.text, dose.patient_instruction, *route.texts, *timing.texts) if text)
    yield from (coding.code for coding in timing.codings)


def _names(raw: RawMedicationUse, medications: _Medications) -> tuple[Concept, ...]:
    """What it is: its code, or that of the Medication that it refers to with its ingredients, or what it is called."""
    names = [concept(raw.medication_codeable_concept)] if raw.medication_codeable_concept else []
    if raw.medication_reference is not None:
        contained = _contained(raw)
        names += _of_reference(raw.medication_reference, medications, contained)
    return tuple(name for name in names if not name.says_nothing)


def _of_reference(
    reference: RawReference, medications: _Medications, contained: _Medications, depth: int = 0
) -> list[Concept]:
    named = reference.reference or ""
    found = contained.get(named[1:]) if named.startswith("#") else medications.get(local_reference(named))
    if found is None or depth > 1:
        return [Concept(texts=(reference.display,))] if reference.display else []
    names = [concept(found.code)]
    for item in found.ingredient or ():
        if item.item_codeable_concept is not None:
            names.append(concept(item.item_codeable_concept))
        elif item.item_reference is not None:
            names += _of_reference(item.item_reference, medications, contained, depth + 1)
    if all(name.says_nothing for name in names) and reference.display:
        names.append(Concept(texts=(reference.display,)))
    return names


def _contained(raw: RawMedicationUse) -> _Medications:
    found = (decode_medication(bytes(body)) for body in raw.contained or ())
    return {medication.id: medication for medication in found if medication is not None and medication.id}
