"""Patient-view: what the record supports, what stands against it, what was not checked."""

from __future__ import annotations

import pytest

from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import AlertFinding, Evidence
from cds_service.indicator import Indicator
from cds_service.reasons import Reason
from tests.cards.builders import IOHEXOL, PLATELETS, Tables, live_markdown

FIBROID = Evidence("Condition/c1", "Leiomyoma of uterus", date="2026-10-01")
VIEW = {"service": "ir-patient-view"}


def _fibroids(tables: Tables, *criteria, **fields):
    indications = tables.indications("uterine-fibroid-embolization", "present", FIBROID)
    return tables.option("uterine-fibroid-embolization", *criteria, indications=indications, **fields)


def test_options_are_one_info_card_without_suggestions(tables: Tables):
    """The supported procedures are listed with their reasons in one card that demands nothing."""
    card = tables.card(
        _fibroids(
            tables,
            tables.present("iodinated-contrast-allergy", IOHEXOL, indicator="critical"),
            tables.present("platelets-high-risk", PLATELETS),
            tables.unknown("inr-high-risk", "no-result"),
        ),
        tables.option("tips"),
        **VIEW,
    )
    assert card["indicator"] == "info"
    assert not {"suggestions", "overrideReasons"} & set(card)
    assert card["detail"].splitlines()[2:] == [
        "- Embolization for uterine fibroids, for “Leiomyoma of uterus” (2026-10-01)",
        "  - Against: Iodine or contrast allergy, “Iohexol” (2021-03-04)",
        "  - Against: Bleeding tendency, Platelets 42 × 10⁹/L (2026-11-20)",
        "  - Not checked: Bleeding tendency (INR)",
        "- Transjugular intrahepatic portosystemic shunt, for Variceal bleeding or Budd-Chiari syndrome",
        "  - Against: nothing found in what was checked",
    ]
    assert live_markdown(card["detail"]) == []


def test_no_option_is_no_card(tables: Tables):
    """A record that supports no procedure leads to no card."""
    assert tables.cards(**VIEW) == []
    assert tables.cards(tables.option("tips", indications=tables.indications("tips", "unknown")), **VIEW) == []


def test_open_questions_of_options_are_no_second_card(tables: Tables):
    """Opening a chart is no order: a missing INR is told beside the option, not as a card of its own."""
    option = _fibroids(tables, tables.unknown("inr-high-risk", "no-result"))
    gap = Unavailable("observations", Reason("unreadable-resource"), "Observation/o1")
    assert len(tables.cards(option, unavailable=[gap], **VIEW)) == 1


@pytest.mark.parametrize("reason", ["not-sent", "refused", "unreadable-bundle"])
def test_conditions_not_had_at_all_are_told(reason: str, tables: Tables):
    """Without conditions no option can be found, and an empty answer would be a false all-clear."""
    card = tables.card(unavailable=[Unavailable("conditions", Reason(reason))], **VIEW)
    assert card["indicator"] == "warning"
    assert card["summary"] == "Interventional options not checked: the recorded conditions could not be retrieved"


@pytest.mark.parametrize(
    "gap",
    [
        Unavailable("conditions", Reason("more-pages")),
        Unavailable("conditions", Reason("unreadable-resource"), "Condition/c1"),
        Unavailable("observations", Reason("not-sent")),
        Unavailable("allergies", Reason("not-sent")),
        Unavailable("patient", Reason("not-sent")),
    ],
)
def test_other_gaps_do_not_cry_wolf_when_a_chart_is_opened(gap: Unavailable, tables: Tables):
    """A part that is missing, or data that no option rests on, is no card in patient-view."""
    assert tables.cards(unavailable=[gap], **VIEW) == []


def test_allergies_that_an_option_rests_on_are_told(tables: Tables):
    """Where an option needs contrast and allergies could not be retrieved, a card says so."""
    option = _fibroids(tables, tables.unknown("iodinated-contrast-allergy", "allergies-unavailable"))
    cards = tables.cards(option, unavailable=[Unavailable("allergies", Reason("not-sent"))], **VIEW)
    assert [card["source"]["topic"]["code"] for card in cards] == ["not-checked", "options"]


def test_an_alert_stands_against_an_option(tables: Tables):
    """A dissection of the ascending aorta is named beside the stent graft that it is no reason for."""
    alert = AlertFinding("alert.type-a-dissection", Indicator.WARNING, (FIBROID,))
    option = tables.option("thoracic-aortic-stent-graft", alerts=(alert,))
    assert "- Against: Ascending aortic dissection is recorded" in tables.card(option, **VIEW)["detail"]


def test_more_options_than_a_card_holds_are_named(tables: Tables):
    """Beyond eight options the rest is named in one line, so that none is lost."""
    offered = [p for p in tables.knowledge.procedures.values() if p.offered and p.indications][:10]
    detail = tables.card(*(tables.option(p.id) for p in offered), **VIEW)["detail"]
    assert f"And 2 more: {offered[8].label}, {offered[9].label}" in detail


def test_an_emergency_option_says_not_to_delay(tables: Tables):
    """Also without an order, an emergency procedure comes with the word not to delay."""
    option = tables.option("postpartum-hemorrhage-embolization")
    assert "do not delay life-saving treatment" in tables.card(option, **VIEW)["detail"]
