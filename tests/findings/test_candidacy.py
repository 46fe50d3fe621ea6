"""Whom a row is for, when it asks, and that nothing beyond a closed list can be critical."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cds_service.certainty import Certainty
from cds_service.facts.dates import read_when
from cds_service.facts.patient_facts import Concept, ConditionFact, PatientFacts
from cds_service.findings.chart import Dates
from cds_service.findings.finding import OrderFinding
from cds_service.findings.patient_groups import is_of_age, is_of_sex
from cds_service.indicator import Indicator
from cds_service.knowledge.expressions import Expression, PatientGroup
from cds_service.knowledge.questions.allergy import AllergyQuestion
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge
from tests.support.reading import read

UFE, TEST = "uterine-fibroid-embolization", "pregnancy-test-before-x-rays"
FIBROID, TODAY = "icd-10-cm|D25.1", date(2026, 11, 24)
# Severe contrast reaction; lysis after brain bleeding, stroke or while bleeding; pregnancy; neutrophils; TIPS with a
# failing heart. Ascending dissection, the last of the list, is an alert.
CRITICAL = {
    *("iodinated-contrast-allergy", "contrast-allergy-class-unclear", "iodine-allergy-unspecified"),
    *("lysis-intracranial-bleeding", "lysis-stroke", "lysis-active-bleeding", "lysis-dic", "lysis-neurosurgery"),
    *("pregnancy-uterus", "pregnancy-elective", "pregnancy-test-uterus", "pregnancy-test-elective"),
    "neutrophils-grade-4",
    *("tips-heart-failure-severe", "tips-lvef-severe", "tips-nyha-severe", "tips-pulmonary-pressure"),
}


def told(order: OrderFinding, criterion: str) -> str:
    """Where a criterion is shown and why; `-` where it says nothing."""
    found = [f for row in order.contraindications for f in row.criteria if f.criterion.id == criterion]
    return f"{found[0].told.shown.value} {found[0].told.why}" if found else "-"


@pytest.mark.parametrize(
    ("gender", "born", "code", "priority", "expected"),
    [
        ("female", "1990-05-01", FIBROID, "routine", "card required"),
        ("female", "1975-05-01", FIBROID, "routine", "card required"),
        ("female", "1990-05-01", "icd-10-cm|Z90.710", "routine", "-"),
        ("female", "1990-05-01", "icd-10-cm|Z90.712", "routine", "card required"),
        ("female", "1990-05-01", "icd-10-cm|Z98.51", "routine", "none not-required"),
        ("female", "1975-05-01", "icd-10-cm|Z78.0", "routine", "none not-required"),
        ("female", "1990-05-01", "icd-10-cm|Z78.0", "routine", "card required"),
        ("female", "1990-05-01", FIBROID, "urgent", "none not-required"),
        (None, "1990-05-01", FIBROID, "routine", "card required"),
        ("male", "1990-05-01", FIBROID, "routine", "-"),
        ("female", "1956-05-01", FIBROID, "routine", "-"),
        ("female", "2015-05-01", FIBROID, "routine", "-"),
        ("female", None, FIBROID, "routine", "none age-not-recorded"),
    ],
)
def test_who_is_asked_for_a_pregnancy_test(
    gender: str | None, born: str | None, code: str, priority: str, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """A woman of 12 to 55 before elective X-rays of abdomen or pelvis, unless the record says that it can't be."""
    patient = {name: value for name, value in (("gender", gender), ("birthDate", born)) if value}
    order = {"code": "procedure|renal-artery-angioplasty", "fields": {"priority": priority}}
    row: dict[str, Any] = {"order": order, "patient": patient, "conditions": [code]}
    assert told(judge(row, knowledge, now), TEST) == expected


@pytest.mark.parametrize(
    ("criterion", "order", "code"),
    [
        ("hyperthyroidism", "renal-artery-angioplasty", "icd-10-cm|E05.00"),
        ("radioiodine", "renal-artery-angioplasty", "icd-10-cm|C73"),
        ("intrauterine-device", UFE, "icd-10-cm|Z97.5"),
        ("tips-liver-tumor", "tips", "icd-10-cm|C22.0"),
        ("tace-varices", "hepatic-artery-chemoembolization", "icd-10-cm|I85.00"),
    ],
)
def test_what_says_little_alone_makes_no_card(
    criterion: str, order: str, code: str, knowledge: Knowledge, now: datetime
) -> None:
    """A diagnosis that changes little by itself is a line on a card that is shown anyway."""
    assert told(judge({"order": order, "conditions": [code]}, knowledge, now), criterion) == "line says-little-alone"


