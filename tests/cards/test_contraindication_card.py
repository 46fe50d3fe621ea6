"""One card for each contraindication that is present: evidence, limit, source, what can be done."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cds_service.findings.finding import Evidence
from cds_service.reasons import Reason
from tests.cards.builders import IOHEXOL, PLATELETS, Tables

SEVERE = replace(IOHEXOL, notes=(Reason("allergy-severe"),))
EGFR = Evidence("Observation/egfr", "eGFR", None, Decimal(22), "mL/min/{1.73_m2}", "2026-11-10")


def test_a_card_names_evidence_limit_source_advice_and_order(tables: Tables):
    """The card leads with the value and its date, and names the limit, its source, what can be done, and the order."""
    card = tables.card(tables.order("tips", tables.present("platelets-high-risk", PLATELETS)))
    assert card["indicator"] == "warning"
    assert card["summary"] == (
        "Bleeding tendency: Platelets 42 × 10⁹/L (2026-11-20) – Transjugular intrahepatic portosystemic shunt"
    )
    assert card["detail"] == "\n".join(
        [
            "Platelets low for a procedure of high bleeding risk:",
            "",
            "- Platelets 42 × 10⁹/L, 2026-11-20",
            "- Limit: below 50 × 10⁹/L. Source: SIR 2019: consider transfusion below 50 before a high-risk procedure "
            "(society or peer-reviewed text)",
            "",
            "What can be done:",
            "",
            "- Consider platelet transfusion for the procedure.",
            "- Involve hematology.",
            "",
            "Order: Transjugular intrahepatic portosystemic shunt (ServiceRequest/draft-1)",
        ]
    )
    assert card["source"]["label"] == "Contraindication table, row 4"
    assert card["source"]["topic"]["code"] == "bleeding-tendency"


def test_two_orders_with_one_contraindication_share_a_card(tables: Tables):
    """One allergy against two orders is one card that names both, as loud as the louder of them."""
    card = tables.card(
        tables.order("tips", tables.present("iodinated-contrast-allergy", SEVERE, indicator="warning")),
        tables.order(
            "uterine-fibroid-embolization",
            tables.present("iodinated-contrast-allergy", SEVERE, indicator="critical"),
            reference="ServiceRequest/draft-2",
        ),
    )
    assert card["indicator"] == "critical"
    assert "(ServiceRequest/draft-1)" in card["detail"]
    assert "(ServiceRequest/draft-2)" in card["detail"]
    assert card["detail"].count("“Iohexol”") == 1
    assert card["detail"].count("Premedicate") == 1


def test_two_contraindications_are_two_cards_worst_first(tables: Tables):
    """Each contraindication has a card of its own, the critical one first."""
    order = tables.order(
        "tips", tables.present("platelets-high-risk", PLATELETS), tables.present("iodinated-contrast-allergy", SEVERE)
    )
    critical = tables.order("tips", tables.present("iodinated-contrast-allergy", SEVERE, indicator="critical"))
    cards = tables.cards(order, critical)
    assert [card["indicator"] for card in cards] == ["critical", "warning"]
    assert [card["source"]["topic"]["code"] for card in cards] == ["iodine-allergy", "bleeding-tendency"]


def test_the_loudest_question_of_a_row_leads_its_card(tables: Tables):
    """Beside a contrast allergy, a seafood allergy is a remark: it never leads the card."""
    shellfish = Evidence("AllergyIntolerance/a2", "Shellfish", date="2020")
    card = tables.card(
        tables.order(
            "uterine-fibroid-embolization",
            tables.present("seafood-allergy", shellfish),
            tables.present("iodinated-contrast-allergy", SEVERE, indicator="critical"),
        )
    )
    assert card["summary"].startswith("Iodine or contrast allergy: “Iohexol” (2021-03-04)")
    assert card["detail"].index("Allergy to iodinated contrast:") < card["detail"].index("Seafood allergy:")


def test_a_row_present_as_information_gets_an_info_card(tables: Tables):
    """A seafood allergy alone is information, without a demand for a reason to go ahead."""
    card = tables.card(tables.order("uterine-fibroid-embolization", tables.present("seafood-allergy", IOHEXOL)))
    assert card["indicator"] == "info"
    assert "no reason to withhold iodinated contrast" in card["detail"]
    assert "overrideReasons" not in card


@pytest.mark.parametrize(
    ("procedures", "offered"),
    [
        (["uterine-fibroid-embolization"], True),
        (["bronchial-artery-embolization"], False),
        (["brachiocephalic-angioplasty"], False),
        (["thoracic-aortic-stent-graft"], False),
        (["uterine-fibroid-embolization", "bronchial-artery-embolization"], False),
    ],
)
def test_co2_is_offered_only_where_every_procedure_allows_it(procedures: list[str], offered: bool, tables: Tables):
    """CO2 angiography is no way out near the brain and the heart, nor on a card that names such a procedure too."""
    orders = [
        tables.order(p, tables.present("iodinated-contrast-allergy", IOHEXOL), reference=f"ServiceRequest/{n}")
        for n, p in enumerate(procedures)
    ]
    assert ("CO2" in tables.card(*orders)["detail"]) == offered


def test_co2_is_not_offered_where_the_order_may_be_a_procedure_that_forbids_it(tables: Tables):
    """An order that may be one of several procedures gets only advice that suits all of them."""
    both = tuple(
        tables.knowledge.procedures[p] for p in ("hepatic-artery-embolization", "bronchial-artery-embolization")
    )
    order = tables.order(
        "hepatic-artery-embolization", tables.present("iodinated-contrast-allergy", IOHEXOL), candidates=both
    )
    assert "CO2" not in tables.card(order)["detail"]


@pytest.mark.parametrize("allergic", [True, False])
def test_gadolinium_is_never_offered_to_a_gadolinium_allergic_patient(allergic: bool, tables: Tables):
    """Gadolinium is named as an alternative only where no allergy to it is recorded or possible."""
    order = tables.order(
        "uterine-fibroid-embolization",
        tables.present("iodinated-contrast-allergy", IOHEXOL),
        gadolinium_allergy=allergic,
    )
    assert ("gadolinium" in tables.card(order)["detail"].lower()) != allergic


def test_a_physiologic_reaction_asks_for_no_premedication(tables: Tables):
    """Nausea after contrast is told as information; premedication and another agent are not proposed."""
    nausea = replace(IOHEXOL, notes=(Reason("allergy-physiologic"),))
    order = tables.order(
        "uterine-fibroid-embolization", tables.present("iodinated-contrast-allergy", nausea, indicator="info")
    )
    detail = tables.card(order)["detail"]
    assert "no reason for premedication" in detail
    assert "Premedicate" not in detail
    assert "another iodinated agent" not in detail


def test_an_old_acute_state_is_to_be_confirmed_first(tables: Tables):
    """A delirium of months ago is first to be confirmed, before anything is planned around it."""
    delirium = Evidence("Condition/c1", "Delirium", date="2026-08-01", notes=(Reason("stale", {"days": 30}),))
    order = tables.order("tips", tables.present("acute-heart-failure", delirium, indicator="info"))
    advice = tables.card(order)["detail"].partition("What can be done:")[2].strip().splitlines()
    assert advice[0] == "- Confirm whether this still applies."


def test_kidney_failure_is_mitigated_never_denied(tables: Tables):
    """A low eGFR leads to saline, less contrast and CO2, and says that needed contrast is not to be withheld."""
    detail = tables.card(tables.order("uterine-fibroid-embolization", tables.present("egfr-contrast", EGFR)))["detail"]
    assert "isotonic saline" in detail
    assert "Do not withhold contrast that the patient needs" in detail
    assert "Limit: below 30 mL/min/1.73 m²" in detail


def test_severe_mental_illness_leads_to_consent_and_support(tables: Tables):
    """A psychosis is a reason to ask about capacity, consent and anesthesia, never to deny the procedure."""
    schizophrenia = Evidence("Condition/c1", "Schizophrenia", date="2019")
    detail = tables.card(tables.order("tips", tables.present("psychosis", schizophrenia)))["detail"]
    assert "capacity to consent" in detail
    assert "anesthesia" in detail


def test_every_card_of_an_emergency_order_says_not_to_delay(tables: Tables):
    """Before embolization of a bleeding spleen the card informs, and first of all says not to delay."""
    order = tables.order("solid-organ-trauma-embolization", tables.present("iodinated-contrast-allergy", IOHEXOL))
    detail = tables.card(order)["detail"]
    assert detail.splitlines()[0] == (
        "Arterial embolization for traumatic solid-organ bleeding: "
        "do not delay life-saving treatment because of this card."
    )
    assert "What can be done meanwhile, without delaying treatment:" in detail


def test_an_order_known_by_its_text_says_so(tables: Tables):
    """A clinician can see that the service understood the order by its words, and by which."""
    order = tables.order(
        "tips", tables.present("psychosis", IOHEXOL), recognised_by="text", matched_text="tips procedure"
    )
    assert "recognized by its text (“tips procedure”)" in tables.card(order)["detail"]


def test_an_order_settled_by_the_recorded_condition_says_so(tables: Tables):
    """Where words fit several procedures and the record chose among them, the card tells both."""
    order = tables.order("tips", tables.present("psychosis", IOHEXOL), recognised_by="condition", matched_text="shunt")
    detail = tables.card(order)["detail"]
    assert "recognized by its text (“shunt”)" in detail
    assert "the recorded condition settled which" in detail


def test_an_order_that_may_mean_several_procedures_says_so(tables: Tables):
    """Where code and record leave several procedures, the card names them."""
    both = tuple(tables.knowledge.procedures[p] for p in ("uterine-fibroid-embolization", "tips"))
    order = tables.order("uterine-artery-embolization", tables.present("psychosis", IOHEXOL), candidates=both)
    assert "may mean several procedures" in tables.card(order)["detail"]
    assert both[1].label in tables.card(order)["detail"]


def test_usual_contrast_is_called_usual(tables: Tables):
    """A filter is usually placed with contrast, and can be placed without: the allergy card says so."""
    usual = tables.card(tables.order("ivc-filter-placement", tables.present("iodinated-contrast-allergy", IOHEXOL)))
    always = tables.card(tables.order("tips", tables.present("iodinated-contrast-allergy", IOHEXOL)))
    assert "Vena cava filter placement usually uses iodinated contrast" in usual["detail"]
    assert "usually" not in always["detail"]


def test_usual_contrast_is_no_matter_for_other_rows(tables: Tables):
    """That a filter usually takes contrast has nothing to do with a psychosis."""
    card = tables.card(tables.order("ivc-filter-placement", tables.present("psychosis", IOHEXOL)))
    assert "usually uses" not in card["detail"]


def test_a_bleeding_tendency_is_told_as_planning_before_a_filter(tables: Tables):
    """A bleeding tendency is often why a filter is placed, and the card says so."""
    card = tables.card(tables.order("ivc-filter-placement", tables.present("bleeding-disorder", IOHEXOL)))
    assert "often the very reason for a vena cava filter" in card["detail"]


def test_long_names_never_make_a_summary_too_long(tables: Tables):
    """Of a long summary the procedures are cut first, the fact is kept."""
    orders = [
        tables.order(p, tables.present("platelets-high-risk", PLATELETS), reference=f"ServiceRequest/{n}")
        for n, p in enumerate(["tips", "thoracic-aortic-stent-graft", "deep-vein-thrombolysis"])
    ]
    summary = tables.card(*orders)["summary"]
    assert len(summary) <= 139
    assert summary.startswith("Bleeding tendency: Platelets 42 × 10⁹/L (2026-11-20) – ")
    assert summary.endswith("…")
