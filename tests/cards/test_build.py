"""All cards of one call: their order, their shape, and that no text of a record can break them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.cards.card import MOST_IN_SUMMARY, TOPICS, Kind
from cds_service.cards.render import render
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.facts.patient_facts import Coding
from cds_service.findings.finding import AlertFinding, Evidence, Findings
from cds_service.hooks.catalog import SERVICES
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Knowledge
from cds_service.publishing.package import make_definitions
from cds_service.publishing.sources import shipped_sources
from cds_service.reasons import Reason
from tests.cards.builders import DRAFT, IOHEXOL, PLATELETS, Tables, live_markdown
from tests.cards.test_escape import FRAGMENTS
from tests.support.responses import response_problems

CODE_SYSTEMS = make_definitions(shipped_sources(), ["code_systems"])
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
    orders = (
        tables.order("tips", *criteria, indications=missing, reference=reference, draft=draft, **fields),
        tables.order("abdominal-aortic-stent-graft", *criteria, reference=text, **fields),
    )
    option = tables.option("tips", *criteria, indications=tables.indications("tips", "present", named))
    gaps = (Unavailable("conditions", limit, text), Unavailable("draftOrders", Reason("order-unreadable"), text))
    return Findings(orders, gaps), Findings((option,), gaps)


def _cards(findings: Findings, knowledge: Knowledge, service: str) -> list[dict[str, Any]]:
    return render(findings, knowledge, SERVICES[service], lambda: "00000000-0000-4000-8000-000000000001").cards


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
    cards = _cards(orders, tables.knowledge, "ir-order-sign") + _cards(options, tables.knowledge, "ir-patient-view")
    assert response_problems({"cards": json.loads(orjson.dumps(cards))}) == []
    for card in cards:
        assert len(card["summary"]) <= MOST_IN_SUMMARY
        assert live_markdown(card["detail"]) == []
        assert not [shown for shown in _texts(card) if set(shown) & set("<>`*[]\r\t\u202e")]
        assert "\n" not in card["summary"]


def test_cards_come_worst_first_and_by_kind(tables: Tables):
    """Critical, warning, info; equally loud ones: contraindications, missing reasons, alerts, what was not checked."""
    findings, _ = _everything(tables, "text")
    cards = _cards(findings, tables.knowledge, "ir-order-sign")
    assert [(card["indicator"], card["source"]["topic"]["code"]) for card in cards] == [
        ("critical", "iodine-allergy"),
        ("warning", "bleeding-tendency"),
        ("warning", "alert"),
        ("info", "indication"),
        ("info", "not-checked"),
    ]


def test_every_card_has_an_id_of_its_own(tables: Tables):
    """Feedback is given on a card by its id, so no two share one."""
    order = tables.order("tips", tables.present("psychosis", IOHEXOL), indications=tables.indications("tips", "absent"))
    cards = tables.cards(order)
    ids = [card["uuid"] for card in cards]
    assert len(ids) == len(set(ids)) == 2


@pytest.mark.parametrize(("indicator", "asked"), [("critical", True), ("warning", True), ("info", False)])
def test_only_loud_cards_ask_for_a_reason_to_go_ahead(indicator: str, asked: bool, tables: Tables):
    """Reasons to override are offered on critical and warning cards, each with system, code and display."""
    card = tables.card(tables.order("tips", tables.present("psychosis", IOHEXOL, indicator=indicator)))
    assert ("overrideReasons" in card) == asked
    for reason in card.get("overrideReasons", ()):
        assert set(reason) == {"system", "code", "display"}


def test_cards_are_the_same_for_the_same_findings(tables: Tables):
    """Nothing of one call stays behind: the same findings give the same cards."""
    findings, _ = _everything(tables, "text")
    first, second = (_cards(findings, tables.knowledge, "ir-order-sign") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_nothing_to_say_is_an_empty_list(service: str, tables: Tables):
    """Where everything was looked at and nothing was found, there is no card, in every service."""
    assert tables.cards(service=service) == []


@pytest.mark.parametrize(
    "procedure",
    ["solid-organ-trauma-embolization", "postpartum-hemorrhage-embolization", "vascular-malformation-embolization"],
)
def test_all_cards_of_an_emergency_say_not_to_delay(procedure: str, tables: Tables):
    """Whatever a card of an emergency order is about, it says that treatment is not to be delayed."""
    order = tables.order(
        procedure,
        tables.present("iodinated-contrast-allergy", IOHEXOL),
        tables.present("platelets-low-risk", PLATELETS),
        tables.unknown("egfr-contrast", "no-result"),
        indications=tables.indications(procedure, "absent"),
        alerts=(AlertFinding("alert.type-a-dissection", Indicator.WARNING, (IOHEXOL,)),),
    )
    cards = tables.cards(order)
    assert len(cards) == 5
    assert all("do not delay life-saving treatment" in card["detail"] for card in cards)


@pytest.mark.parametrize(("name", "url"), [("override-reasons", None), ("card-topics", TOPICS)])
def test_code_systems_of_cards_are_complete(name: str, url: str | None):
    """The code systems that cards use count right, and hold each code once."""
    system = CODE_SYSTEMS[f"code_systems/{name}.json"]
    codes = [concept["code"] for concept in system["concept"]]
    assert system["url"] == (url or f"https://example.org/ir-cds/fhir/CodeSystem/{name}")
    assert (system["status"], system["content"]) == ("active", "complete")
    assert len(codes) == len(set(codes)) == system["count"]


def test_every_topic_is_a_code_of_the_topics(tables: Tables):
    """A card's topic is its row's id and label, or the kind of card; each is in the published code system."""
    system = CODE_SYSTEMS["code_systems/card-topics.json"]
    published = {concept["code"]: concept["display"] for concept in system["concept"]}
    rows = {key: row["label"] for key, row in shipped_sources().rows.contraindications.items()}
    kinds = ["indication", "alert", "options", "not-checked", "unknown-order"]
    assert published == rows | {kind: tables.knowledge.wording[f"topic.{kind}"] for kind in kinds}
    assert len(kinds) == len(Kind) - 1


def test_every_criterion_of_the_tables_can_be_told(tables: Tables):
    """Each question of each row makes a valid card, with its limit where it has one and with its advice."""
    for row in tables.knowledge.contraindications:
        for criterion in row.criteria:
            item = Evidence("Observation/o1", "Value", None, Decimal(1), "1", "2026-11-20")
            card = tables.card(tables.order("uterine-fibroid-embolization", tables.present(criterion.id, item)))
            assert response_problems({"cards": [card]}) == []
            assert live_markdown(card["detail"]) == []
            assert "What can be done:" in card["detail"], criterion.id
            assert ("Source:" in card["detail"]) == (criterion.question.limit is not None)