def test_only_the_closed_list_is_critical(knowledge: Knowledge) -> None:
    """No question beyond the closed list can be told as critical, and no alert but the ascending dissection."""
    criteria = [c for row in knowledge.contraindications for c in row.criteria]
    loud = {c.id for c in criteria if c.indicator is Indicator.CRITICAL}
    loud |= {
        c.id
        for c in criteria
        if isinstance(c.question, AllergyQuestion) and Indicator.CRITICAL in (c.question.severe, c.question.physiologic)
    }
    assert loud == CRITICAL
    alerts = {a.wording for p in knowledge.procedures.values() for a in p.alerts if a.indicator is Indicator.CRITICAL}
    assert alerts == {"alert.type-a-dissection"}


def test_what_stays_loud_in_an_emergency_is_on_the_closed_list(knowledge: Knowledge) -> None:
    """Only a row that is critical elsewhere may be more than information there, and TIPS above Child-Pugh 13."""
    exempt = {c.id for row in knowledge.contraindications for c in row.criteria if c.even_in_emergency}
    assert exempt <= CRITICAL | {"child-pugh-tips"}
    assert not {name for name in exempt if name.startswith("pregnancy")}


@pytest.mark.parametrize(
    ("group", "gender", "born", "sex", "age"),
    [
        (PatientGroup(), None, None, "present", "present"),
        (PatientGroup("female"), "female", None, "present", "present"),
        (PatientGroup("female"), "male", None, "absent", "present"),
        (PatientGroup("female"), "other", None, "unknown", "present"),
        (PatientGroup("male"), None, None, "unknown", "present"),
        (PatientGroup(from_age=12, to_age=55), None, None, "present", "unknown"),
        (PatientGroup(from_age=12, to_age=55), None, "2014-11-24", "present", "present"),
        (PatientGroup(from_age=12, to_age=55), None, "2014-11-25", "present", "absent"),
        (PatientGroup(from_age=12, to_age=55), None, "1970-11-25", "present", "present"),
        (PatientGroup(from_age=12, to_age=55), None, "1970-11-24", "present", "absent"),
        (PatientGroup(from_age=12, to_age=55), None, "2014", "present", "unknown"),
        (PatientGroup(from_age=55), None, "1950", "present", "present"),
    ],
)
def test_whom_a_row_is_for(group: PatientGroup, gender: str | None, born: str | None, sex: str, age: str) -> None:
    """Both ends of an age count; a sex or birth date that is not recorded, or too vague, leaves it unknown."""
    facts: PatientFacts = read(patient={k: v for k, v in (("gender", gender), ("birthDate", born)) if v})
    assert (is_of_sex(group, facts), is_of_age(group, facts)) == (Certainty(sex), Certainty(age))


@pytest.mark.parametrize(
    ("onset", "onset_recorded", "within", "older", "expected"),
    [
        ("2026-11-10", True, 14, None, "present"),
        ("2026-11-09", True, 14, None, "absent"),
        ("2026-11", True, 14, None, "unknown"),
        ("2026-11-20", False, 14, None, "unknown"),
        (None, True, 14, None, "unknown"),
        (None, True, None, None, "present"),
        ("2026-10-26", True, None, 28, "present"),
        ("2026-10-27", True, None, 28, "absent"),
        (None, True, None, 28, "unknown"),
    ],
)
def test_when_a_condition_began(
    onset: str | None, onset_recorded: bool, within: int | None, older: int | None, expected: str
) -> None:
    """A window counts its last day; the day of the record says nothing of the onset, and no date leaves it open."""
    fact = ConditionFact("Condition/c1", Concept(), "active", True, read_when(onset, UTC), None)
    dated = ConditionFact("Condition/c1", Concept(), "active", True, fact.onset, None, onset_recorded=onset_recorded)
    asked = Expression("is", "dvt-iliac", within_days=within, older_than_days=older)
    assert Dates(TODAY).fit(asked, dated) == Certainty(expected)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"code": "sct|85946004"}, "present"),
        ({"code": "sct|85946004", "fields": {"status": "revoked"}}, "unknown"),
        ({"text": "Resection for hepatocellular carcinoma"}, "absent"),
    ],
)
def test_what_else_is_ordered_counts_by_its_code(
    other: dict[str, Any], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """A planned resection is read from the code of another order in force; the words of one are no diagnosis."""
    cancer = ["icd-10-cm|C78.7"] if "code" in other else []
    order = judge({"orders": ["portal-vein-embolization", other], "conditions": cancer}, knowledge, now)
    (found,) = [f for f in order.indications if f.indication.id == "before-major-hepatectomy"]
    assert found.certainty == Certainty(expected)
