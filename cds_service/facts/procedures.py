"""Facts stage, procedures: Procedure resources -> ProcedureFact.

Left out is what was not done: not-done, entered-in-error, and preparation. A status that does not say whether it was
done (stopped, on-hold, unknown, none) leaves it possible, and so do two versions of which the newer can't be told.
Source: FHIR R4 Procedure.status and performed[x].
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from cds_service.clinical_data.retrieved import RetrievedData
from cds_service.facts.dates import read_when
from cds_service.facts.patient_facts import ProcedureFact, When
from cds_service.facts.reading import Reading
from cds_service.facts.resources import (
    RawConcept,
    RawPeriod,
    RawQuantity,
    RawRange,
    RawReference,
    Resource,
    concept,
    decode_each,
    member_at_fault,
)
from cds_service.facts.versions import current_versions
from cds_service.fhir_references import local_reference

_NOT_DONE = frozenset({"not-done", "entered-in-error", "preparation"})
_GOES_ON = "in-progress"
_DONE = frozenset({"completed", _GOES_ON})
_YEARS = frozenset({"a", "year", "years", "yr"})


class RawProcedure(Resource):
    """FHIR Procedure."""

    READ_WHOLE = True

    status: str | None = None
    code: RawConcept | None = None
    category: RawConcept | None = None
    performed_date_time: str | None = None
    performed_period: RawPeriod | None = None
    performed_string: str | None = None
    performed_age: RawQuantity | None = None
    performed_range: RawRange | None = None
    encounter: RawReference | None = None


def read_procedures(retrieved: RetrievedData, born: When | None, reading: Reading) -> tuple[ProcedureFact, ...]:
    """The facts of every Procedure that was done or begun.

    Args:
        retrieved: Procedures of the patient.
        born: the patient's birth date, from which an age at the procedure is counted.
        reading: the call's; a resource that can't be read leaves a gap.
    """
    facts = []
    records, untold = current_versions(retrieved.records)
    for record, raw in decode_each(records, RawProcedure):
        if raw is None:
            reading.note_unreadable("procedures", record, member_at_fault(record.body, RawProcedure))
        elif (fact := read_procedure(record.reference, raw, born, reading)) is not None:
            facts.append(replace(fact, done=False) if record.reference in untold else fact)
    return tuple(facts)


def read_procedure(reference: str, raw: RawProcedure, born: When | None, reading: Reading) -> ProcedureFact | None:
    """The fact of one Procedure; None for one that was not done."""
    status = (raw.status or "").strip().lower()
    if status in _NOT_DONE:
        return None
    encounter = raw.encounter.reference if raw.encounter else None
    return ProcedureFact(
        reference=reference,
        concept=concept(raw.code),
        done=status in _DONE,
        performed=_performed(raw, born, reading, goes_on=status == _GOES_ON),
        category=concept(raw.category),
        encounter=local_reference(encounter).rpartition("/")[2] if encounter else None,
    )


def _performed(raw: RawProcedure, born: When | None, reading: Reading, *, goes_on: bool) -> When | None:
    period = raw.performed_period
    end = read_when(period.end, reading.zone) if period else None
    begun = next(
        (
            when
            for text in (raw.performed_date_time, period.start if period else None, raw.performed_string)
            if (when := read_when(text, reading.zone)) is not None
        ),
        None,
    )
    if goes_on and end is None and begun is not None and begun.earliest <= reading.now:
        return When(reading.now, reading.now, begun.text)
    return end or begun or _at_age(raw, born)


def _at_age(raw: RawProcedure, born: When | None) -> When | None:
    """When the patient was so old, or somewhere in so many years of age; only whole years are read."""
    ages = (raw.performed_range.low, raw.performed_range.high) if raw.performed_range else (raw.performed_age,) * 2
    first, last = map(_in_years, ages)
    if born is None or first is None or last is None or last < first:
        return None
    try:
        earliest, latest = _birthday(born.earliest, first), _birthday(born.latest, last + 1)
    except (ValueError, OverflowError):
        return None
    return When(
        earliest, latest, f"{earliest.year}" if earliest.year == latest.year else f"{earliest.year}-{latest.year}"
    )


def _in_years(age: RawQuantity | None) -> int | None:
    if age is None or age.value is None or age.comparator or not _YEARS & {age.code, age.unit}:
        return None
    return int(age.value) if 0 <= age.value < 200 else None


def _birthday(born: datetime, years: int) -> datetime:
    if (born.month, born.day) == (2, 29):
        return born.replace(year=born.year + years, month=3, day=1)
    return born.replace(year=born.year + years)
