"""One card for everything that could not be judged: never silent, never crying wolf."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cds_service.clinical_data.retrieved import Unavailable
from cds_service.facts.patient_facts import Concept, OrderFact
from cds_service.findings.finding import Evidence, OrderFinding
from cds_service.reasons import Reason
from tests.cards.builders import PLATELETS, Tables

NOT_SENT = Unavailable("allergies", Reason("not-sent"))
EGFR = Evidence("Observation/o1", "eGFR", None, "<60", "mL/min/{1.73_m2}", "2026-11-10")


def test_allergies_not_had_are_a_warning_with_the_reason(tables: Tables):
    """Where the allergy list was not sent, the card warns, says so, and says that this is no all-clear."""
    order = tables.order("tips", tables.unknown("iodinated-contrast-allergy", "allergies-unavailable"))
    card = tables.card(order, unavailable=[NOT_SENT])
    assert card["indicator"] == "warning"
    assert card["summary"] == ("Not checked for Transjugular intrahepatic portosystemic shunt: the recorded allergies")
    assert "- Iodine or contrast allergy: the recorded allergies could not be retrieved" in card["detail"]
    assert "- The EHR did not send the recorded allergies, and no FHIR server was available" in card["detail"]
    assert "not an all-clear" in card["detail"]


@pytest.mark.parametrize(
    ("criterion", "reason", "indicator"),
    [
        ("iodinated-contrast-allergy", "allergies-unavailable", "warning"),
        ("psychosis", "conditions-unavailable", "warning"),
        ("platelets-high-risk", "no-result", "info"),
        ("inr-high-risk", "no-unit", "info"),
        ("iodinated-contrast-allergy", "allergies-incomplete", "info"),
        ("egfr-contrast", "no-result", "info"),
        ("heart-failure-recorded", "severity-not-recorded", "info"),
    ],
)
def test_how_loud_an_open_question_is(criterion: str, reason: str, indicator: str, tables: Tables):
    """Allergies or conditions that could not be retrieved warn; a missing result and other gaps inform."""
    assert tables.card(tables.order("tips", tables.unknown(criterion, reason)))["indicator"] == indicator


def test_an_indication_that_could_not_be_looked_up_is_told(tables: Tables):
    """Without conditions nothing can be said of the reason for the procedure, and the card warns."""
    order = tables.order("tips", indications=tables.indications("tips", "unknown", reason="conditions-unavailable"))
    card = tables.card(order)
    assert card["indicator"] == "warning"
    assert "Reason for the procedure (Variceal bleeding or Budd-Chiari syndrome)" in card["detail"]


def test_a_partly_recorded_reason_names_what_is_there(tables: Tables):
    """Hemoptysis without its cause is an open question, and the card shows the hemoptysis."""
    hemoptysis = Evidence("Condition/c1", "Hemoptysis", date="2026-11-01")
    procedure = "bronchial-artery-embolization"
    indications = tables.indications(procedure, "unknown", hemoptysis, reason="cause-not-recorded")
    detail = tables.card(tables.order(procedure, indications=indications))["detail"]
    assert "the cause of the bleeding is not recorded: “Hemoptysis”, 2026-11-01" in detail


def test_questions_with_one_reason_are_one_line(tables: Tables):
    """What is open for the same reason is told in one line, with the results that are missing."""
    order = tables.order(
        "tips",
        tables.unknown("platelets-high-risk", "no-result"),
        tables.unknown("inr-high-risk", "no-result"),
        tables.unknown("egfr-contrast", "no-result"),
    )
    detail = tables.card(order)["detail"]
    assert "- Bleeding tendency (Platelets, INR), Kidney failure (eGFR): no result in the record" in detail


def test_one_result_against_two_limits_is_one_line(tables: Tables):
    """An eGFR of "<60" leaves two limits open, and is told once."""
    order = tables.order(
        "tips",
        tables.unknown("egfr-contrast", Reason("straddles", {"value": "<60", "limit": "< 30"}), EGFR),
        tables.unknown("egfr-kidney-failure", Reason("straddles", {"value": "<60", "limit": "< 15"}), EGFR),
    )
    assert tables.card(order)["detail"].count("below 60 mL/min/1.73 m²") == 1


def test_orders_with_the_same_open_questions_are_told_together(tables: Tables):
    """Two orders that wait for the same INR are named in one line; what only one waits for is told for that one."""
    missing = tables.unknown("inr-high-risk", "no-result")
    card = tables.card(
        tables.order("tips", missing, tables.unknown("bilirubin-tips", "no-result")),
        tables.order("thoracic-aortic-stent-graft", missing, reference="ServiceRequest/draft-2"),
    )
    about = [line for line in card["detail"].splitlines() if line.startswith("Not checked for")]
    assert len(about) == 2
    assert "ServiceRequest/draft-1" in about[0]
    assert "ServiceRequest/draft-2" in about[0]
    assert "ServiceRequest/draft-2" not in about[1]
    assert card["detail"].count("(INR)") == 1


def test_an_open_question_beside_a_present_row_is_still_told(tables: Tables):
    """Low platelets do not hide that the INR is missing."""
    order = tables.order(
        "tips", tables.present("platelets-high-risk", PLATELETS), tables.unknown("inr-high-risk", "no-result")
    )
    codes = [card["source"]["topic"]["code"] for card in tables.cards(order)]
    assert codes == ["bleeding-tendency", "not-checked"]


def test_unknown_severity_is_to_be_asked_for(tables: Tables):
    """Heart failure without LVEF or NYHA class is named, and the card says what to ask for."""
    heart_failure = Evidence("Condition/c1", "Heart failure", date="2020")
    order = tables.order("tips", tables.unknown("heart-failure-recorded", "severity-not-recorded", heart_failure))
    detail = tables.card(order)["detail"]
    assert "recorded, but its severity is not: “Heart failure”, 2020" in detail
    assert "Ask for NYHA class or LVEF" in detail


def test_a_normal_result_and_a_recorded_reason_are_no_card(tables: Tables):
    """Everything looked at and nothing found is an empty answer."""
    normal = replace(PLATELETS, value=Decimal(250))
    assert tables.cards(tables.order("tips", tables.absent("platelets-high-risk", normal))) == []


def test_an_order_that_is_no_known_procedure_gets_no_card(tables: Tables):
    """A chest X-ray is none of this service's business, even where no data could be retrieved."""
    fact = OrderFact("ServiceRequest/x", "ServiceRequest", Concept(texts=("Chest X-ray",)), (), (), b"{}")
    assert tables.cards(OrderFinding(fact), unavailable=[NOT_SENT]) == []


