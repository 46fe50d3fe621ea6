"""The card for an order without a recorded reason, and what it offers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cards.builders import DRAFT, Tables

SPARSE = {**DRAFT, "code": {"coding": [{}], "text": "x"}, "reasonCode": [], "note": None, "bodySite": [{}]}
RICH = {
    **DRAFT,
    "meta": {"versionId": "3"},
    "contained": [{"resourceType": "Condition", "id": "x", "onsetAge": {"value": 7.5, "unit": "a"}}],
    "extension": [{"url": "http://fhir.org/argonaut/Extension/pama-rating", "valueCodeableConcept": {"text": "?"}}],
    "quantityQuantity": {"value": 2},
    "_status": {"id": "s"},
    "somethingNew": {"deep": [1, 2.25, "ä", True, {"er": ["x"]}]},
    "reasonCode": [{"text": "pain", "coding": [{"system": "urn:x", "code": "1", "userSelected": False}]}],
}


def _absent(tables: Tables, procedure: str = "uterine-fibroid-embolization", **fields: Any):
    indications = tables.indications(procedure, "absent")
    fields = {"conditions_fully_classified": True} | fields
    return tables.order(procedure, indications=indications, **fields)


def _updates(card: dict[str, Any]) -> list[dict[str, Any]]:
    actions = [action for suggestion in card["suggestions"] for action in suggestion["actions"]]
    return [action["resource"] for action in actions if action["type"] == "update"]


@pytest.mark.parametrize(("classified", "indicator"), [(True, "warning"), (False, "info")])
def test_a_missing_reason_is_as_loud_as_the_codes_allow(classified: bool, indicator: str, tables: Tables):
    """Where conditions carry ICD codes a missing reason is a warning; where they don't, it is information."""
    card = tables.card(_absent(tables, conditions_fully_classified=classified))
    assert card["indicator"] == indicator
    assert card["summary"] == "No listed reason for Embolization for uterine fibroids is recorded"
    assert ("no ICD code" in card["detail"]) != classified


def test_the_card_says_what_was_looked_for(tables: Tables):
    """Each listed reason is named, and that another good reason may exist."""
    detail = tables.card(_absent(tables, "hepatic-artery-embolization"))["detail"]
    for finding in tables.indications("hepatic-artery-embolization", "absent"):
        assert f"- {finding.indication.label}" in detail
    assert "None of these was found." in detail
    assert "Keep the order if there is another good reason" in detail


@pytest.mark.parametrize("certainty", ["present", "unknown"])
def test_only_a_reason_that_is_surely_missing_is_missed(certainty: str, tables: Tables):
    """A recorded reason needs no card, and an unknown one is no missing one."""
    order = tables.order("tips", indications=tables.indications("tips", certainty, reason="partial-indication"))
    assert [card["source"]["topic"]["code"] for card in tables.cards(order)] in ([], ["not-checked"])


def test_a_procedure_without_indications_in_the_table_is_not_asked_for_one(tables: Tables):
    """The table knows no reasons for a biopsy, so none can be missing."""
    assert tables.cards(tables.order("percutaneous-biopsy")) == []


@pytest.mark.parametrize("draft", [DRAFT, SPARSE, RICH])
def test_an_update_changes_nothing_but_the_reason(draft: dict[str, Any], tables: Tables):
    """The proposed order is the whole draft as it came, with the reason added behind those that it had."""
    for proposed in _updates(tables.card(_absent(tables, draft=draft))):
        before = {k: v for k, v in draft.items() if v not in (None, [], [{}]) and k not in ("reasonCode", "code")}
        after = {k: v for k, v in proposed.items() if k not in ("reasonCode", "code")}
        assert after == before
        assert proposed["code"]["text"] == draft["code"]["text"]
        assert proposed["reasonCode"][:-1] == (draft.get("reasonCode") or [])
        assert proposed["reasonCode"][-1]["coding"][0]["system"] == "http://snomed.info/sct"


