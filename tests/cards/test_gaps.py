"""What is missing or was not read: one card, by what is missing and never by the row, with the way out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cds_service.cases import Case, answer_case
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import Evidence, Shown
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason
from tests.cards.builders import Tables
from tests.cards.test_scenarios import NOW


def test_missing_results_are_named_by_their_tests(tables: Tables):
    """Two missing results are one headline that says to order them, before the planned day."""
    order = tables.order(
        "portal-vein-embolization",
        tables.unknown("inr-high-risk", "no-result"),
        tables.unknown("platelets-high-risk", "no-result"),
        planned=date(2026, 12, 4),
    )
    card = tables.card(order)
    assert card["summary"] == (
        "No INR or platelet count on record: order them before portal vein embolization on 4 Dec"
    )
    assert "Order INR and platelet count." in card["detail"]
    assert card["indicator"] == "info"
    assert "overrideReasons" not in card


def test_a_result_that_is_too_old_is_ordered_again(tables: Tables):
    """How old it may be is said."""
    card = tables.card(tables.order("tips", tables.unknown("inr-high-risk", Reason("older-than", {"days": 30}))))
    assert card["summary"] == "No INR of the last 30 days: order it again before TIPS"


def test_a_result_that_cannot_be_used_is_looked_at(tables: Tables):
    """Why it can't be used stands in the detail."""
    item = Evidence("Observation/o1", "Thrombozyten", None, "12", "G/x", "2026-11-20")
    reason = Reason("unit-not-read", {"unit": "G/x", "value": "12"})
    card = tables.card(tables.order("tips", tables.unknown("platelets-high-risk", reason, item)))
    assert card["summary"] == "Platelet count on record cannot be used: look at the result before TIPS"
    assert "can't be read for this test" in card["detail"]
    assert "Thrombozyten" in card["detail"]


