"""Facts stage, allergies: AllergyIntolerance resources -> AllergyFact.

Refuted and entered-in-error ones are left out. Every text in which an agent may stand is read: code, reaction
(substance, manifestation, description) and note. Source: FHIR R4 AllergyIntolerance, clinicalStatus (ait-1, ait-2) and
verificationStatus.
"""

from __future__ import annotations

import re
from datetime import tzinfo

from cds_service.clinical_data.retrieved import RetrievedData
from cds_service.facts.conditions import DENIED, UNCERTAIN
from cds_service.facts.dates import read_when
from cds_service.facts.members import status_code
from cds_service.facts.patient_facts import AllergyFact, Concept, ReactionFact
from cds_service.facts.reading import Reading
from cds_service.facts.resources import (
    RawAllergy,
    RawReaction,
    Status,
    Unreadable,
    concept,
    decode_each,
    member_at_fault,
)

_ACTIVE = frozenset({"active"})
_ENDED = frozenset({"inactive", "resolved"})
_STATUSES = _ACTIVE | _ENDED | DENIED | UNCERTAIN | {"confirmed"}
_SEPARATORS = re.compile(r"[\s_-]+")


def read_allergies(retrieved: RetrievedData, reading: Reading) -> tuple[AllergyFact, ...]:
    """The facts of every AllergyIntolerance that is not denied."""
    facts = []
    for record, raw in decode_each(retrieved.records, RawAllergy):
        try:
            fact = read_allergy(record.reference, raw, reading.zone) if raw else None
        except Unreadable:
            fact, raw = None, None
        if raw is None:
            reading.note_unreadable("allergies", record, member_at_fault(record.body, RawAllergy))
        elif fact is not None:
            facts.append(fact)
    return tuple(facts)


def read_allergy(reference: str, raw: RawAllergy, zone: tzinfo) -> AllergyFact | None:
    """The fact of one AllergyIntolerance; None for one that is denied.

    Raises:
        Unreadable: a reaction carries a modifier that is not understood.
    """
    verification = _code_of(raw.verification_status)
    if verification in DENIED:
        return None
    status = _code_of(raw.clinical_status)
    if any(reaction.modifier_extension for reaction in raw.reaction or ()):
        raise Unreadable
    return AllergyFact(
        reference=reference,
        concept=concept(raw.code),
        active=status not in _ENDED,
        certain=verification not in UNCERTAIN,
        criticality=raw.criticality,
        reactions=tuple(_reaction(reaction) for reaction in raw.reaction or ()),
        recorded=read_when(raw.recorded_date, zone) or read_when(raw.onset_date_time, zone),
        notes=tuple(note.text for note in raw.note or () if note is not None and note.text),
        status_clear=status is None or status in _ACTIVE | _ENDED,
    )


def _code_of(raw: Status | None) -> str | None:
    """The code of a status; a local code beside the words of FHIR's (`Entered in error`) is read by its words."""
    code = status_code(raw)
    if raw is None or isinstance(raw, str) or code in _STATUSES:
        return code and _SEPARATORS.sub("-", code)
    words = [raw.text, *(text for c in raw.coding or () if c is not None for text in (c.code, c.display))]
    spelled = (_SEPARATORS.sub("-", word.strip().lower()) for word in words if word)
    return next((word for word in spelled if word in _STATUSES), code)


def _reaction(raw: RawReaction) -> ReactionFact:
    manifestations = [concept(m) for m in raw.manifestation or ()]
    if raw.description:
        manifestations.append(Concept(texts=(raw.description,)))
    return ReactionFact(concept(raw.substance), tuple(manifestations), raw.severity)
