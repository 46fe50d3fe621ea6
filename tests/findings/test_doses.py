"""How much of a medication is taken at once, read from an order's structure, its words, or the name of the product."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.facts.patient_facts import Activity, Concept, MedicationFact
from cds_service.findings.doses import MILLIGRAMS, UNITS, doses_of
from cds_service.findings.medication_list import KnownMedication, medications_of
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import facts_of_case
from tests.support.shipped import shipped_knowledge

Row = dict[str, Any]


def doses(medication: str | Row, knowledge: Knowledge, now: datetime) -> set[tuple[Decimal, str]]:
    """The doses of one medication."""
    facts = facts_of_case({"order": "tips", "medications": [medication]}, knowledge, now)
    return {
        (dose.amount, dose.unit)
        for dose in doses_of(medications_of(facts, knowledge).entries, knowledge.medications.dose_words)
    }


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("enoxaparin 40 mg s.c.", "40", MILLIGRAMS),
        ("Clexane 60mg/0,6ml", "60", MILLIGRAMS),
        ("enoxaparin 40 mg/0.4 mL syringe", "40", MILLIGRAMS),
        ("0.4 ML enoxaparin sodium 100 MG/ML Prefilled Syringe [Lovenox]", "40", MILLIGRAMS),
        ("enoxaparin 100 mg/ml, 0,6 ml s.c.", "60", MILLIGRAMS),
        ("fondaparinux 2,5mg/0,5 ml", "2.5", MILLIGRAMS),
        ("aspirin 0.3 g", "300", MILLIGRAMS),
        ("aspirin 1 000 mg", "1000", MILLIGRAMS),
        ("heparin 5,000 units SC q8h", "5000", UNITS),
        ("Heparin 5.000 I.E. s.c. 1-0-1", "5000", UNITS),
        ("Enoxaparina 4 000 UI/0,4 ml", "4000", UNITS),
        ("Fragmin P Forte 5.000 I.E. anti-Xa/0,2 ml", "5000", UNITS),
        ("1 ML heparin sodium, porcine 5000 UNT/ML Injection", "5000", UNITS),
        ("heparin 25,000 units/250 mL", "25000", UNITS),
        ("Heparin 7500 IE/d", "7500", UNITS),
    ],
)
def test_a_name_says_the_dose(text: str, amount: str, unit: str, knowledge: Knowledge, now: datetime) -> None:
    """Milligrams or units, with the marks of thousands and decimals of each country; of a container its content."""
    assert doses(text, knowledge, now) == {(Decimal(amount), unit)}


@given(st.text("0123456789., '/-mgMLkhIEu\u00a0\u0665"))
@settings(max_examples=200)
def test_no_text_is_too_odd(text: str) -> None:
    """Whatever is written about an amount is read or left alone."""
    words = shipped_knowledge().medications.dose_words
    fact = MedicationFact("MedicationRequest/1", (Concept(texts=(f"enoxaparin {text}",)),), Activity.TAKEN)
    for dose in doses_of([KnownMedication(fact, frozenset({"enoxaparin"}), None, None)], words):
        assert dose.amount >= 0


@pytest.mark.parametrize(
    "text",
    [
        "heparin",
        "heparin 5000 units/mL vial",
        "enoxaparin 1 mg/kg q12h",
        "Heparinperfusor 500 IE/h",
        "heparin x 5 days",
    ],
)
def test_what_is_no_dose(text: str, knowledge: Knowledge, now: datetime) -> None:
    """A concentration alone, an amount for each kilogram, a rate, and a number of something else."""
    assert doses(text, knowledge, now) == set()


@pytest.mark.parametrize(
    ("dose", "expected"),
    [
        ({"doseAndRate": [{"doseQuantity": {"value": 40, "unit": "mg"}}]}, {(Decimal(40), MILLIGRAMS)}),
        ({"doseAndRate": [{"doseQuantity": {"value": 5000, "code": "[iU]"}}]}, {(Decimal(5000), UNITS)}),
        ({"doseAndRate": [{"doseQuantity": {"value": 0.4, "unit": "mL"}}]}, {(Decimal(40), MILLIGRAMS)}),
        ({"doseAndRate": [{"doseRange": {"high": {"value": 80, "unit": "mg"}}}]}, {(Decimal(80), MILLIGRAMS)}),
        ({"doseAndRate": [{"doseQuantity": {"value": 1, "unit": "syringe"}}]}, {(Decimal(60), MILLIGRAMS)}),
        ({"text": "inject 30 mg"}, {(Decimal(30), MILLIGRAMS)}),
        ({}, {(Decimal(60), MILLIGRAMS)}),
    ],
)
def test_the_orders_own_dose_comes_first(dose: Row, expected: set[Any], knowledge: Knowledge, now: datetime) -> None:
    """Structured, else in words, else the content of the product, here of 0.6 mL with 100 mg/mL."""
    product = "0.6 ML enoxaparin sodium 100 MG/ML Prefilled Syringe"
    assert doses({"text": product, "fields": {"dosageInstruction": [dose]}}, knowledge, now) == expected
