"""Whether a patient is of the sex, and of the age, that a row of the tables is for."""

from __future__ import annotations

from datetime import date

from cds_service.certainty import Certainty
from cds_service.facts.patient_facts import PatientFacts
from cds_service.knowledge.expressions import PatientGroup

_OTHER = {"female": "male", "male": "female"}


def is_of_sex(group: PatientGroup, facts: PatientFacts) -> Certainty:
    """Whether the patient is of the group's sex; a sex that is neither female nor male leaves it unknown.

    Where the sex at birth is recorded, too, either counts: a man who was born as a girl may have a uterus.
    Source: FHIR R4 Patient.gender, administrative; a mismatch is a question to ask, never a fact of biology.
    """
    if group.sex is None or group.sex in (facts.gender, facts.birth_sex):
        return Certainty.PRESENT
    return Certainty.ABSENT if facts.gender == _OTHER[group.sex] else Certainty.UNKNOWN


def is_of_age(group: PatientGroup, facts: PatientFacts) -> Certainty:
    """Whether the patient is of the group's age today; unknown without a birth date or with one too vague."""
    if group.from_age is None and group.to_age is None:
        return Certainty.PRESENT
    if facts.birth_date is None:
        return Certainty.UNKNOWN
    youngest, oldest = (
        _years(born.date(), facts.today) for born in (facts.birth_date.latest, facts.birth_date.earliest)
    )
    low, high = group.from_age or 0, group.to_age if group.to_age is not None else oldest
    if low <= youngest and oldest <= high:
        return Certainty.PRESENT
    return Certainty.ABSENT if oldest < low or youngest > high else Certainty.UNKNOWN


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
