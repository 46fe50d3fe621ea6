"""Which tests count as ordered already, and which reasons an order may name."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cds_service.findings.evaluate import evaluate
from cds_service.findings.finding import OrderedTest
from cds_service.findings.ordered_tests import is_ordered, ordered_tests
from cds_service.knowledge.tables import Knowledge
from tests.support.reading import read

LOINC = "http://loinc.org"


def ordered(knowledge: Knowledge, code: dict[str, Any], **fields: Any) -> list[str]:
    """Ids of the tests that one ServiceRequest beside the procedure orders."""
    facts = read(beside=[{"status": "draft", "code": code} | fields])
    return [one.test for one in ordered_tests(facts, knowledge)]


def loinc(code: str) -> dict[str, Any]:
    """A code without any words."""
    return {"coding": [{"system": LOINC, "code": code}]}


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        (loinc("6301-6"), ["inr"]),
        (loinc("34714-6"), ["inr"]),
        (loinc("58410-2"), ["cbc"]),
        (loinc("57021-8"), ["cbc", "cbc-differential"]),
        (loinc("777-3"), ["cbc"]),
        (loinc("24323-8"), ["bilirubin", "creatinine"]),
        (loinc("2118-8"), ["hcg-serum", "hcg-urine"]),
        ({"text": "PT/INR"}, ["inr"]),
        ({"text": "CBC w/ diff"}, ["cbc", "cbc-differential"]),
        ({"text": "Comprehensive Metabolic Panel"}, ["bilirubin", "creatinine"]),
        ({"coding": [{"code": "LAB123", "display": "Urine pregnancy test"}]}, ["hcg-urine"]),
    ],
)
def test_an_order_of_a_test_is_known_by_code_and_by_name(code: dict[str, Any], tests: list[str], knowledge: Knowledge):
    """A test counts as ordered by its own code, by that of its result, as a part of a panel, and by its name."""
    assert ordered(knowledge, code) == tests


@pytest.mark.parametrize(
    "code",
    [
        {"text": "CT-guided liver biopsy, CBC beforehand"},
        {"text": "INR clinic referral"},
        loinc("6690-2"),
        {"text": "Creatinine, urine"},
        {"coding": [{"system": "urn:local", "code": "6301-6"}]},
        {},
    ],
    ids=[
        "a procedure that mentions one",
        "a referral",
        "white cells alone",
        "another specimen",
        "another code",
        "none",
    ],
)
def test_what_is_no_order_of_the_test_does_not_count(code: dict[str, Any], knowledge: Knowledge):
    """A text that only mentions a test, a part of a panel, and another test order none: the test is still missed."""
    assert ordered(knowledge, code) == []


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"status": "active", "authoredOn": "2026-11-20"}, True),
        ({"status": "active", "authoredOn": "2026-10-25"}, True),
        ({"status": "active", "authoredOn": "2026-10-24"}, False),
        ({"status": "active", "authoredOn": "2021-01-01", "occurrenceDateTime": "2026-11-30"}, True),
        ({"status": "active"}, False),
        ({"status": "draft"}, True),
        ({"status": "completed", "authoredOn": "2026-11-20"}, False),
    ],
)
def test_a_forgotten_order_does_not_count(fields: dict[str, Any], counts: bool, knowledge: Knowledge):
    """An order in force counts for 30 days; one without a date, or older, was forgotten. A draft is of today."""
    assert bool(ordered(knowledge, loinc("6301-6"), **fields)) == counts


@pytest.mark.parametrize(
    ("lab", "tests", "answer"),
    [
        ("inr", [OrderedTest("inr")], True),
        ("egfr", [OrderedTest("creatinine")], True),
        ("neutrophils", [OrderedTest("cbc")], False),
        ("neutrophils", [OrderedTest("cbc-differential")], True),
        ("meld", [OrderedTest("inr"), OrderedTest("creatinine")], False),
        ("meld", [OrderedTest("inr"), OrderedTest("creatinine"), OrderedTest("bilirubin")], True),
        ("inr", [OrderedTest("inr", date(2026, 12, 9))], False),
        ("inr", [OrderedTest("inr", date(2026, 12, 4))], True),
        ("ecog", [OrderedTest("inr")], False),
        ("inr", [], False),
    ],
)
def test_a_missing_lab_is_ordered_or_not(lab: str, tests: list[OrderedTest], answer: bool, knowledge: Knowledge):
    """A lab is ordered where all that it is computed from is, for a day not after the procedure."""
    assert is_ordered(lab, tests, knowledge, by=date(2026, 12, 4)) == answer


def test_the_findings_name_the_tests_among_the_drafts(knowledge: Knowledge):
    """A draft that is signed together with the procedure is found in the findings."""
    facts = read(
        orders=[{"status": "draft", "code": {"text": "TIPS"}}, {"status": "draft", "code": {"text": "PT/INR"}}]
    )
    assert evaluate(facts, knowledge).ordered_tests == (OrderedTest("inr"),)


# --- Reasons to link ---

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def a_condition(code: str, status: str = "active", verified: str = "confirmed", **fields: Any) -> dict[str, Any]:
    """A Condition in ICD-10-CM."""
    return {
        "code": {"coding": [{"system": ICD, "code": code}]},
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": status}]},
        "verificationStatus": {"coding": [{"system": VERIFIED, "code": verified}]},
    } | fields


def linkable(knowledge: Knowledge, *conditions: dict[str, Any], procedure: str, **order: Any) -> list[list[str]]:
    """References of the conditions that an order may name, one list a reason."""
    facts = read(orders=[{"status": "draft", "code": {"text": procedure}} | order], conditions=list(conditions))
    (found,) = evaluate(facts, knowledge).orders
    assert found.procedure is not None
    return [[evidence.reference for evidence in reason] for reason in found.linkable_reasons]


def test_a_recorded_condition_that_fits_may_be_named(knowledge: Knowledge):
    """Of the recorded conditions only those that are a reason for the procedure may be named as one."""
    record = [a_condition("E11.9"), a_condition("D25.9")]
    assert linkable(knowledge, *record, procedure="Uterine fibroid embolization") == [["Condition/2"]]


def test_a_reason_of_two_parts_is_named_whole(knowledge: Knowledge):
    """Hemoptysis with bronchiectasis is one reason for a bronchial embolization."""
    record = [a_condition("R04.2"), a_condition("J47.9")]
    assert linkable(knowledge, *record, procedure="Bronchial artery embolization") == [["Condition/1", "Condition/2"]]


@pytest.mark.parametrize(
    "condition",
    [
        a_condition("D25.9", status="resolved"),
        a_condition("D25.9", status="remission"),
        a_condition("D25.9", verified="provisional"),
        a_condition("D25.9", verified="refuted"),
        a_condition("N92.0"),
        a_condition("K92.2"),
    ],
    ids=["resolved", "in remission", "provisional", "refuted", "a symptom", "a bleed elsewhere"],
)
def test_what_does_not_fit_for_certain_is_not_offered(condition: dict[str, Any], knowledge: Knowledge):
    """A condition that is over, not confirmed, or no reason for the procedure is never offered as its reason."""
    assert linkable(knowledge, condition, procedure="Uterine fibroid embolization") == []


@pytest.mark.parametrize(
    "order",
    [
        {"reasonReference": [{"reference": "Condition/1"}]},
        {"reasonReference": [{"reference": "https://ehr.example/fhir/Condition/1"}]},
        {"reasonCode": [{"coding": [{"system": ICD, "code": "D25.1"}]}]},
        {"reasonCode": [{"text": "bulk symptoms"}]},
    ],
)
def test_an_order_that_names_its_reason_is_offered_none(order: dict[str, Any], knowledge: Knowledge):
    """Where the order says its reason, by a code, in words or by a recorded condition, nothing is to be added."""
    record = [a_condition("D25.9"), a_condition("D25.1")]
    assert linkable(knowledge, *record, procedure="Uterine fibroid embolization", **order) == []


def test_a_man_with_a_bleed_is_offered_nothing_obstetric(knowledge: Knowledge):
    """A man with a gastrointestinal bleed is offered his bleed, and no condition that he can't have."""
    facts = read(
        orders=[{"status": "draft", "code": {"text": "Embolization"}}],
        conditions=[a_condition("K92.2"), a_condition("I10")],
        patient={"gender": "male", "birthDate": "1960-01-01"},
    )
    (found,) = evaluate(facts, knowledge).orders
    offered = {evidence.reference for reason in found.linkable_reasons for evidence in reason}
    assert offered <= {"Condition/1"}
