"""All cards of one call: their order, their shape, and that no text of a record can break them."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.cards.context import CardSettings
from cds_service.cards.headline import MOST_CHARACTERS
from cds_service.cards.render import render
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.facts.patient_facts import Coding
from cds_service.findings.finding import AlertFinding, Evidence, Findings, Shown, Told
from cds_service.hooks.catalog import SERVICES
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason
from tests.cards.builders import DRAFT, IOHEXOL, LOOKED_AT, TODAY, Tables, live_markdown
from tests.cards.test_escape import FRAGMENTS
from tests.support.responses import response_problems

ANY_TEXT = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=80).map("".join) | st.text(
    min_size=1, max_size=400
)


def _everything(tables: Tables, text: str) -> tuple[Findings, ...]:
    """Findings of every kind, with one text of the record wherever a record can put one."""
    coding = Coding(text, text, text)
    named = Evidence(f"Condition/{text}", text, coding, date=text)
    measured = Evidence(text, None, coding, text, text, text, (Reason("not-a-date", {"date": text}),))
    alert = AlertFinding("alert.type-a-dissection", Indicator.WARNING, (named,))
    limit = Reason("straddles", {"value": text, "limit": text})
    fields: dict[str, Any] = {"recognised_by": "text", "matched_text": text, "text": text, "alerts": (alert,)}
    reference = f"ServiceRequest/{text}"
    criteria = (
        tables.present("iodinated-contrast-allergy", named, indicator="critical"),
        tables.present("platelets-high-risk", measured),
        tables.unknown("inr-high-risk", limit, measured),
        tables.unknown("severe-depression", "uncoded-condition", named),
    )
    missing = tables.indications("tips", "absent", named)
    draft = {**DRAFT, "id": text, "note": [{"text": text}]}
    told = Told(Shown.CARD, "no-reason")
    orders = (
        tables.order(
            "tips", *criteria, indications=missing, reference=reference, draft=draft, reason_told=told, **fields
        ),
        tables.order("abdominal-aortic-stent-graft", *criteria, reference=text, **fields),
    )
    option = tables.option("tips", *criteria[1:], indications=tables.indications("tips", "present", named))
    gaps = (Unavailable("conditions", limit, text), Unavailable("draftOrders", Reason("order-unreadable"), text))
    shared: dict[str, Any] = {"today": TODAY, "looked_at": LOOKED_AT}
    return Findings(orders, gaps, **shared), Findings((option,), gaps, **shared)


def _cards(findings: Findings, knowledge: Knowledge, service: str, card_settings: CardSettings) -> list[dict[str, Any]]:
    return render(
        findings, knowledge, SERVICES[service], lambda: "00000000-0000-4000-8000-000000000001", card_settings
    ).cards


def _texts(card: dict[str, Any]) -> list[str]:
    """Every text of a card that is shown; resources of an action are the record's own and are not shown."""
    suggestions = card.get("suggestions", ())
    shown = [suggestion["label"] for suggestion in suggestions]
    shown += [action["description"] for suggestion in suggestions for action in suggestion["actions"]]
    return [card["summary"], card["detail"], card["source"]["label"], *shown]


@given(ANY_TEXT)
def test_no_text_of_a_record_can_break_a_card(tables: Tables, text: str):
    """Whatever a record holds: summaries stay short, nothing comes alive, nothing is empty, the cards are valid."""
    orders, options = _everything(tables, text)
    for language in tables.knowledge.wordings:
        card_settings = CardSettings(language=language, options=True)
        cards = _cards(orders, tables.knowledge, "ir-order-sign", card_settings)
        cards += _cards(options, tables.knowledge, "ir-patient-view", card_settings)
        assert response_problems({"cards": json.loads(orjson.dumps(cards))}) == []
        assert len(cards) >= 4
        for card in cards:
            assert len(card["summary"]) <= MOST_CHARACTERS
            assert len(card["detail"]) <= 900
            assert live_markdown(card["detail"]) == []
            assert not [shown for shown in _texts(card) if set(shown) & set("<>`*[]\r\t\u202e")]
            assert "\n" not in card["summary"]


def test_cards_come_worst_first_and_by_problem(tables: Tables):
    """Critical, then warnings, then all information on one card; equally loud ones: wrong order, then the problems."""
    findings, _ = _everything(tables, "text")
    cards = _cards(findings, tables.knowledge, "ir-order-sign", CardSettings())
    assert [(card["indicator"], card["source"]["topic"]["code"]) for card in cards] == [
        ("critical", "contrast-reaction"),
        ("warning", "order"),
        ("warning", "several"),
    ]


def test_every_card_and_suggestion_has_an_id_of_its_own(tables: Tables):
    """Feedback is given on a card or suggestion by its id, so no two share one."""
    told = Told(Shown.CARD, "no-reason")
    order = tables.order(
        "tips",
        tables.present("psychosis", IOHEXOL, indicator="warning"),
        indications=tables.indications("tips", "absent"),
        reason_told=told,
        linkable_reasons=((Evidence("Condition/c1", "Portal hypertension"),),),
    )
    cards = tables.cards(order)
    ids = [card["uuid"] for card in cards] + [s["uuid"] for card in cards for s in card.get("suggestions", ())]
    assert len(cards) == 2
    assert len(ids) == len(set(ids)) > 2


def test_cards_are_the_same_for_the_same_findings(tables: Tables):
    """Nothing of one call stays behind: the same findings give the same cards."""
    findings, _ = _everything(tables, "text")
    first, second = (_cards(findings, tables.knowledge, "ir-order-sign", CardSettings()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_nothing_to_say_is_an_empty_list(service: str, tables: Tables):
    """Where everything was looked at and nothing was found, there is no card, in every service."""
    assert tables.cards(service=service) == []
