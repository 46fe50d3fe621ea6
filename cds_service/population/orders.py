"""Which ServiceRequests of a patient are judged, as of when, and why the others are set aside.

Each one is counted exactly once. A revoked order was live when it was written; what was entered in error, only planned,
or written by the department that fills it never interrupted anybody.
Source: FHIR R4 ServiceRequest.status, intent and authoredOn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

import msgspec
from msgspec.structs import replace

from cds_service.clinical_data.retrieved import RawResource, RetrievedData
from cds_service.facts.dates import read_when
from cds_service.facts.orders import read_order
from cds_service.facts.patient_facts import OrderFact, When
from cds_service.facts.resources import Unreadable
from cds_service.fhir_references import local_reference

_PLANS = frozenset({"proposal", "plan", "directive", "option"})
_DAY = "2026-11-24"


class _Reference(msgspec.Struct):
    reference: str | None = None


class _Placed(msgspec.Struct, rename="camel"):
    """What is read of an order beside what it orders."""

    status: str | None = None
    intent: str | None = None
    authored_on: str | None = None
    do_not_perform: bool | None = None
    requester: _Reference | None = None
    encounter: _Reference | None = None
    location_reference: list[_Reference] | None = None


_placed = msgspec.json.Decoder(_Placed)


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """One order to judge: when it was written, by whom and where (references), and in which encounter (bare id)."""

    order: OrderFact
    when: When
    requester: str | None
    unit: str | None
    encounter: str | None


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms orders are judged.

    `zone` is the hospital's. Orders written before `not_before` are set aside, because the data don't reach back far
    enough; so are those whose reference is in `deleted`.
    """

    zone: tzinfo
    not_before: datetime | None
    deleted: Collection[str] = ()


def placed_orders(found: RetrievedData, given: int, terms: Terms, set_aside: Counter[str]) -> Iterator[PlacedOrder]:
    """The orders of one patient that are judged.

    Args:
        found: the ServiceRequests of the patient.
        given: how many of them the export holds, copies and older versions counted.
        terms: what sets an order aside.
        set_aside: counts those that are, by reason.
    """
    refused = sum(gap.reason.key != "withheld" for gap in found.unavailable)
    times = Counter(record.reference for record in found.records)
    set_aside["unreadable"] += refused
    set_aside["given twice"] += given - refused - len(found.records)
    for record in found.records:
        outcome = "versions that can't be told apart" if times[record.reference] > 1 else _placed_order(record, terms)
        if isinstance(outcome, str):
            set_aside[outcome] += 1
        else:
            yield outcome


def _placed_order(record: RawResource, terms: Terms) -> PlacedOrder | str:
    """The order, or why it is set aside."""
    if record.reference in terms.deleted:
        return "deleted since"
    try:
        placed, order = _placed.decode(record.body), read_order(record, {}, terms.zone)
    except (Unreadable, msgspec.DecodeError):
        return "unreadable"
    if placed.status == "entered-in-error":
        return "entered in error"
    if placed.intent in _PLANS:
        return "plan"
    if placed.intent == "filler-order":
        return "filler order"
    when = read_when(placed.authored_on, terms.zone)
    if when is None or len(when.text) < len(_DAY):
        return "no day"
    if terms.not_before is not None and when.earliest < terms.not_before:
        return "too early in the data"
    return PlacedOrder(
        order=replace(order, forbids=bool(placed.do_not_perform)),
        when=when,
        requester=_local(placed.requester),
        unit=_local(next(iter(placed.location_reference or ()), None)),
        encounter=(_local(placed.encounter) or "").rpartition("/")[2] or None,
    )


def _local(reference: _Reference | None) -> str | None:
    return local_reference(reference.reference) if reference is not None and reference.reference else None
