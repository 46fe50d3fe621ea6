"""Orders that look interventional and are not known: one quiet card, and a mark in the decision."""

from __future__ import annotations

from itertools import count

from cds_service.cards.decision import build_decision
from cds_service.cards.render import render
from cds_service.facts.patient_facts import Concept, OrderFact
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.hooks.catalog import SERVICES
from tests.cards.builders import Tables


def unknown(text: str, number: int = 1) -> OrderFinding:
    """An order with this text that looks interventional and names no known procedure."""
    fact = OrderFact(f"ServiceRequest/{number}", "ServiceRequest", Concept(texts=(text,)), (), (), b"{}")
    return OrderFinding(fact, looks_interventional=True)


def test_an_unknown_order_is_one_quiet_card(tables: Tables):
    """The card names the order, says that nothing was looked at, and asks for no action or answer."""
    card = tables.card(unknown("IR xyz <b>"))
    assert card["indicator"] == "info"
    assert card["summary"].startswith("Not known to the interventional radiology check, nothing was looked at: IR xyz")
    assert "No allergy, result or condition was looked at" in card["detail"]
    assert "<b>" not in card["detail"]
    assert "overrideReasons" not in card
    assert "suggestions" not in card
    assert card["source"]["topic"]["code"] == "unknown-order"


def test_several_unknown_orders_share_the_card(tables: Tables):
    """However many there are, the clinician reads one card; each order is listed in it."""
    card = tables.card(*(unknown(f"IR thing {number}", number) for number in range(4)))
    assert [f"IR thing {number} (ServiceRequest/{number})" in card["detail"] for number in range(4)] == [True] * 4
    assert len(card["summary"]) < 140


def test_the_card_comes_last(tables: Tables):
    """What was found of the other orders is read first."""
    cards = tables.cards(unknown("IR xyz"), tables.order("tips", tables.unknown("platelets-high-risk", "no-result")))
    assert [card["source"]["topic"]["code"] for card in cards][-1] == "unknown-order"
    assert len(cards) == 2


def test_a_site_may_switch_the_card_off(tables: Tables):
    """Without the card the decision still tells the order from others."""
    findings, numbers = Findings((unknown("IR xyz"),), ()), count()
    shown = render(
        findings, tables.knowledge, SERVICES["ir-order-sign"], lambda: str(next(numbers)), tell_unknown_orders=False
    )
    assert shown.cards == []
    assert shown.decision["procedures"] == [{"order": "ServiceRequest/1", "looksInterventional": True}]


def test_code_and_text_that_differ_are_told(tables: Tables):
    """An order judged as two procedures names both in the decision and on its cards, and says why."""
    both = (tables.knowledge.procedures["liver-biopsy"], tables.knowledge.procedures["tips"])
    low = tables.present("platelets-high-risk")
    order = tables.order("tips", low, candidates=both, code_and_text_differ=True)
    (entry,) = build_decision(Findings((order,), ()), tables.knowledge)["procedures"]
    assert (entry["codeAndTextDiffer"], entry["candidates"]) == (True, ["liver-biopsy", "tips"])
    assert "its code and its text name different procedures" in tables.card(order)["detail"]
    assert (
        "codeAndTextDiffer"
        not in build_decision(Findings((tables.order("tips"),), ()), tables.knowledge)["procedures"][0]
    )
