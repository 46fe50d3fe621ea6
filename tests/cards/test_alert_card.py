"""A recorded condition that the ordered procedure must not be mistaken for treating."""

from __future__ import annotations

from cds_service.findings.finding import AlertFinding, Evidence
from cds_service.indicator import Indicator
from tests.cards.builders import Tables

DISSECTION = Evidence("Condition/c1", "Dissection of ascending aorta", date="2026-11-23")
ALERT = AlertFinding("alert.type-a-dissection", Indicator.WARNING, (DISSECTION,))


def test_type_a_dissection_is_a_surgical_emergency(tables: Tables):
    """A stent graft ordered in ascending dissection raises a card of its own, with the evidence and whom to call."""
    card = tables.card(tables.order("thoracic-aortic-stent-graft", alerts=(ALERT,)))
    assert card["indicator"] == "warning"
    assert "surgical emergency" in card["summary"]
    assert "- “Dissection of ascending aorta”, 2026-11-23" in card["detail"]
    assert "Call cardiac surgery now" in card["detail"]
    assert "overrideReasons" in card


def test_one_alert_of_two_orders_is_one_card(tables: Tables):
    """The same dissection behind two orders is told once, with both orders."""
    card = tables.card(
        tables.order("thoracic-aortic-stent-graft", alerts=(ALERT,)),
        tables.order("abdominal-aortic-stent-graft", alerts=(ALERT,), reference="ServiceRequest/draft-2"),
    )
    assert card["detail"].count("“Dissection of ascending aorta”") == 1
    assert "ServiceRequest/draft-2" in card["detail"]
