"""However a recorded condition is written, it is never read as absent: vocabulary, spelling, words, tags, dates.

Each example takes a code of a condition question that the tables ask, so that the row is present, and writes the same
condition another way. The row may then be present or unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cds_service.answer import answer
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.diagnosis_types import DiagnosisReading
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.value_sets import rules_of
from tests.support.calls import NOTHING_RECORDED, a_call, drafts
from tests.support.samples import sample
from tests.support.shipped import shipped_knowledge, shipped_rows

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
ROWS, KNOWLEDGE = shipped_rows(), shipped_knowledge()
CM = "http://hl7.org/fhir/sid/icd-10-cm"
WHO = "http://hl7.org/fhir/sid/icd-10"
SCT = "http://snomed.info/sct"
PROCEDURES = ("tips", "uterine-fibroid-embolization", "hepatic-artery-chemoembolization")
Condition = dict[str, Any]
Way = Callable[[Condition, str], Condition]


def recorded(system: str, code: str) -> Condition:
    """An active, confirmed condition."""
    return {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/pat-1"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": system, "code": code}]},
    }


def certainty_of(row: str, procedure: str, *conditions: Condition) -> str | None:
    """What the decision says of a row for an order of the procedure; None where it does not apply."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/pat-1"},
        "code": {"coding": [{"system": "https://example.org/ir-cds/fhir/CodeSystem/procedures", "code": procedure}]},
    }
    entries = [{"resource": condition} for condition in conditions]
    prefetch = NOTHING_RECORDED | {"conditions": {"resourceType": "Bundle", "type": "searchset", "entry": entries}}
    request = read_request("ir-order-sign", json.dumps(a_call(context=drafts(order), prefetch=prefetch)).encode())
    found = answer(request, KNOWLEDGE, now=NOW, new_id=lambda: "id")
    (entry,) = found.decision["procedures"]
    rows = {r["id"]: r["certainty"] for r in entry["contraindications"]}
    if rows.get(row) == "unknown":
        assert found.cards, "what could not be read is told"
    return rows.get(row)


Finding = tuple[str, str, str, str]
"""Row, procedure, system, code."""


@cache
def findings() -> list[Finding]:
    """Everything recorded that may make a row present: a gate of the row, or its procedure, may leave it out."""
    found: list[Finding] = []
    for row in KNOWLEDGE.contraindications:
        for criterion in row.criteria:
            if not isinstance(criterion.question, ConditionQuestion) or not criterion.required:
                continue
            for value_set in criterion.question.value_sets:
                for rule in rules_of(ROWS.value_sets[value_set])[0]:
                    found += [(row.id, p, rule.system, rule.code) for p in PROCEDURES]
    return found


@cache
def is_present(finding: Finding) -> bool:
    """Whether it does, written as the tables do."""
    row, procedure, system, code = finding
    return certainty_of(row, procedure, recorded(system, code)) == "present"


def _coding(condition: Condition) -> dict[str, Any]:
    coding: dict[str, Any] = condition["code"]["coding"][0]
    return coding


def _with_coding(condition: Condition, **changes: Any) -> Condition:
    return condition | {"code": {"coding": [_coding(condition) | changes]}}


def _display(condition: Condition) -> str:
    coding = _coding(condition)
    return KNOWLEDGE.codes.display(coding["system"], coding["code"]) or "quibbledosis, see letter"


