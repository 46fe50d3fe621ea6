"""Orders that a call carries itself: each is judged, or named as not judged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pytest

from cds_service.answer import Answer, answer
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts

TIPS = an_order("TIPS")


def signed(
    knowledge: Knowledge, now: datetime, *orders: dict[str, Any], hook: str = "ir-order-sign", **context: Any
) -> Answer:
    """The answer to a call that carries these drafts."""
    call = a_call(hook, context=drafts(*orders) | context, prefetch=NOTHING_RECORDED)
    return answer(read_request(hook, orjson.dumps(call)), knowledge, now=now, new_id=lambda: "id")


def procedures(found: Answer) -> list[tuple[str | None, str | None]]:
    """(order, procedure) of each entry of the decision."""
    return [(entry.get("order"), entry.get("procedure")) for entry in found.decision.get("procedures", ())]


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    """Drafts in a Bundle of their own."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}


GROUP = {"resourceType": "RequestGroup", "id": "g", "status": "draft", "intent": "order"}


@pytest.mark.parametrize(
    "wrapped",
    [
        bundle(TIPS),
        bundle(bundle(TIPS)),
        GROUP | {"contained": [TIPS]},
        {"resourceType": "CarePlan", "status": "draft", "intent": "plan", "contained": [TIPS]},
    ],
    ids=["a Bundle", "a Bundle in a Bundle", "a RequestGroup", "a CarePlan"],
)
def test_a_draft_inside_another_resource_is_judged(
    wrapped: dict[str, Any], knowledge: Knowledge, now: datetime
) -> None:
    """An order that comes inside a Bundle or contained in a group of requests is judged like any other."""
    found = signed(knowledge, now, wrapped)
    assert procedures(found) == [("ServiceRequest/draft-1", "tips")]
    assert found.cards


@pytest.mark.parametrize("kind", ["ProcedureRequest", "ReferralRequest", "DiagnosticOrder"])
def test_an_order_of_another_release_is_named(kind: str, knowledge: Knowledge, now: datetime) -> None:
    """An order in a resource type that is not read is listed, and a card says that it was not checked."""
    found = signed(knowledge, now, TIPS | {"resourceType": kind})
    assert procedures(found) == [(f"{kind}/draft-1", None)]
    assert kind in found.cards[0]["detail"]


def test_a_draft_of_another_kind_is_none_of_ours(knowledge: Knowledge, now: datetime) -> None:
    """A drug among the drafts is no order for a procedure: nothing is missing for it."""
    found = signed(knowledge, now, {"resourceType": "MedicationRequest", "id": "m", "status": "draft"})
    assert (procedures(found), found.cards) == ([], [])


def test_two_drafts_with_one_id_are_both_judged(knowledge: Knowledge, now: datetime) -> None:
    """A client that gives two orders one id hides neither, at signing or while they are selected."""
    both = (TIPS, an_order("Uterine fibroid embolization"))
    assert {p for _, p in procedures(signed(knowledge, now, *both))} == {"tips", "uterine-fibroid-embolization"}
    selected = signed(knowledge, now, *both, hook="ir-order-select", selections=["ServiceRequest/draft-1"])
    assert {p for _, p in procedures(selected)} == {"tips", "uterine-fibroid-embolization"}


def an_appointment(**fields: Any) -> dict[str, Any]:
    """A proposed appointment of the patient."""
    return {
        "resourceType": "Appointment",
        "id": "appt-1",
        "status": "proposed",
        "participant": [{"actor": {"reference": "Patient/pat-1"}, "status": "accepted"}],
        **fields,
    }


def booked(knowledge: Knowledge, now: datetime, appointment: dict[str, Any], *orders: dict[str, Any]) -> Answer:
    """The answer to booking an appointment, with orders in prefetch."""
    call = a_call(
        "ir-appointment-book",
        context={"appointments": bundle(appointment)},
        prefetch=NOTHING_RECORDED | {"orders": bundle(*orders)},
    )
    request = read_request("ir-appointment-book", orjson.dumps(call))
    return answer(request, knowledge, now=now, new_id=lambda: "id")


@pytest.mark.parametrize("based_on", [{"identifier": {"value": "4711"}}, {"display": "TIPS order"}])
def test_an_appointment_based_on_an_order_by_identifier_is_named(
    based_on: dict[str, Any], knowledge: Knowledge, now: datetime
) -> None:
    """Where the order that an appointment is based on can't be found, a card says that it was not checked."""
    found = booked(knowledge, now, an_appointment(basedOn=[based_on]))
    assert found.cards
    assert "could not be read: Appointment/appt-1" in found.cards[0]["detail"]


@pytest.mark.parametrize("status", ["cancelled", "noshow", "entered-in-error"])
def test_a_cancelled_appointment_is_silent(status: str, knowledge: Knowledge, now: datetime) -> None:
    """An appointment that will not take place raises nothing."""
    found = booked(knowledge, now, an_appointment(status=status, serviceType=[TIPS["code"]]))
    assert found.cards == []


@pytest.mark.parametrize(("status", "procedure"), [("active", "tips"), ("revoked", None)])
def test_an_appointment_on_a_revoked_order_is_silent(
    status: str, procedure: str | None, knowledge: Knowledge, now: datetime
) -> None:
    """An appointment that rests on a revoked order books nothing; on an active one it is judged."""
    order = TIPS | {"id": "o1", "status": status}
    found = booked(knowledge, now, an_appointment(basedOn=[{"reference": "ServiceRequest/o1"}]), order)
    assert procedures(found) == [("Appointment/appt-1", procedure)]
    assert bool(found.cards) is (procedure is not None)