JSON = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(min_size=1),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(), inner, min_size=1, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abcde"), JSON, max_size=4))
def test_whatever_a_draft_holds_comes_back_unchanged(tables: Tables, members: dict[str, Any]):
    """Elements that the service has never heard of are given back as they came."""
    for proposed in _updates(tables.card(_absent(tables, draft={**DRAFT, **members}))):
        assert {name: proposed[name] for name in members} == members


@pytest.mark.parametrize(
    "draft",
    [
        json.dumps({**DRAFT, "quantityQuantity": {"value": 1}}).replace("1}", "0.123456789012345678901}"),
        json.dumps({**DRAFT, "quantityQuantity": {"value": 1}}).replace("1}", "99999999999999999999}"),
        json.dumps({**DRAFT, "instantiatesUri": ["x", None], "_instantiatesUri": [None, {"id": "y"}]}),
        json.dumps({**DRAFT, "reasonCode": {"text": "not a list"}}),
        json.dumps({**DRAFT, "note": [{"text": "\ud800"}]}),
        json.dumps({**DRAFT, "id": "another"}),
        json.dumps(DRAFT).replace("{", '{"x": NaN, ', 1),
        "no json",
    ],
)
def test_a_draft_that_can_not_be_given_back_unchanged_is_not_updated(draft: str, tables: Tables):
    """Rather than change a number or shift a list, no update is offered; cancelling still is."""
    card = tables.card(_absent(tables, draft=draft.encode()))
    assert [suggestion["label"] for suggestion in card["suggestions"]] == ["Cancel this order"]


def test_reasons_are_offered_by_indication_and_at_most_three(tables: Tables):
    """Each reason is offered once before a second way to the same reason, and never more than three."""
    card = tables.card(_absent(tables, "hepatic-artery-embolization"))
    labels = [suggestion["label"] for suggestion in card["suggestions"]]
    assert labels == [
        "Add reason: Polycystic liver",
        "Add reason: Primary malignant neoplasm of liver / intrahepatic bile duct",
        "Add reason: Hemangioma of liver",
        "Cancel this order",
    ]
    assert card["selectionBehavior"] == "at-most-one"


def test_a_combined_reason_is_added_as_a_whole(tables: Tables):
    """Bronchial embolization is for hemoptysis with a cause: both are added, not one of them."""
    card = tables.card(_absent(tables, "bronchial-artery-embolization"))
    first = _updates(card)[0]["reasonCode"]
    assert [reason["text"] for reason in first] == ["Hemoptysis", "Bronchiectasis"]


def test_cancelling_deletes_the_draft(tables: Tables):
    """Cancelling names the draft by its relative reference and carries no resource."""
    card = tables.card(_absent(tables, reference="ServiceRequest/draft-9"))
    (action,) = card["suggestions"][-1]["actions"]
    assert action["type"] == "delete"
    assert action["resourceId"] == "ServiceRequest/draft-9"
    assert "resource" not in action


@pytest.mark.parametrize("reference", ["Appointment/a1", "draftOrders.entry[0]", "urn:uuid:1-2-3"])
def test_nothing_is_offered_for_appointments_and_orders_without_id(reference: str, tables: Tables):
    """What has no id as an order can be neither updated nor deleted, so nothing is offered."""
    card = tables.card(_absent(tables, reference=reference))
    assert "suggestions" not in card
    assert "selectionBehavior" not in card


def test_each_order_without_reason_has_its_own_card(tables: Tables):
    """Two orders without a recorded reason are two cards, as each may be mended on its own."""
    cards = tables.cards(_absent(tables), _absent(tables, "tips", reference="ServiceRequest/draft-2"))
    assert [card["source"]["topic"]["code"] for card in cards] == ["indication", "indication"]


def test_an_emergency_order_without_recorded_reason_is_not_to_be_delayed(tables: Tables):
    """In an emergency the missing reason is told, and that it must not delay treatment."""
    card = tables.card(_absent(tables, "solid-organ-trauma-embolization"))
    assert "do not delay life-saving treatment" in card["detail"]
