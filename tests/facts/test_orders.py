"""Orders as facts: sparse codes, reasons in every form, appointments and what they are based on."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.patient_facts import OrderFact
from tests.support.reading import read

FIBROID = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D25.9"}]}
UFE = {"text": "Uterine fibroid embolization"}


def the_order(**fields: Any) -> OrderFact:
    """The one order of a call."""
    (order,) = read(orders=[{"code": UFE} | fields]).orders
    return order


@pytest.mark.parametrize(
    ("code", "codings", "texts"),
    [
        (UFE, 0, ("Uterine fibroid embolization",)),
        ({"coding": [{}]}, 0, ()),
        ({"coding": [{}], "text": "TIPS"}, 0, ("TIPS",)),
        ({"coding": [{"system": "s", "code": "c", "display": "TIPS"}], "text": "TIPS"}, 1, ("TIPS",)),
        ({"coding": [{"code": "c", "display": "A"}, {"display": "B"}]}, 0, ("A", "B")),
        ({}, 0, ()),
        (None, 0, ()),
    ],
)
def test_sparse_codes(code: Any, codings: int, texts: tuple[str, ...]) -> None:
    """Empty codings are normal in drafts; every text that a person could read is kept once."""
    order = the_order(code=code)
    assert (len(order.concept.codings), order.concept.texts, order.readable) == (codings, texts, True)


@pytest.mark.parametrize(
    ("fields", "reasons", "references"),
    [
        ({"reasonCode": [FIBROID]}, ["D25.9"], ()),
        ({"reasonCode": []}, [], ()),
        ({"reasonCode": [{}]}, [], ()),
        ({"reasonCode": [{"coding": [{}], "text": "bleeding"}]}, ["bleeding"], ()),
        ({"reasonReference": [{"reference": "Condition/c1"}]}, [], ("Condition/c1",)),
        ({"reasonReference": [{"reference": "https://ehr.example.org/fhir/Condition/c1"}]}, [], ("Condition/c1",)),
        ({"reasonReference": [{"display": "fibroids"}]}, ["fibroids"], ()),
        ({"reasonReference": [{}]}, [], ()),
        ({"reasonReference": [{"identifier": {"value": "7"}}]}, [], ("",)),
        (
            {
                "reasonReference": [{"reference": "#c"}],
                "contained": [{"resourceType": "Condition", "id": "c", "code": FIBROID}],
            },
            ["D25.9"],
            (),
        ),
        ({"reasonReference": [{"reference": "#gone"}], "contained": []}, ["#gone"], ()),
        ({"reasonReference": [{"reference": "#c"}], "contained": [{"id": "c", "code": 5}]}, ["#c"], ()),
    ],
)
def test_reasons(fields: dict[str, Any], reasons: list[str], references: tuple[str, ...]) -> None:
    """Reasons are codes, contained resources or references; one that can't be read stays a reason without a code."""
    order = the_order(**fields)
    found = [reason.codings[0].code if reason.codings else reason.label for reason in order.reasons]
    assert (found, order.reason_references) == (reasons, references)


@pytest.mark.parametrize(
    ("fields", "forbids"),
    [
        ({"doNotPerform": True}, True),
        ({"doNotPerform": False}, False),
        ({"status": "entered-in-error"}, True),
        ({"status": "revoked"}, True),
        ({"status": "draft"}, False),
        ({}, False),
    ],
)
def test_orders_that_order_nothing(fields: dict[str, Any], forbids: bool) -> None:
    """An order not to do something, a revoked one and a wrong entry are no orders."""
    assert the_order(**fields).forbids is forbids


@pytest.mark.parametrize(
    "broken",
    [
        {"code": "TIPS"},
        {"reasonCode": {"text": "x"}},
        {"doNotPerform": "no"},
        {"contained": {}},
        {"modifierExtension": [{"url": "https://example.org/x"}]},
    ],
)
def test_an_order_that_can_not_be_read(broken: dict[str, Any]) -> None:
    """An order that can't be read is listed, not judged, and named as a gap."""
    facts = read(orders=[{"code": UFE} | broken])
    assert [order.readable for order in facts.orders] == [False]
    assert [(gap.reason.key, gap.reference) for gap in facts.unavailable] == [("order-unreadable", "ServiceRequest/1")]


