"""Diagnoses that the allergy list may hold: what is read of it, and what can no longer be ruled out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_service.answer import Answer, answer
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, as_json, drafts

HIT = "heparin-induced-thrombocytopenia"
LOCAL = {"coding": [{"system": "urn:own", "code": "9"}]}
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


def judged(knowledge: Knowledge, now: datetime, allergies: dict[str, Any]) -> Answer:
    """The answer to an order that uses no contrast, with an allergy list."""
    prefetch = NOTHING_RECORDED | {"allergies": allergies}
    body = as_json(a_call(context=drafts(an_order("PICC placement")), prefetch=prefetch))
    return answer(read_request("ir-order-sign", body), knowledge, now=now, new_id=lambda: "id")


def the_list(*codes: dict[str, Any]) -> dict[str, Any]:
    """An allergy list with an entry for each code."""
    entries = [
        {"resource": {"resourceType": "AllergyIntolerance", "id": f"a{at}", "code": code}}
        for at, code in enumerate(codes)
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def with_reaction(name: str, reaction: str) -> dict[str, Any]:
    """An allergy list of one entry with a reaction."""
    listed = the_list({"text": name})
    listed["entry"][0]["resource"]["reaction"] = [{"manifestation": [{"text": reaction}]}]
    return listed


def certainty(found: Answer) -> str:
    """The answer about heparin-induced thrombocytopenia; `absent` where it is not listed."""
    rows = [row for entry in found.decision["procedures"] for row in entry.get("contraindications", ())]
    said = {c["id"]: c["certainty"] for row in rows for c in row.get("criteria", ())}
    return str(said.get(HIT, "absent"))


@pytest.mark.parametrize(
    ("allergies", "expected"),
    [
        (the_list(), "absent"),
        (the_list({"text": "Penicillin"}), "absent"),
        (the_list({"text": "HIT II"}), "present"),
        (the_list({"text": "TIH por heparina"}), "unknown"),
        (the_list({"text": "Penicillin"}, LOCAL), "unknown"),
        (the_list({"text": "Unbekannt"}), "absent"),
        (FAILED, "unknown"),
        (with_reaction("Heparin", "HIT"), "present"),
        (with_reaction("Heparin", "thrombocytopenia"), "unknown"),
        (with_reaction("Heparin", "rash"), "absent"),
        (with_reaction("Penicillin", "thrombocytopenia"), "absent"),
    ],
)
def test_what_the_allergy_list_says_of_it(
    knowledge: Knowledge, now: datetime, allergies: dict[str, Any], expected: str
) -> None:
    """HIT stands on many allergy lists: an entry that nobody can read, or a list that could not be had, may hold it."""
    found = judged(knowledge, now, allergies)
    assert certainty(found) == expected
    assert bool(found.cards) is (expected != "absent")


def test_the_headline_asks_nothing_about_contrast_where_none_is_given(knowledge: Knowledge, now: datetime) -> None:
    """Before a line is placed, an allergy list that could not be had is no question about contrast."""
    (card,) = judged(knowledge, now, FAILED).cards
    assert card["summary"] == "Allergy list could not be read: check by hand before PICC placement"
    assert card["indicator"] == "info"
