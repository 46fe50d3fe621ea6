"""What is ordered already: drafts of the call, in focus or not, and orders in force."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pytest

from cds_service.clinical_data.gather import gather
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import OrderedFact
from cds_service.hooks.envelope import read_request
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.reading import read

INR = {"code": {"coding": [{"system": "http://loinc.org", "code": "6301-6"}]}}


def ordered(**fields: Any) -> list[OrderedFact]:
    """What is ordered by one ServiceRequest beside the order in focus."""
    return list(read(beside=[INR | fields]).ordered)


@pytest.mark.parametrize("status", ["draft", "active"])
def test_drafts_and_orders_in_force_are_ordered(status: str) -> None:
    """A test that is being ordered, or was ordered, is known with its code."""
    (fact,) = ordered(status=status)
    assert [coding.code for coding in fact.concept.codings] == ["6301-6"]
    assert fact.draft == (status == "draft")


@pytest.mark.parametrize(
    "fields",
    [
        *({"status": status} for status in ("revoked", "entered-in-error", "completed", "on-hold", "unknown")),
        {},
        {"status": "draft", "doNotPerform": True},
        {"status": "draft", "modifierExtension": [{"url": "urn:x"}]},
        {"status": "draft", "code": "INR"},
    ],
)
def test_what_is_no_wish_is_not_ordered(fields: dict[str, Any]) -> None:
    """An order that ended, was called off, or can't be understood keeps nobody from ordering the test."""
    assert ordered(**fields) == []


@pytest.mark.parametrize(
    ("fields", "planned", "authored"),
    [
        ({"occurrenceDateTime": "2026-12-02", "authoredOn": "2026-11-24"}, "2026-12-02", "2026-11-24"),
        ({"occurrencePeriod": {"start": "2026-12-02", "end": "2026-12-04"}}, "2026-12-02", None),
        ({"authoredOn": "2021-05-01"}, None, "2021-05-01"),
        ({}, None, None),
        ({"occurrenceDateTime": "soon", "authoredOn": 5 * "x"}, None, None),
    ],
)
def test_when_a_test_is_planned(fields: dict[str, Any], planned: str | None, authored: str | None) -> None:
    """The day a test is planned for and the day on which it was ordered are two things, and either may be missing."""
    (fact,) = ordered(status="active", **fields)
    assert [when.text if when else None for when in (fact.planned, fact.authored)] == [planned, authored]


@pytest.mark.parametrize(
    ("service", "context", "prefetch"),
    [
        ("ir-order-sign", drafts(an_order("TIPS"), an_order("INR", "lab-1")), {}),
        ("ir-order-select", drafts(an_order("TIPS"), an_order("INR", "lab-1")), {}),
        (
            "ir-order-dispatch",
            {"dispatchedOrders": ["ServiceRequest/draft-1"]},
            {
                "orders": {
                    "resourceType": "Bundle",
                    "type": "searchset",
                    "entry": [{"resource": an_order("TIPS")}, {"resource": an_order("INR", "lab-1")}],
                }
            },
        ),
    ],
)
def test_a_call_knows_what_is_ordered_beside_the_procedure(
    service: str, context: dict[str, Any], prefetch: dict[str, Any], now: datetime
) -> None:
    """A test among the drafts, selected or not, or among the patient's orders is known in every hook."""
    call = a_call(service, context=context, prefetch=NOTHING_RECORDED | prefetch)
    facts = extract(gather(read_request(service, orjson.dumps(call))), now=now)
    assert [order.reference for order in facts.orders][:1] == ["ServiceRequest/draft-1"]
    assert "ServiceRequest/lab-1" in [fact.reference for fact in facts.ordered]
