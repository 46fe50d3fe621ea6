"""Facts stage, what is ordered already: ServiceRequests -> OrderedFact.

So that a test is not missed, and not proposed, that somebody has ordered. One that can't be read counts as no order:
the test is then asked for once too often, never once too little.
Source: FHIR R4 request-status.
"""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.clinical_data.retrieved import RawResource
from cds_service.facts.dates import read_when
from cds_service.facts.optional_fields import decode_first_event, decode_start, decode_text
from cds_service.facts.patient_facts import OrderedFact
from cds_service.facts.reading import Reading
from cds_service.facts.resources import RawOrder, Unreadable, concept, decode

_DRAFT, _IN_FORCE = "draft", "active"


def read_ordered(records: Sequence[RawResource], reading: Reading) -> tuple[OrderedFact, ...]:
    """Every ServiceRequest among the records that is a draft or in force."""
    found = (_read(record, reading) for record in records if record.resource_type == "ServiceRequest")
    return tuple(fact for fact in found if fact is not None)


def _read(record: RawResource, reading: Reading) -> OrderedFact | None:
    try:
        raw = decode(record.body, RawOrder)
    except Unreadable:
        return None
    if raw.status not in (_DRAFT, _IN_FORCE) or raw.do_not_perform:
        return None
    occurrence = (
        decode_text(raw.occurrence_date_time)
        or decode_start(raw.occurrence_period)
        or decode_first_event(raw.occurrence_timing)
    )
    planned, authored = (read_when(text, reading.zone) for text in (occurrence, decode_text(raw.authored_on)))
    return OrderedFact(record.reference, concept(raw.code), raw.status == _DRAFT, planned, authored)