def an_appointment(**fields: Any) -> dict[str, Any]:
    """An Appointment."""
    return {"resourceType": "Appointment", "id": "a1", "status": "proposed", **fields}


def test_an_appointment_by_its_service_type() -> None:
    """An appointment names its procedure by serviceType, and its reason by reasonCode."""
    (order,) = read(orders=[an_appointment(serviceType=[UFE], reasonCode=[FIBROID])]).orders
    assert (order.concept.texts, len(order.reasons)) == (("Uterine fibroid embolization",), 1)


def test_an_appointment_by_the_order_it_is_based_on() -> None:
    """An appointment takes procedure and reasons from the order that it is based on."""
    appointment = an_appointment(basedOn=[{"reference": "https://ehr.example.org/fhir/ServiceRequest/7"}])
    source = {"id": "7", "code": UFE, "reasonCode": [FIBROID], "reasonReference": [{"reference": "Condition/c1"}]}
    (order,) = (facts := read(orders=[appointment], sources=[source])).orders
    assert (order.concept.texts, len(order.reasons)) == (("Uterine fibroid embolization",), 1)
    assert (order.reason_references, facts.unavailable) == (("Condition/c1",), ())


def test_an_appointment_based_on_an_order_that_was_not_sent() -> None:
    """What it books may be in that order, so the missing order is named."""
    facts = read(orders=[an_appointment(basedOn=[{"reference": "ServiceRequest/8"}])])
    assert [(gap.data, gap.reason.key, gap.reference) for gap in facts.unavailable] == [
        ("orders", "order-not-found", "ServiceRequest/8")
    ]


def test_an_appointment_based_on_an_order_that_can_not_be_read() -> None:
    """An appointment whose order can't be read can't be read either."""
    facts = read(orders=[an_appointment(basedOn=[{"reference": "ServiceRequest/7"}])], sources=[{"id": "7", "code": 5}])
    assert [order.readable for order in facts.orders] == [False]


def test_the_order_is_kept_as_received() -> None:
    """The whole draft is kept, so that an update suggestion loses nothing of it."""
    assert b'"note": [{"text": "x"}]' in the_order(note=[{"text": "x"}]).body


@pytest.mark.parametrize(
    ("patient", "born", "gender"),
    [
        ({"birthDate": "1960-05-01", "gender": "female"}, "1960-05-01", "female"),
        ({"birthDate": "1960"}, "1960", None),
        ({"birthDate": "unknown"}, None, None),
        ({"birthDate": 1960}, None, None),
        (None, None, None),
    ],
)
def test_birth_date_and_sex(patient: dict[str, Any] | None, born: str | None, gender: str | None) -> None:
    """Birth date and sex are read where they can be; a patient that can't be read is no gap of its own."""
    facts = read(patient=patient)
    assert ((facts.birth_date.text if facts.birth_date else None), facts.gender, facts.unavailable) == (
        born,
        gender,
        (),
    )


def test_what_stands_beside_the_code_is_read() -> None:
    """orderDetail, bodySite, notes and the category of an order are kept beside its code, never mixed into it."""
    order = the_order(
        orderDetail=[{"text": "right", "coding": [{"system": "s", "code": "c"}]}],
        bodySite=[{"text": "Liver"}],
        note=[{"text": "please"}],
        category=[{"coding": [{"system": "s", "code": "IR", "display": "Interventional Radiology"}]}],
    )
    assert order.concept.texts == ("Uterine fibroid embolization",)
    assert (order.details.texts, len(order.details.codings)) == (("right", "Liver"), 1)
    assert (order.notes, order.category) == (("please",), ("Interventional Radiology", "IR"))


@pytest.mark.parametrize(
    "fields",
    [
        {"orderDetail": {"text": "right"}, "note": "please"},
        {"orderDetail": "right", "note": [{"text": 5}], "category": 7, "bodySite": {"text": []}},
    ],
)
def test_what_stands_beside_the_code_never_makes_an_order_unreadable(fields: dict[str, Any]) -> None:
    """A note or category of the wrong shape is passed over: the order itself is read."""
    assert the_order(**fields).readable