def test_what_could_not_be_read_comes_before_what_is_not_there(tables: Tables):
    """A failed list leads the headline, the missing results are in the detail."""
    order = tables.order(
        "tips",
        tables.unknown("psychosis", "conditions-unavailable"),
        tables.unknown("inr-high-risk", "no-result"),
    )
    gap = Unavailable("conditions", Reason("refused"))
    card = tables.card(order, unavailable=(gap,))
    assert card["indicator"] == "warning"
    assert card["summary"] == "Problem list could not be read: check by hand before TIPS"
    assert "INR: no result in the record" in card["detail"]
    assert [reason["code"] for reason in card["overrideReasons"]] == [
        "done-elsewhere", "already-ordered", "not-needed", "emergency",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "summary"),
    [
        (("knee thing",), "Diagnosis “knee thing” could not be read: check it before TIPS"),
        (("knee thing", "arm thing"), "2 diagnoses could not be read: check them before TIPS"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_once(texts: tuple[str, ...], summary: str, tables: Tables):
    """However many rows it leaves open, a diagnosis is named once, in its own words."""
    reason = Reason("uncoded-condition")
    gaps = tuple(Unavailable("conditions", reason, f"Condition/{n}", text) for n, text in enumerate(texts))
    found = [tables.unknown(name, reason) for name in ("psychosis", "severe-depression", "acute-heart-failure")]
    card = tables.card(tables.order("tips", *found), unavailable=gaps)
    assert card["summary"] == summary
    assert card["detail"].count("knee thing") == 1


def test_a_gap_that_is_told_nowhere_makes_no_card(tables: Tables):
    """Where the findings decide that an open question changes nothing, cards are silent."""
    order = tables.order("tips", tables.unknown("inr-high-risk", "no-result", shown=Shown.NONE))
    assert tables.cards(order) == []


def test_an_order_that_could_not_be_read_is_always_told(tables: Tables):
    """Nobody takes silence about it for an answer."""
    gap = Unavailable("draftOrders", Reason("order-unreadable"), "ServiceRequest/9")
    card = tables.card(unavailable=(gap,))
    assert card["summary"] == "1 order could not be read: ask IR what it needs"


def test_no_headline_of_a_gap_names_a_row(tables: Tables):
    """A headline names a test or a list, for every question that can be open."""
    labels = [row.label for row in tables.knowledge.contraindications]
    for row in tables.knowledge.contraindications:
        for criterion in row.criteria:
            card = tables.card(tables.order("tips", tables.unknown(criterion.id, "no-result")))
            assert not [label for label in labels if label in card["summary"]], card["summary"]
            assert len(card["summary"]) <= 100


def test_in_an_emergency_missing_results_hold_nothing_up(tables: Tables):
    """Tests are ordered meanwhile, and the procedure goes ahead."""
    order = tables.order("solid-organ-trauma-embolization", tables.unknown("inr-high-risk", "no-result"))
    card = tables.card(order)
    assert card["summary"] == "No INR on record: order it meanwhile, and go ahead with organ trauma embolization"
    assert "Do meanwhile:" in card["detail"]


def test_the_creatinine_of_a_child_says_why_and_what_is_needed(tables: Tables):
    """It is no useless result: the formula is for adults, and a pediatric value is what to ask for."""
    item = Evidence("Observation/o1", "Creatinine", None, Decimal("0.4"), "mg/dL", "2026-11-20")
    card = tables.card(tables.order("tips", tables.unknown("egfr-contrast", "adults-only", item)))
    assert card["summary"] == (
        "Creatinine 0.4 mg/dL in a child: the adult eGFR does not apply, ask for a pediatric one"
    )
    assert "a formula for children" in card["detail"]
    assert "cannot be used" not in card["detail"]


def test_a_result_without_birth_date_or_sex_says_what_to_add(tables: Tables):
    """What keeps it from being computed is in the record of the patient, not in the result."""
    card = tables.card(tables.order("tips", tables.unknown("egfr-contrast", "needs-birth-date-and-sex")))
    assert card["summary"] == "eGFR cannot be computed: add birth date and sex to the record before TIPS"


def test_creatinine_is_named_once(tables: Tables):
    """One test gives creatinine and eGFR: who orders it is not told two."""
    order = tables.order(
        "tips", tables.unknown("egfr-contrast", "no-result"), tables.unknown("tips-creatinine", "no-result")
    )
    assert tables.card(order)["summary"] == "No creatinine (eGFR) on record: order it before TIPS"


def test_lists_are_named_in_small_letters_inside_a_sentence(tables: Tables):
    """Two lists that failed are one phrase."""
    gaps = (Unavailable("conditions", Reason("refused")), Unavailable("observations", Reason("refused")))
    both = tables.order(
        "tips",
        tables.unknown("psychosis", "conditions-unavailable"),
        tables.unknown("inr-high-risk", "observations-unavailable"),
    )
    assert tables.card(both, unavailable=gaps)["summary"] == (
        "Problem list and results could not be read: check by hand before TIPS"
    )


def test_why_no_order_was_read_is_no_order_of_its_own(tables: Tables):
    """A dispatch that names one order, and sends none, is about one order."""
    gaps = (
        Unavailable("orders", Reason("not-sent")),
        Unavailable("orders", Reason("order-unreadable"), "ServiceRequest/9"),
    )
    assert tables.card(unavailable=gaps)["summary"] == "1 order could not be read: ask IR what it needs"


def test_a_treatment_on_record_leads_where_the_list_of_drugs_was_not_read(tables: Tables):
    """That an anticoagulant is taken says more than that a list is missing."""
    item = Evidence("Condition/c1", "Long term use of anticoagulants", None, date="2026-10-01")
    gap = Unavailable("medications", Reason("medications-unavailable"))
    order = tables.order("liver-biopsy", tables.unknown("antithrombotic", "medications-unavailable", item))
    card = tables.card(order, unavailable=(gap,))
    assert card["summary"].startswith("“Long term use of anticoagulants”, medication list not read: ask which drug")
    assert "Found:\n  - “Long term use of anticoagulants”" in card["detail"]


def test_a_missing_result_is_asked_for_on_the_card_of_its_problem(tables: Tables):
    """Low platelets and no INR are one problem: one card, which names and orders what is missing."""
    low = Evidence("Observation/o1", "Platelets", None, Decimal(31), "10*9/L", "2026-11-20")
    order = tables.order(
        "liver-biopsy", tables.present("platelets-high-risk", low), tables.unknown("inr-high-risk", "no-result")
    )
    card = tables.card(order)
    assert card["summary"].startswith("Platelets 31")
    assert "INR: no result in the record" in card["detail"]
    assert "Order INR." in card["detail"]


@pytest.mark.parametrize(
    ("kind", "entry", "shown"),
    [
        ("medications", {"code": "http://hl7.org/fhir/sid/ndc|12345-678-90"}, "code 12345-678-90 (ndc)"),
        ("conditions", {"code": "urn:oid:1.2.3.4|A1"}, "code A1 (urn:oid:1.2.3.4)"),
    ],
)
def test_an_entry_of_a_code_alone_is_shown_by_its_code(
    kind: str, entry: Mapping[str, Any], shown: str, knowledge: Knowledge
):
    """Whoever looks it up needs the code and its system; the id of a resource says nothing."""
    row = {"order": {"code": "procedure|uterine-fibroid-embolization", "in_days": 8}, kind: [entry]}
    details = [card["detail"] for card in answer_case(Case("code", row), knowledge, NOW).cards]
    assert any(shown in detail for detail in details)
    assert not any(re.search(r"(Condition|MedicationRequest)/", detail) for detail in details)
