"""The card for an order without a recorded reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cards.builders import Tables


def _absent(tables: Tables, procedure: str = "uterine-fibroid-embolization", **fields: Any):
    indications = tables.indications(procedure, "absent")
    fields = {"conditions_fully_classified": True} | fields
    return tables.order(procedure, indications=indications, **fields)


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


def test_what_is_not_recorded_is_not_offered(tables: Tables):
    """An order without a recorded reason is offered none, and is not offered to be cancelled for want of one."""
    assert "suggestions" not in tables.card(_absent(tables))


def test_each_order_without_reason_has_its_own_card(tables: Tables):
    """Two orders without a recorded reason are two cards, as each may be mended on its own."""
    cards = tables.cards(_absent(tables), _absent(tables, "tips", reference="ServiceRequest/draft-2"))
    assert [card["source"]["topic"]["code"] for card in cards] == ["indication", "indication"]


def test_an_emergency_order_without_recorded_reason_is_not_to_be_delayed(tables: Tables):
    """In an emergency the missing reason is told, and that it must not delay treatment."""
    card = tables.card(_absent(tables, "solid-organ-trauma-embolization"))
    assert "do not delay life-saving treatment" in card["detail"]
