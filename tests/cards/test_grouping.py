"""Grouping: one card a problem of the patient over all rows and orders; three cards at most, critical ones apart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds_service.cards.card import TOPICS
from cds_service.cards.context import CardSettings
from cds_service.findings.finding import AlertFinding, Evidence, OrderFinding, Shown, Told, Urgency
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import PROBLEMS, Knowledge
from cds_service.publishing.package import make_definitions
from cds_service.publishing.sources import shipped_sources
from tests.cards.builders import IOHEXOL, PLATELETS, Tables

INR = Evidence("Observation/inr", "INR", None, Decimal("2.4"), "1", "2026-11-20")
EGFR = Evidence("Observation/egfr", "eGFR", None, Decimal(24), "mL/min/{1.73_m2}", "2026-11-20")


def topics(cards: list[dict]) -> list[tuple[str, str]]:
    """Level and topic of each card."""
    return [(card["indicator"], card["source"]["topic"]["code"]) for card in cards]


def test_one_problem_of_two_orders_is_one_card(tables: Tables):
    """INR, platelets and a drug over two orders are one bleeding card, as loud as the loudest."""
    findings = (
        tables.present("inr-high-risk", INR),
        tables.present("platelets-high-risk", PLATELETS),
        tables.present("heparin-induced-thrombocytopenia", Evidence("Condition/1", "HIT")),
    )
    orders = [tables.order(name, *findings, reference=f"ServiceRequest/{name}") for name in ("tips", "liver-biopsy")]
    assert topics(tables.cards(*orders)) == [("warning", "bleeding")]


def test_a_line_rides_on_the_card_of_its_problem_and_makes_none(tables: Tables):
    """What alone changes nothing is told only beside something of the same problem that does."""
    line = tables.present("antithrombotic-use", Evidence("Condition/1", "Aspirin"), shown=Shown.LINE)
    assert tables.cards(tables.order("tips", line)) == []
    card = tables.card(tables.order("tips", tables.present("platelets-high-risk", PLATELETS), line))
    assert "Aspirin" in card["detail"]
    assert "Aspirin" not in card["summary"]


def test_what_is_told_nowhere_is_on_no_card(tables: Tables):
    """An answer that changes nothing stays in the decision."""
    assert tables.cards(tables.order("tips", tables.present("platelets-high-risk", PLATELETS, shown=Shown.NONE))) == []


def _many(tables: Tables, **levels: str) -> OrderFinding:
    names = {
        "contrast": "iodinated-contrast-allergy", "bleeding": "inr-high-risk", "kidney": "egfr-contrast",
        "heart": "lvef-severe", "consent": "psychosis", "treatment": "bilirubin-tips",
    }  # fmt: skip
    found = [tables.present(names[name], EGFR, indicator=level) for name, level in levels.items()]
    return tables.order("tips", *found, tables.unknown("platelets-high-risk", "no-result"))


def test_planning_facts_and_gaps_are_one_card(tables: Tables):
    """All that is information is on one card, with the headline of the first and how many more there are."""
    cards = tables.cards(_many(tables, contrast="warning", kidney="info", heart="info", consent="info"))
    assert topics(cards) == [("warning", "contrast-reaction"), ("info", "several")]
    assert cards[1]["summary"].endswith("– and 3 more")
    assert "No platelet count on record" in cards[1]["detail"]


def test_ten_findings_are_three_cards(tables: Tables):
    """However much is found: three cards, the worst first, every problem on one of them."""
    cards = tables.cards(
        _many(tables, contrast="warning", bleeding="warning", kidney="warning", heart="warning", consent="info")
    )
    assert topics(cards) == [("warning", "contrast-reaction"), ("warning", "bleeding"), ("warning", "several")]
    assert "ask cardiology" in cards[2]["detail"]


def test_the_weightiest_information_leads_the_card_of_all(tables: Tables):
    """What would be a warning, were there time, leads; then what is missing; what is only to be planned comes last."""
    planning = tables.present("cannot-lie-flat", indicator="info")
    missing = tables.unknown("inr-high-risk", "no-result")
    finding = tables.present("egfr-contrast", PLATELETS, indicator="info")
    assert tables.card(tables.order("tips", planning, missing))["summary"].startswith("No INR on record")
    assert tables.card(tables.order("tips", planning, missing, finding))["summary"].startswith("eGFR 42")


def test_how_many_matters_share_a_card_is_told_however_long_the_first_is(tables: Tables):
    """A headline without room for the words has the number."""
    longest = max(tables.knowledge.procedures.values(), key=lambda procedure: len(procedure.short)).id
    finding = tables.present("egfr-contrast", PLATELETS, indicator="info")
    order = tables.order(longest, finding, tables.unknown("inr-high-risk", "no-result"))
    assert tables.card(order)["summary"].endswith((" (+1)", "and 1 more"))


def test_critical_cards_are_never_folded(tables: Tables):
    """Four critical cards are four, and what is a warning beside them is not lost."""
    levels = dict.fromkeys(("contrast", "bleeding", "kidney", "heart"), "critical")
    assert topics(tables.cards(_many(tables, **levels, consent="warning"))) == [
        *(("critical", name) for name in ("contrast-reaction", "bleeding", "kidney-and-contrast", "heart-and-lungs")),
        ("warning", "consent"),
    ]


def test_an_emergency_has_one_quiet_card_that_says_meanwhile(tables: Tables):
    """All of an emergency is one info card with what to do meanwhile."""
    order = tables.order(
        "postpartum-hemorrhage-embolization",
        tables.present("platelets-high-risk", PLATELETS, indicator="info"),
        tables.present("egfr-contrast", EGFR, indicator="info"),
        tables.unknown("inr-high-risk", "no-result"),
        urgency=Urgency.EMERGENCY,
    )
    card = tables.card(order)
    assert card["indicator"] == "info"
    assert "Do meanwhile:" in card["detail"]
    assert card["summary"].startswith("Platelets 42 (20 Nov, 4 days ago): correct on the way to postpartum")


def test_source_control_is_not_held_up_either(tables: Tables):
    """A drain for sepsis is set up while values are corrected."""
    finding = tables.present("platelets-high-risk", PLATELETS, indicator="info")
    card = tables.card(tables.order("liver-abscess-drainage", finding, source_control=True))
    assert card["summary"].endswith("correct on the way to liver abscess drainage")


def test_a_wrong_order_calls_a_person(tables: Tables):
    """An ascending dissection is critical at a stent graft, and calls cardiac surgery, not a test."""
    item = Evidence("Condition/1", "Dissection of ascending aorta", date="2026-11-24")
    alert = AlertFinding("alert.type-a-dissection", Indicator.CRITICAL, (item,))
    card = tables.card(tables.order("thoracic-aortic-stent-graft", alerts=(alert,)))
    assert topics([card]) == [("critical", "order")]
    assert card["summary"] == (
        "Dissection of ascending aorta (24 Nov): call cardiac surgery now, a stent graft does not treat it"
    )
    assert "Call cardiac surgery now" in card["detail"]
    codes = [reason["code"] for reason in card["overrideReasons"]]
    assert codes == ["surgeons-informed", "already-treated", "record-wrong-or-outdated"]


def test_an_order_without_a_reason_is_information_where_the_findings_tell_it(tables: Tables):
    """ "Absent from our list" is never a reason to speak by itself."""
    absent = tables.indications("uterine-fibroid-embolization", "absent")
    silent = tables.order("uterine-fibroid-embolization", indications=absent)
    assert tables.cards(silent) == []
    told = tables.order("uterine-fibroid-embolization", indications=absent, reason_told=Told(Shown.CARD, "no-reason"))
    card = tables.card(told)
    assert topics([card]) == [("info", "order")]
    assert card["summary"] == "No reason recorded on the order: add why fibroid embolization is needed"


def test_an_undecided_reason_is_silent(tables: Tables):
    """Whether the record holds a reason stays in the decision."""
    order = tables.order("tips", indications=tables.indications("tips", "unknown", reason="partial-indication"))
    assert tables.cards(order) == []


def test_orders_that_are_not_known_are_named_in_words(tables: Tables):
    """One info card names the order by its own text and says whom to ask; a setting leaves it out."""
    unknown = OrderFinding(tables.order("tips", text="IR magic procedure").order, looks_interventional=True)
    card = tables.card(unknown)
    assert topics([card]) == [("info", "unknown-order")]
    assert card["summary"] == "“IR magic procedure” is not known here, not checked: ask IR what it needs"
    assert tables.cards(unknown, card_settings=CardSettings(unknown_orders=False)) == []


def test_nothing_read_is_one_warning_and_information_in_an_emergency(tables: Tables):
    """The card says what was not checked; it comes alone."""
    card = tables.card(tables.order("tips"), nothing_retrieved=True, looked_at=())
    assert topics([card]) == [("warning", "gaps")]
    assert card["summary"].startswith("Record could not be read: allergies, bleeding and kidney risk of TIPS")
    assert card["detail"].endswith("Looked at: the order only.")
    card = tables.card(tables.order("solid-organ-trauma-embolization"), nothing_retrieved=True)
    assert card["indicator"] == "info"


def test_patient_view_is_quiet_unless_options_are_wanted(tables: Tables):
    """By default no card; with the setting one info card, the option with least against it first."""
    held = tables.option("tips", tables.present("platelets-high-risk", PLATELETS))
    free = tables.option("uterine-fibroid-embolization")
    barred = tables.option(
        "prostate-artery-embolization", tables.present("iodinated-contrast-allergy", IOHEXOL, indicator="critical")
    )
    assert tables.cards(held, free, service="ir-patient-view") == []
    assert tables.cards(held, nothing_retrieved=True, service="ir-patient-view") == []
    card = tables.card(held, free, barred, service="ir-patient-view", card_settings=CardSettings(options=True))
    assert topics([card]) == [("info", "options")]
    assert card["summary"] == "On record, with an interventional option: fibroid embolization, TIPS"
    assert "against it platelets 42" in card["detail"]
    bleeding = tables.option("solid-organ-trauma-embolization")
    card = tables.card(free, bleeding, service="ir-patient-view", card_settings=CardSettings(options=True))
    assert "option: organ trauma embolization, fibroid embolization" in card["summary"], "what cannot wait is first"


def test_each_problem_offers_its_reasons_to_go_ahead(knowledge: Knowledge):
    """Three to five a problem, emergency last where it is offered, each a code of the code system."""
    system = shipped_sources().rows.override_reasons
    codes = [concept["code"] for concept in system["concept"]]
    assert len(codes) == len(set(codes)) == system["count"]
    for topic in (*PROBLEMS, "gaps", "several"):
        offered = [reason.code for reason in knowledge.override_reasons[topic]]
        assert 3 <= len(offered) <= 5, topic
        assert set(offered) <= set(codes)
        assert "emergency" not in offered[:-1]


def test_the_eight_reasons_of_before_stay_valid():
    """Feedback with an old code is still understood."""
    codes = {concept["code"] for concept in shipped_sources().rows.override_reasons["concept"]}
    assert codes >= {
        "benefit-outweighs-risk", "already-mitigated", "record-wrong-or-outdated", "patient-consented",
        "no-alternative", "emergency", "specialist-consulted", "not-applicable",
    }  # fmt: skip


@pytest.mark.parametrize(("indicator", "asked"), [("critical", True), ("warning", True), ("info", False)])
def test_only_loud_cards_ask_for_a_reason_to_go_ahead(indicator: str, asked: bool, tables: Tables):
    """Reasons to override are offered on critical and warning cards."""
    card = tables.card(tables.order("tips", tables.present("psychosis", IOHEXOL, indicator=indicator)))
    assert ("overrideReasons" in card) == asked


def test_the_source_is_the_guideline_and_leads_to_the_page_of_the_row(tables: Tables):
    """Label and year of the guideline; a link only where the service's address is known."""
    order = tables.order("tips", tables.present("platelets-high-risk", PLATELETS))
    assert tables.card(order)["source"] == {
        "label": "SIR 2019",
        "topic": {"system": TOPICS, "code": "bleeding", "display": "Bleeding"},
    }
    card = tables.card(order, card_settings=CardSettings(public_url="https://ir.example.org/"))
    assert card["source"]["url"] == "https://ir.example.org/knowledge/contraindications/bleeding-tendency"


def test_every_topic_is_published(knowledge: Knowledge):
    """The topics of cards are the codes of the published code system, the problems among them."""
    system = make_definitions(shipped_sources(), ["code_systems"])["code_systems/card-topics.json"]
    codes = {concept["code"] for concept in system["concept"] if "property" not in concept}
    assert codes == {key.removeprefix("topic.") for key in knowledge.wording if key.startswith("topic.")}
    assert {*PROBLEMS, "gaps"} <= codes
