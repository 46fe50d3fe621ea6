"""What a booked appointment needs of the orders."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from cds_service.clinical_data.gather import gather
from cds_service.facts.extract import extract
from cds_service.hooks.envelope import read_request
from cds_service.kinds import CLINICAL

EMPTY = {"resourceType": "Bundle", "type": "searchset"}


def gaps_of(appointment: dict[str, Any], now: datetime) -> list[tuple[str, str]]:
    """(data, reason) of what is missing for one appointment in a call without orders."""
    resource = {"resourceType": "Appointment", "id": "a1", "status": "proposed", "participant": [], **appointment}
    appointments = {"resourceType": "Bundle", "entry": [{"resource": resource}]}
    context = {"userId": "Practitioner/x", "patientId": "p1", "appointments": appointments}
    prefetch = dict.fromkeys(("patient", *(kind.key for kind in CLINICAL)), EMPTY)
    body = {"hook": "appointment-book", "hookInstance": "x", "context": context, "prefetch": prefetch}
    request = read_request("ir-appointment-book", json.dumps(body).encode())
    return [(gap.data, gap.reason.key) for gap in extract(gather(request), now=now).unavailable]


@pytest.mark.parametrize(
    ("appointment", "expected"),
    [
        ({"serviceType": [{"text": "TIPS"}]}, []),
        (
            {"basedOn": [{"reference": "ServiceRequest/s1"}]},
            [("orders", "not-sent"), ("orders", "order-not-found")],
        ),
    ],
)
def test_orders_are_missed_only_where_an_appointment_is_based_on_one(
    appointment: dict[str, Any], expected: list[tuple[str, str]], now: datetime
) -> None:
    """An appointment that names its service needs no orders; one that is based on an order does."""
    assert gaps_of(appointment, now) == expected