def test_an_order_that_could_not_be_read_is_told(tables: Tables):
    """An order that was sent and could not be read may be anything, so it is never passed over in silence."""
    fact = OrderFact("ServiceRequest/x", "ServiceRequest", Concept(), (), (), b"", readable=False)
    gap = Unavailable("draftOrders", Reason("order-unreadable"), "ServiceRequest/x")
    card = tables.card(OrderFinding(fact), unavailable=[gap])
    assert card["indicator"] == "info"
    assert "- The order could not be read (ServiceRequest/x)" in card["detail"]


def test_one_unreadable_entry_is_told_even_where_nothing_rests_on_it(tables: Tables):
    """A result that could not be read may have been an abnormal one, so it is named with its reference."""
    gap = Unavailable("observations", Reason("unreadable-resource"), "Observation/broken")
    order = tables.order("tips", tables.absent("platelets-high-risk"))
    card = tables.card(order, unavailable=[gap])
    assert card["indicator"] == "info"
    assert "- One entry of the results could not be read (Observation/broken)" in card["detail"]


def test_many_gaps_of_one_kind_are_one_line(tables: Tables):
    """A hundred unreadable results are one line that names three and counts the rest."""
    gaps = [Unavailable("observations", Reason("unreadable-resource"), f"Observation/{n}") for n in range(100)]
    detail = tables.card(tables.order("tips", tables.absent("inr-high-risk")), unavailable=gaps)["detail"]
    assert "(Observation/0, Observation/1, Observation/2 and 97 more)" in detail


@pytest.mark.parametrize("data", ["allergies", "patient"])
def test_data_that_no_row_of_the_order_rests_on_are_not_missed(data: str, tables: Tables):
    """Before a biopsy without contrast no row asks for allergies, so their absence is no card."""
    order = tables.order("percutaneous-biopsy", tables.absent("psychosis"))
    assert tables.cards(order, unavailable=[Unavailable(data, Reason("not-sent"))]) == []


def test_what_rows_already_say_is_not_said_again_as_a_gap(tables: Tables):
    """A condition that can't be read is named once, in its own words, and not with every row that it leaves open."""
    odd = Evidence("Condition/c9", "see letter")
    order = tables.order("tips", *(tables.unknown(c, "uncoded-condition", odd) for c in ("psychosis", "suicidality")))
    gap = Unavailable("conditions", Reason("uncoded-condition"), "Condition/c9", "see letter")
    card = tables.card(order, unavailable=[gap])
    assert card["summary"] == "Recorded, but not readable for this check: “see letter”"
    assert card["detail"].count("see letter") == 1
    assert "mental illness" not in card["detail"]


def test_an_emergency_is_not_delayed_by_missing_data(tables: Tables):
    """What is missing before life-saving embolization is told, and that it must not delay."""
    order = tables.order("solid-organ-trauma-embolization", tables.unknown("egfr-contrast", "no-result"))
    assert "do not delay life-saving treatment" in tables.card(order)["detail"]


def test_the_loudest_question_leads_the_summary(tables: Tables):
    """The summary names allergies that could not be retrieved before a missing eGFR."""
    order = tables.order(
        "tips",
        tables.unknown("egfr-contrast", "no-result"),
        tables.unknown("iodinated-contrast-allergy", "allergies-unavailable"),
    )
    assert "the recorded allergies, Kidney failure (eGFR)" in tables.card(order)["summary"]
