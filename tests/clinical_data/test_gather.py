"""Which orders and which data a call brings, hook by hook."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.clinical_data.gather import gather
from cds_service.clinical_data.retrieved import ClinicalData
from cds_service.hooks.envelope import read_request
from tests.support.calls import EMPTY_BUNDLE, NOTHING_RECORDED, a_call, an_order, as_json

MEDICATION = {"resourceType": "MedicationRequest", "id": "m1", "subject": {"reference": "Patient/pat-1"}}
APPOINTMENT = {
    "resourceType": "Appointment",
    "id": "a1",
    "participant": [{"actor": {"reference": "Location/ir-1"}}, {"actor": {"reference": "Patient/pat-1"}}],
}


def bundle(*resources: Any) -> dict[str, Any]:
    """A Bundle of these resources."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in resources]}


def gathered(service: str, prefetch: dict[str, Any] | None = None, **context: Any) -> ClinicalData:
    """What is gathered for one call; all data are sent empty unless it says otherwise."""
    call = a_call(service, context=context, prefetch=NOTHING_RECORDED if prefetch is None else prefetch)
    return gather(read_request(service, as_json(call)))


def orders_of(data: ClinicalData) -> list[str]:
    """References of the orders in focus."""
    return [record.reference for record in data.in_focus.records]


def order_gaps(data: ClinicalData) -> list[tuple[str, str | None]]:
    """Orders that are named and could not be retrieved."""
    return [(gap.reason.key, gap.reference) for gap in data.in_focus.unavailable]


def test_every_draft_is_signed() -> None:
    """At order-sign every ServiceRequest of the drafts is in focus; other drafts are none of ours and no gap."""
    data = gathered(
        "ir-order-sign", draftOrders=bundle(an_order("TIPS", "1"), MEDICATION, an_order("UFE", "2"), {"id": "x"})
    )
    assert orders_of(data) == ["ServiceRequest/1", "ServiceRequest/2"]
    assert order_gaps(data) == [("unreadable-resource", "draftOrders.entry[3]")]


def test_a_draft_of_another_patient_is_not_used() -> None:
    """A draft for another patient is a gap of its own."""
    foreign = an_order("TIPS") | {"subject": {"reference": "Patient/other"}}
    data = gathered("ir-order-sign", draftOrders=bundle(foreign))
    assert (orders_of(data), order_gaps(data)) == ([], [("other-patient", "ServiceRequest/draft-1")])


@pytest.mark.parametrize(
    ("selections", "found", "gaps"),
    [
        (["ServiceRequest/2"], ["ServiceRequest/2"], []),
        (["ServiceRequest/2", "ServiceRequest/1"], ["ServiceRequest/2", "ServiceRequest/1"], []),
        (["ServiceRequest/2", "ServiceRequest/2"], ["ServiceRequest/2"], []),
        (["https://ehr.example.org/fhir/ServiceRequest/1"], ["ServiceRequest/1"], []),
        (["ServiceRequest/9"], [], [("order-not-found", "ServiceRequest/9")]),
        (["MedicationRequest/m1"], [], []),
        ([], [], []),
    ],
)
def test_only_selected_drafts_are_spoken_of(
    selections: list[str], found: list[str], gaps: list[tuple[str, str]]
) -> None:
    """At order-select only the selected drafts are in focus; a selected one that is not there is a gap."""
    drafts = bundle(an_order("TIPS", "1"), an_order("UFE", "2"), MEDICATION)
    data = gathered("ir-order-select", draftOrders=drafts, selections=selections)
    assert (orders_of(data), order_gaps(data)) == (found, gaps)


def test_a_foreign_draft_that_is_not_selected_is_no_gap() -> None:
    """What is wrong with drafts that nobody selected does not matter."""
    foreign = an_order("TIPS", "2") | {"subject": {"reference": "Patient/other"}}
    drafts = bundle(an_order("TIPS", "1"), foreign)
    data = gathered("ir-order-select", draftOrders=drafts, selections=["ServiceRequest/1"])
    assert (orders_of(data), order_gaps(data)) == (["ServiceRequest/1"], [])


@pytest.mark.parametrize(
    ("sent", "found", "gaps"),
    [
        ([an_order("TIPS", "order-1"), an_order("UFE", "2")], ["ServiceRequest/order-1"], []),
        ([an_order("UFE", "2")], [], [("order-not-found", "ServiceRequest/order-1")]),
        (None, [], [("not-sent", None), ("order-not-found", "ServiceRequest/order-1")]),
    ],
)
def test_dispatched_orders_are_picked_out(
    sent: list[Any] | None, found: list[str], gaps: list[tuple[str, str | None]]
) -> None:
    """At order-dispatch the named orders are picked out of the patient's; one that is not there is a gap."""
    data = gathered("ir-order-dispatch", NOTHING_RECORDED | {"orders": bundle(*sent)} if sent else {})
    assert (orders_of(data), order_gaps(data)) == (found, gaps)
    assert "orders" not in data.by_kind


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, ["Appointment/a1"]),
        ({"participant": []}, ["Appointment/a1"]),
        ({"participant": [{"actor": {"display": "the patient"}}, {"required": "required"}]}, ["Appointment/a1"]),
        ({"participant": [{"actor": {"reference": "https://ehr.example.org/fhir/Patient/pat-1"}}]}, ["Appointment/a1"]),
        ({"participant": [{"actor": {"reference": "Patient/other"}}]}, []),
        ({"participant": {"actor": 5}}, []),
    ],
)
def test_appointments_of_the_patient(change: dict[str, Any], found: list[str]) -> None:
    """An appointment is the patient's unless another patient takes part in it."""
    data = gathered("ir-appointment-book", appointments=bundle(APPOINTMENT | change))
    assert orders_of(data) == found
    assert data.in_focus.complete is bool(found)


def test_patient_view_has_no_orders() -> None:
    """At patient-view no order is in focus, and none is missing."""
    data = gathered("ir-patient-view")
    assert (data.in_focus.records, data.in_focus.complete) == ((), True)


@pytest.mark.parametrize(
    ("value", "obtained", "complete"),
    [(EMPTY_BUNDLE, True, True), (None, True, True), ({"resourceType": "OperationOutcome"}, False, False)],
)
def test_each_kind_of_data_by_its_key(value: Any, obtained: bool, complete: bool) -> None:
    """Each prefetch key is read by itself; null says that there is nothing, an error that nothing is known."""
    data = gathered("ir-order-sign", NOTHING_RECORDED | {"allergies": value})
    assert (data.retrieved("allergies").obtained, data.retrieved("allergies").complete) == (obtained, complete)
    assert data.retrieved("conditions").complete


def test_a_key_that_was_not_sent() -> None:
    """A key that was not sent is another thing than one with nothing in it."""
    data = gathered("ir-order-sign", {"conditions": None})
    assert data.retrieved("conditions").complete
    assert [gap.reason.key for gap in data.retrieved("allergies").unavailable] == ["not-sent"]
