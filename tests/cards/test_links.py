"""Cards carry the hospital's own documents and name what it has switched off."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from cds_service.answer import answer
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, as_json, drafts

PROTOCOL, ROUTE, OTHER = (
    ("Protocol IR-07", "https://h.example.org/7"),
    ("Route", "https://h.example.org/r"),
    ("X", "https://h.example.org/x"),
)


def answered(knowledge: Knowledge, now: datetime) -> Any:
    """What is answered to an order of a TIPS with 20 platelets."""
    platelets = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "effectiveDateTime": now.isoformat(),
        "valueQuantity": {"value": 20, "unit": "10*9/L"},
    }
    prefetch = NOTHING_RECORDED | {"observations": {"resourceType": "Bundle", "entry": [{"resource": platelets}]}}
    body = as_json(a_call(context=drafts(an_order("TIPS")), prefetch=prefetch))
    return answer(read_request("ir-order-sign", body), knowledge, now=now, new_id=lambda: "id")


def test_a_card_links_to_the_protocol_of_its_question(knowledge: Knowledge, now: datetime):
    """A card links to the documents of the question that it tells, of its row and of the procedure, and no other."""
    links = {"platelets-high-risk": (PROTOCOL,), "tips": (ROUTE,), "liver-biopsy": (OTHER,), "spo2-low": (OTHER,)}
    cards = answered(replace(knowledge, links=links), now).cards
    bleeding = next(card for card in cards if card["source"]["topic"]["code"] == "bleeding")
    assert [(link["label"], link["url"], link["type"]) for link in bleeding["links"]] == [
        (*PROTOCOL, "absolute"),
        (*ROUTE, "absolute"),
    ]
    assert not any("links" in card for card in answered(knowledge, now).cards)


def test_what_the_hospital_switched_off_is_in_the_decision(knowledge: Knowledge, now: datetime):
    """The decision names the rows and questions that the hospital has switched off; without any it names none."""
    decision = answered(replace(knowledge, switched_off=("spo2-low",)), now).decision
    assert decision["retiredRows"] == ["spo2-low"]
    assert "retiredRows" not in answered(knowledge, now).decision
