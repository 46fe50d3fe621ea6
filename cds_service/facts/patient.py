"""Facts stage, the patient: Patient -> birth date, administrative gender, and whether an interpreter is needed.

Source: FHIR R4 Patient, its extension patient-interpreterRequired, and the US Core extensions interpreter-needed and
birthsex (codes F and M of its value set).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cds_service.clinical_data.retrieved import RetrievedData, Unavailable
from cds_service.facts.dates import read_when
from cds_service.facts.patient_facts import Coding, InterpreterFact, When
from cds_service.facts.reading import Reading
from cds_service.facts.resources import RawPatient, RawStatement, Unreadable, decode, decode_statements
from cds_service.kinds import CLINICAL
from cds_service.reasons import Reason

_INTERPRETER = (
    "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed",
)

_BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
_SEXES = {"F": "female", "M": "male"}


class Person(msgspec.Struct, frozen=True):
    """What a Patient says."""

    birth_date: When | None = None
    gender: str | None = None
    birth_sex: str | None = None
    interpreter: InterpreterFact | None = None


def read_patient(retrieved: RetrievedData, reading: Reading) -> Person:
    """The patient; only needed to compute and to inform, so one that can't be read is no gap.

    A record that was replaced by another one may have left its contents there.
    """
    for record in retrieved.records:
        try:
            raw = decode(record.body, RawPatient)
        except Unreadable:
            continue
        if any(link.type == "replaced-by" for link in raw.link or ()):
            replaced = [Unavailable(kind.key, Reason("patient-replaced"), record.reference) for kind in CLINICAL]
            reading.gaps.extend(replaced)
        statements = decode_statements(raw.extension)
        born_as = (_SEXES.get(one.value_code or "") for one in statements if one.url == _BIRTH_SEX)
        return Person(
            birth_date=read_when(raw.birth_date, reading.zone),
            gender=raw.gender,
            birth_sex=next(born_as, None),
            interpreter=_interpreter(record.reference, statements),
        )
    return Person()


def _interpreter(reference: str, statements: Iterable[RawStatement]) -> InterpreterFact | None:
    for statement in statements:
        if statement.url in _INTERPRETER:
            coded = statement.value_coding
            answer = Coding(coded.system, coded.code) if coded and coded.system and coded.code else None
            return InterpreterFact(reference, statement.value_boolean, answer)
    return None
