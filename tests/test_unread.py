"""What a call brought that nothing could read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_service.answer import answer
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from cds_service.unread import Unread, unread_of
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, as_json, drafts

TOLD = "as Aunt Quill told"


def unread(knowledge: Knowledge, now: datetime, order: dict[str, Any], *, words: bool, **prefetch: Any) -> set[Unread]:
    """What is not read of an order with some entries."""
    sent = {
        key: {"resourceType": "Bundle", "entry": [{"resource": r} for r in found]} for key, found in prefetch.items()
    }
    body = as_json(a_call(context=drafts(order), prefetch=NOTHING_RECORDED | sent))
    found = answer(read_request("ir-order-sign", body), knowledge, now=now, new_id=lambda: "id")
    assert found.data
    assert found.findings
    return set(unread_of(found.data, found.findings, with_words=words))


@pytest.mark.parametrize("words", [False, True])
def test_codes_are_named_and_words_only_where_they_are_kept(knowledge: Knowledge, now: datetime, words: bool) -> None:
    """A code of an unread system is named; an entry in words has a name only where the site keeps words."""
    coded = {"resourceType": "Condition", "id": "c1", "code": {"coding": [{"system": "urn:own", "code": "K1"}]}}
    said = {"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": TOLD}}
    found = unread(knowledge, now, an_order("TIPS"), words=words, conditions=[coded], allergies=[said])
    assert Unread("conditions", "urn:own|K1") in found
    assert (Unread("allergies", TOLD) in found) is words
    assert (Unread("allergies", "") in found) is not words


def test_an_unknown_interventional_order_is_named_by_its_code(knowledge: Knowledge, now: datetime) -> None:
    """An order that looks interventional and is not known counts by its code; any other order does not count."""
    order = an_order("IR THING")
    order["code"]["coding"] = [{"system": "urn:ris", "code": "IR-77"}]
    assert unread(knowledge, now, order, words=False) == {Unread("orders", "urn:ris|IR-77")}
    assert unread(knowledge, now, an_order("chest x-ray"), words=True) == set()
    assert unread(knowledge, now, an_order("TIPS"), words=True) == set()


def test_a_computed_value_is_made_of_what_was_read(knowledge: Knowledge, now: datetime) -> None:
    """A score that is open because of a condition in an unread code counts the condition, not the results in it."""
    codings = [{"system": "http://loinc.org", "code": "1975-2"}]
    quantity = {"value": 3.4, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}
    bilirubin = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"coding": codings}}
    bilirubin |= {"effectiveDateTime": now.date().isoformat(), "valueQuantity": quantity}
    coded = {"resourceType": "Condition", "id": "c1", "code": {"coding": [{"system": "urn:own", "code": "K1"}]}}
    order = an_order("liver chemoembolization")
    found = unread(knowledge, now, order, words=False, conditions=[coded], observations=[bilirubin])
    assert found == {Unread("conditions", "urn:own|K1")}
