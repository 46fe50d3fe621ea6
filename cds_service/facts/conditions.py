"""Facts stage, conditions: Condition resources -> ConditionFact.

Refuted and entered-in-error ones are left out. Source: FHIR R4 Condition, clinicalStatus (con-3, con-4) and
verificationStatus; hl7.terminology adds clinicalStatus `unknown`, which counts as active but not clearly so.
"""

from __future__ import annotations

import msgspec

from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import RetrievedData
from cds_service.facts.dates import Dates
from cds_service.facts.members import decode_member, read_concept, read_status, remembered
from cds_service.facts.patient_facts import ConditionFact
from cds_service.facts.reading import Reading
from cds_service.facts.resources import (
    RawConcept,
    RawCondition,
    RawInCondition,
    Unreadable,
    decode_each,
    is_given,
    member_at_fault,
)
from cds_service.fhir_references import local_reference

DENIED = frozenset({"refuted", "entered-in-error"})
UNCERTAIN = frozenset({"unconfirmed", "provisional", "differential", "presumed"})
_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_ENDED = frozenset({"inactive", "resolved"})
_CLEAR = _ACTIVE | _ENDED | {"remission"}
_categories = msgspec.json.Decoder(list[RawConcept] | None)


def read_conditions(retrieved: RetrievedData, reading: Reading) -> tuple[ConditionFact, ...]:
    """The facts of every Condition that is not denied."""
    facts, dates = [], Dates(reading.zone)
    for record, raw in decode_each(retrieved.records, RawCondition):
        try:
            fact = read_condition(record.reference, raw, reading, dates) if raw else None
        except Unreadable:
            fact, raw = None, None
        if raw is None:
            reading.note_unreadable("conditions", record, member_at_fault(record.body, RawCondition, RawInCondition))
        elif fact is not None:
            facts.append(fact)
    return tuple(facts)


def read_condition(reference: str, raw: RawCondition, reading: Reading, dates: Dates) -> ConditionFact | None:
    """The fact of one Condition; None for one that is denied.

    Raises:
        Unreadable: a member is not as FHIR R4 has it.
    """
    verification, status, code = (
        read_status(raw.verification_status),
        read_status(raw.clinical_status),
        read_concept(raw.code),
    )
    encounter = encounter_of(raw)
    if verification in DENIED:
        return None
    ended = _ended(raw, reading, dates)
    onset = dates.read(raw.onset_date_time or (raw.onset_period.start if raw.onset_period else None))
    return ConditionFact(
        reference=reference,
        concept=code,
        activity=_activity(status, ended),
        certain=verification not in UNCERTAIN,
        onset=onset or dates.read(raw.recorded_date),
        encounter=encounter,
        onset_recorded=onset is not None,
        status_clear=status in _CLEAR or (status is None and ended is not Certainty.UNKNOWN),
    )


def _activity(status: str | None, ended: Certainty) -> str:
    if status in _ENDED:
        return "inactive"
    if status == "remission":
        return "remission"
    return "inactive" if status is None and ended is Certainty.PRESENT else "active"


def _ended(raw: RawCondition, reading: Reading, dates: Dates) -> Certainty:
    """Whether an abatement says that the condition is over; one in the future, or in words, does not."""
    period = raw.abatement_period
    moment = raw.abatement_date_time or (period.end if period else None)
    if moment:
        when = dates.read(moment)
        return Certainty.UNKNOWN if when is None or when.earliest > reading.now else Certainty.PRESENT
    if is_given(raw.abatement_age) or is_given(raw.abatement_range):
        return Certainty.PRESENT
    in_words = raw.abatement_string is not None or (period is not None and period.start is not None)
    return Certainty.UNKNOWN if in_words else Certainty.ABSENT


def encounter_of(raw: RawCondition) -> str | None:
    """The bare id of the encounter of an encounter diagnosis; None for any other Condition.

    Raises:
        Unreadable: its category is not as FHIR R4 has it.
    """
    is_encounter_diagnosis = _is_encounter_diagnosis(raw.category)
    reference = raw.encounter.reference if raw.encounter else None
    return local_reference(reference).rpartition("/")[2] if reference and is_encounter_diagnosis else None


@remembered
def _is_encounter_diagnosis(category: bytes) -> bool:
    categories = decode_member(_categories, category) or ()
    return any(c.code == "encounter-diagnosis" for one in categories for c in one.coding or () if c is not None)
