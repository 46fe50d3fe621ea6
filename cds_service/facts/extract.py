"""The facts stage: `ClinicalData` -> `PatientFacts`. One unreadable resource leaves a gap, never an exception."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo

from cds_service.clinical_data.retrieved import ClinicalData, RawResource, RetrievedData, Unavailable
from cds_service.facts.allergies import read_allergy
from cds_service.facts.conditions import read_condition
from cds_service.facts.dates import Dates, read_when
from cds_service.facts.observations import read_observation
from cds_service.facts.orders import missing_sources, read_order, unread_order
from cds_service.facts.patient_facts import (
    AllergyFact,
    Coding,
    ConditionFact,
    ObservationFact,
    OrderFact,
    PatientFacts,
    When,
)
from cds_service.facts.resources import (
    RawAllergy,
    RawConcept,
    RawCondition,
    RawObservation,
    RawPatient,
    Unreadable,
    decode,
    decode_code,
    decode_each,
    is_named,
    read_codings,
)
from cds_service.reasons import Reason

KINDS = ("conditions", "allergies", "observations")


def extract(
    data: ClinicalData,
    *,
    now: datetime,
    reads: Callable[[str, str], bool] = lambda system, code: True,
    encounter_id: str | None = None,
) -> PatientFacts:
    """Read everything of one call.

    Args:
        data: raw resources by kind.
        now: the time of the call, aware, in the hospital's zone; its date is *today*.
        reads: whether anything reads a code (system, code) of an Observation; others are passed over.
        encounter_id: bare id of the current encounter, if the client sent one.
    """
    zone = now.tzinfo
    if zone is None:
        raise ValueError("now must carry the hospital's time zone")
    gaps: list[Unavailable] = []
    orders = _orders(data, gaps)
    conditions = _conditions(data.retrieved("conditions"), zone, gaps)
    allergies = _allergies(data.retrieved("allergies"), zone, gaps)
    observations = _observations(data.retrieved("observations"), zone, reads, gaps)
    asked = [data.orders, *(retrieved for key, retrieved in data.by_kind.items() if key != "orders")]
    known = [gap for retrieved in asked for gap in retrieved.unavailable]
    # An unreadable Observation blocks the analyte that it may report, so it does not spoil the others.
    unread = {gap.data for gap in gaps} - {"observations"}
    birth_date, gender = _patient(data.by_kind.get("patient", RetrievedData()), zone)
    return PatientFacts(
        orders=orders,
        conditions=conditions,
        allergies=allergies,
        observations=observations,
        complete=frozenset(k for k in KINDS if data.retrieved(k).complete and k not in unread),
        obtained=frozenset(k for k in KINDS if data.retrieved(k).obtained),
        unavailable=(*known, *gaps),
        today=now.date(),
        now=now,
        encounter_id=encounter_id,
        birth_date=birth_date,
        gender=gender,
    )


def _unreadable(kind: str, record: RawResource) -> Unavailable:
    return Unavailable(kind, Reason("unreadable-resource"), record.reference)


def _conditions(retrieved: RetrievedData, zone: tzinfo, gaps: list[Unavailable]) -> tuple[ConditionFact, ...]:
    facts = []
    for record, raw in decode_each(retrieved.records, RawCondition):
        if raw is None:
            gaps.append(_unreadable("conditions", record))
        elif (fact := read_condition(record.reference, raw, zone)) is not None:
            facts.append(fact)
    return tuple(facts)


def _allergies(retrieved: RetrievedData, zone: tzinfo, gaps: list[Unavailable]) -> tuple[AllergyFact, ...]:
    facts = []
    for record, raw in decode_each(retrieved.records, RawAllergy):
        try:
            fact = read_allergy(record.reference, raw, zone) if raw else None
        except Unreadable:
            fact, raw = None, None
        if raw is None:
            gaps.append(_unreadable("allergies", record))
        elif fact is not None:
            facts.append(fact)
    return tuple(facts)


def _observations(
    retrieved: RetrievedData, zone: tzinfo, reads: Callable[[str, str], bool], gaps: list[Unavailable]
) -> tuple[ObservationFact, ...]:
    """An unreadable Observation stays as a fact with its code, so that it can block the analyte it may report."""

    def wanted(code: RawConcept | None) -> tuple[Coding, ...] | None:
        found = read_codings(code, reads) if code is not None else ()
        if found:
            return found
        return None if is_named(code) else ()  # one that does not say what it reports may be anything

    facts: list[ObservationFact] = []
    dates = Dates(zone)
    for record, raw in decode_each(retrieved.records, RawObservation):
        if raw is not None:
            facts += read_observation(record, raw, wanted, dates)
            continue
        code = decode_code(record.body)
        facts.append(ObservationFact(record.reference, code, None, preliminary=False, problem="unreadable-value"))
        gaps.append(_unreadable("observations", record))
    return tuple(facts)


def _orders(data: ClinicalData, gaps: list[Unavailable]) -> tuple[OrderFact, ...]:
    sources = data.by_kind.get("orders", RetrievedData())
    based_on = {record.reference: record for record in sources.records}
    orders = []
    for record in data.orders.records:
        try:
            orders.append(read_order(record, based_on))
            missed = missing_sources(record, based_on)
            # What could not be retrieved of the orders matters only to an appointment that is based on one of them.
            gaps += [gap for gap in sources.unavailable if missed and gap not in gaps]
            gaps += [Unavailable("orders", Reason("order-not-found"), reference) for reference in missed]
        except Unreadable:
            orders.append(unread_order(record.reference, record.resource_type, record.body))
            gaps.append(Unavailable("draftOrders", Reason("order-unreadable"), record.reference))
    listed = {order.reference for order in orders}
    named = {gap.reference for gap in data.orders.unavailable if gap.reference}
    return (*orders, *(unread_order(reference, "ServiceRequest") for reference in sorted(named - listed)))


def _patient(retrieved: RetrievedData, zone: tzinfo) -> tuple[When | None, str | None]:
    """Birth date and administrative gender; only needed to compute, so a patient that can't be read is no gap."""
    for record in retrieved.records:
        try:
            raw = decode(record.body, RawPatient)
        except Unreadable:
            continue
        return read_when(raw.birth_date, zone), raw.gender
    return None, None