WAYS: dict[str, Way] = {
    "https": lambda c, row: _with_coding(c, system=_coding(c)["system"].replace("http://", "https://")),
    "a slash at the end": lambda c, row: _with_coding(c, system=_coding(c)["system"] + "/"),
    "upper case": lambda c, row: _with_coding(c, system=_coding(c)["system"].upper()),
    "blanks": lambda c, row: _with_coding(c, system=f" {_coding(c)['system']} ", code=f" {_coding(c)['code']} "),
    "without a dot": lambda c, row: _with_coding(c, code=_coding(c)["code"].replace(".", "")),
    "lower case": lambda c, row: _with_coding(c, code=_coding(c)["code"].lower()),
    "a dagger": lambda c, row: _with_coding(c, code=_coding(c)["code"] + "+"),
    "a version": lambda c, row: _with_coding(c, version="2031"),
    "text alone": lambda c, row: c | {"code": {"text": _display(c)}},
    "shouted": lambda c, row: c | {"code": {"text": _display(c).upper()}},
    "a soft hyphen": lambda c, row: c | {"code": {"text": _display(c).replace("s", "s\u00ad")}},
    "words around it": lambda c, row: c | {"code": {"text": f"Known {_display(c)}, see letter"}},
    "words nobody knows": lambda c, row: c | {"code": {"text": "Zustand nach Brief"}},
    "another vocabulary": lambda c, row: c | {"code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}},
    "a local code": lambda c, row: c | {"code": {"coding": [{"system": "urn:local", "code": "X1"}]}},
    "a local code with its display": lambda c, row: (
        c | {"code": {"coding": [{"system": "urn:local", "code": "X1", "display": _display(c)}]}}
    ),
    "a code without a system": lambda c, row: c | {"code": {"coding": [{"code": _coding(c)["code"]}]}},
    "no code at all": lambda c, row: {name: value for name, value in c.items() if name != "code"},
    "a null coding beside it": lambda c, row: c | {"code": {"coding": [None, _coding(c)]}},
    "subsetted": lambda c, row: c | {"meta": {"tag": [{"code": "SUBSETTED"}]}},
    "redacted": lambda c, row: c | {"meta": {"security": [{"code": "REDACTED"}]}},
    "a modifier": lambda c, row: c | {"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]},
    "abated in the future": lambda c, row: (
        {n: v for n, v in c.items() if n != "clinicalStatus"} | {"abatementDateTime": "2031-05-01"}
    ),
    "abated in words": lambda c, row: (
        {n: v for n, v in c.items() if n != "clinicalStatus"} | {"abatementString": "ongoing"}
    ),
    "a local status": lambda c, row: c | {"clinicalStatus": {"coding": [{"system": "urn:local", "code": "A"}]}},
    "a status in words": lambda c, row: c | {"clinicalStatus": {"text": "chronic"}},
    "an onset that is no date": lambda c, row: c | {"onsetDateTime": "11/24/2026"},
    "an onset of a year": lambda c, row: c | {"onsetDateTime": "2026"},
}
BESIDE = (
    [],
    [recorded(CM, "I10") | {"id": "c2"}],
    [{**recorded(CM, "M25.561"), "id": "c3", "code": {"text": "Knee pain"}}],
)


EVERYDAY = {
    "alcohol",
    "als",
    "anemia",
    "anemias",
    "angina",
    "anxiety",
    "appendicitis",
    "atherosclerosis",
    "bariatric",
    "bipolar",
    "catheter",
    "celiac",
    "cellulitis",
    "cesarean",
    "chemotherapy",
    "dementia",
    "depression",
    "diverticulitis",
    "diverticulosis",
    "dysplasia",
    "edema",
    "endometriosis",
    "fusion",
    "gallstone",
    "goiter",
    "gonorrhea",
    "hepatitis",
    "hyperplasia",
    "hypertension",
    "hypertensive",
    "hypotension",
    "ileus",
    "lobectomy",
    "lupus",
    "lymphoma",
    "mastitis",
    "melanoma",
    "nephritis",
    "obesity",
    "osteomyelitis",
    "phlebitis",
    "pneumonia",
    "reflux",
    "sarcoidosis",
    "splenomegaly",
    "syphilis",
    "tobacco",
}
"""Names of diagnoses whose own codes are in no value set; in a longer name, such as `severe dementia`, they may be."""


@pytest.mark.slow
@pytest.mark.sampled
def test_there_are_findings_of_every_vocabulary() -> None:
    """The examples below come from SNOMED CT, ICD-10-CM and WHO ICD-10."""
    tried = sample(findings(), 9)
    found = [finding for finding in tried if is_present(finding)]
    assert {CM, WHO, SCT} <= {system for _, _, system, _ in found}
    assert len(found) * len(findings()) / len(tried) > 500


@given(
    st.deferred(lambda: st.sampled_from(findings())),
    st.lists(st.sampled_from(sorted(WAYS)), max_size=3),
    st.sampled_from(BESIDE),
)
def test_a_recorded_condition_is_never_read_as_absent(
    finding: Finding, ways: list[str], beside: list[Condition]
) -> None:
    """A condition that a row asks for, written in any other way, leaves the row present or unknown."""
    assume(is_present(finding))
    row, procedure, system, code = finding
    condition = recorded(system, code)
    for way in ways:
        codings = condition.get("code", {}).get("coding", [None])
        if codings[0] and codings[0].get("system"):
            condition = WAYS[way](condition, row)
    assert certainty_of(row, procedure, condition, *beside) in ("present", "unknown"), (ways, condition)


@pytest.mark.parametrize(
    "text",
    [
        "Knee pain",
        "Essential hypertension",
        "Type 2 diabetes mellitus",
        "Carpal tunnel syndrome",
        "GERD",
        "Cataract, right eye",
    ],
)
def test_a_plain_diagnosis_in_words_is_read(text: str) -> None:
    """An everyday diagnosis without a code makes no row unknown."""
    condition = recorded(CM, "X") | {"code": {"text": text}}
    assert certainty_of("severe-mental-illness", "tips", condition) == "absent"


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("Coagulopathy", "bleeding-tendency", "present"),
        ("low platelets", "bleeding-tendency", "present"),
        ("No psychosis", "severe-mental-illness", "absent"),
        ("mental illness", "severe-mental-illness", "unknown"),
        ("Psychosis", "severe-mental-illness", "present"),
        ("h/o psychosis", "severe-mental-illness", "present"),
        ("Family history of psychosis", "severe-mental-illness", "absent"),
        ("Knee pain, CHF", "severe-mental-illness", "absent"),
        ("CHF and quibbledosis", "severe-mental-illness", "unknown"),
    ],
)
def test_a_diagnosis_in_words_answers_the_question(text: str, row: str, expected: str) -> None:
    """A diagnosis without a code is found by its words, and leaves open what its unknown words may mean."""
    results = recorded(CM, "X") | {"code": {"text": text}}
    assert certainty_of(row, "tips", results) == expected


def test_plain_words_answer_no_question() -> None:
    """No plain word is in the name of anything asked for, but names of everyday diagnoses that no question asks for."""
    asked = {name for name in ROWS.value_sets if name.startswith(("condition-", "criterion-"))}
    displays = [rule.display for name in asked for rule in rules_of(ROWS.value_sets[name])[0] if rule.display]
    words = set(" ".join(KNOWLEDGE.words.of(display) for display in displays).split())
    plain = {word for word in words if KNOWLEDGE.diagnosis_texts.read(word) == DiagnosisReading((), known=True)}
    assert sorted(plain - EVERYDAY) == []
