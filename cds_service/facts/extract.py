"""The facts stage: `ClinicalData` -> `PatientFacts`. One unreadable resource leaves a gap, never an exception."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cds_service.clinical_data.retrieved import ClinicalData, RetrievedData, Unavailable
from cds_service.facts.allergies import read_allergies
from cds_service.facts.conditions import read_conditions
from cds_service.facts.medications import read_medications
from cds_service.facts.observations import read_observations
from cds_service.facts.ordered import read_ordered
from cds_service.facts.orders import missing_sources, read_order, unread_order
from cds_service.facts.patient import read_patient
from cds_service.facts.patient_facts import Concept, OrderFact, PatientFacts
from cds_service.facts.procedures import read_procedures
from cds_service.facts.reading import Reading
from cds_service.facts.resources import Unreadable, make_decoders
from cds_service.kinds import CLINICAL, KINDS
from cds_service.reasons import Reason

make_decoders()  # all readers are loaded
_OF_ONE_RESOURCE = ("unreadable-resource", "unreadable-member")


def extract(
    data: ClinicalData,
    *,
    now: datetime,
    reads: Callable[[Concept], bool] = lambda concept: True,
    encounter_id: str | None = None,
) -> PatientFacts:
    """Read everything of one call.

    Args:
        data: raw resources by kind.
        now: the time of the call, aware, in the hospital's zone; its date is *today*.
        reads: whether an Observation with this code is, or may be, one that anything reads; others are passed over.
        encounter_id: bare id of the current encounter, if the client sent one.
    """
    reading = Reading(now, reads)
    orders = _orders(data, reading)
    recorded = data.retrieved("conditions")
    conditions = read_conditions(recorded, reading)
    allergies = read_allergies(data.retrieved("allergies"), reading)
    observations = read_observations(data.retrieved("observations"), reading)
    medications = read_medications(data.retrieved("medications"), data.drafted_medications, reading)
    person = read_patient(data.by_kind.get("patient", RetrievedData()), reading)
    procedures = read_procedures(data.retrieved("procedures"), person.birth_date, reading)
    return PatientFacts(
        orders=orders,
        conditions=conditions,
        condition_references=tuple(record.reference for record in recorded.records),
        allergies=allergies,
        observations=observations,
        medications=medications,
        procedures=procedures,
        complete=_complete(data, reading.gaps),
        obtained=frozenset(kind.key for kind in CLINICAL if data.retrieved(kind.key).obtained),
        unavailable=(*_known_gaps(data), *reading.gaps),
        today=now.date(),
        now=now,
        encounter_id=encounter_id,
        birth_date=person.birth_date,
        gender=person.gender,
        birth_sex=person.birth_sex,
        interpreter=person.interpreter,
        ordered=read_ordered((*data.in_focus.records, *data.beside), reading),
    )


def _complete(data: ClinicalData, gaps: list[Unavailable]) -> frozenset[str]:
    """The kinds of which all was retrieved, and of which no unreadable resource may hold anything."""
    unread = {gap.data for gap in gaps if gap.data in KINDS and _hides_all(gap)}
    return frozenset(kind.key for kind in CLINICAL if data.retrieved(kind.key).complete and kind.key not in unread)


def _hides_all(gap: Unavailable) -> bool:
    return KINDS[gap.data].unreadable_hides == "all" or gap.reason.key not in _OF_ONE_RESOURCE


def _known_gaps(data: ClinicalData) -> list[Unavailable]:
    """What could not be retrieved. Gaps among the orders that appointments name are told where they matter."""
    asked = dict.fromkeys([*(key for key in data.by_kind if key != "orders"), *(kind.key for kind in CLINICAL)])
    return [*data.gaps, *data.in_focus.unavailable, *(gap for key in asked for gap in data.retrieved(key).unavailable)]


def _orders(data: ClinicalData, reading: Reading) -> tuple[OrderFact, ...]:
    sources = data.by_kind.get("orders", RetrievedData())
    based_on = {record.reference: record for record in sources.records}
    orders, gaps = [], reading.gaps
    for record in data.in_focus.records:
        try:
            orders.append(read_order(record, based_on, reading.zone))
            missed = missing_sources(record, based_on)
            # What could not be retrieved of the orders matters only to an appointment that is based on one of them.
            gaps += [gap for gap in sources.unavailable if missed and gap not in gaps]
            gaps += [Unavailable("orders", Reason("order-not-found"), reference) for reference in missed]
        except Unreadable:
            orders.append(unread_order(record.reference, record.resource_type, record.body))
            gaps.append(Unavailable("draftOrders", Reason("order-unreadable"), record.reference))
    listed = {order.reference for order in orders}
    named = {gap.reference for gap in data.in_focus.unavailable if gap.reference}
    return (*orders, *(unread_order(reference, "ServiceRequest") for reference in sorted(named - listed)))
