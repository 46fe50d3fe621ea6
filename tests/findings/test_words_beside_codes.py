"""What the words of a condition say beside a code that no value set holds, or that says "other" or "unspecified"."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cds_service.facts.patient_facts import Coding, Concept, ConditionFact
from cds_service.findings.chart import matches_of
from tests.support.shipped import shipped_knowledge

KNOWLEDGE = shipped_knowledge()
SNOMED, ICD_10_CM, ICD_10 = (
    "http://snomed.info/sct",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://hl7.org/fhir/sid/icd-10",
)
ICD_10_GM = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
UNLISTED = Coding(SNOMED, "999999011000")
DIAGNOSES = Path(__file__).parents[1] / "knowledge" / "diagnoses"
TELLING = tomllib.loads((DIAGNOSES / "telling.toml").read_text("utf-8"))["value_set"]
SURE = [(text, row["id"]) for row in TELLING for text in row["sure"]]
ORDINARY = [
    text
    for group, texts in tomllib.loads((DIAGNOSES / "ordinary.toml").read_text("utf-8")).items()
    if group != "asked_for"
    for text in texts
]


def said(text: str, *codings: Coding) -> set[str]:
    """The value sets that a condition with these words and codes surely is in."""
    fact = ConditionFact("Condition/c1", Concept(codings, (text,)), "active", True, None, None)
    return {name for name, match in matches_of(fact, KNOWLEDGE).items() if match.hit.sufficient and match.fact.certain}


@pytest.mark.parametrize(
    "coding",
    [
        UNLISTED,
        Coding(ICD_10_CM, "R69"),
        Coding(ICD_10_GM, "Z88.8"),
        Coding(ICD_10, "K76.9"),
        Coding(ICD_10_CM, "D75.89"),
    ],
    ids=lambda coding: coding.code,
)
def test_words_count_beside_a_code_that_does_not_say_all(coding: Coding) -> None:
    """SNOMED CT has more codes than any list, and a residual code of ICD says less than the words beside it."""
    assert [one for one in SURE if one[1] not in said(one[0], coding)] == []
    assert [text for text in ORDINARY if said(text, coding) - said(text)] == []


@pytest.mark.parametrize("code", ["I10", "Z86.711", "Z80.9", "S06.5X0D", "E78.5", "Z12.31"])
def test_a_code_of_a_classification_that_says_all_settles_it(code: str) -> None:
    """Its families are complete; how a history or an examination is meant only the code says."""
    assert said("Acute liver failure due to paracetamol overdose", Coding(ICD_10_CM, code)) <= said(
        "", Coding(ICD_10_CM, code)
    )


@pytest.mark.parametrize(
    "text",
    [
        "Schizophrenia association member",
        "Heart failure self management plan",
        "Viral hepatitis B without hepatic coma",
        "Human immunodeficiency virus negative",
        "Family history of hemophilia",
        "At risk of heart failure",
        "Screening for chronic kidney disease",
    ],
)
def test_words_that_only_may_name_something_say_nothing_beside_a_code(text: str) -> None:
    """A code was read; what stands beside it is no doubt about it."""
    assert said(text, UNLISTED) == set()
    fact = ConditionFact("Condition/c1", Concept((UNLISTED,), (text,)), "active", True, None, None)
    assert [
        match for match in matches_of(fact, KNOWLEDGE).values() if match.fact.certain and match.hit.sufficient
    ] == []
