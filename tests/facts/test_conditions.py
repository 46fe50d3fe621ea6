"""Conditions as facts: statuses however they are sent, onset, encounter, and what makes one unreadable."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.patient_facts import ConditionFact, PatientFacts
from tests.support.reading import read

DELIRIUM = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F05"}]}


def facts_of(**fields: Any) -> PatientFacts:
    """The facts of a record with one Condition."""
    return read(conditions=[{"code": DELIRIUM, "clinicalStatus": status("active")} | fields])


def the_condition(**fields: Any) -> ConditionFact:
    """The one Condition."""
    (condition,) = facts_of(**fields).conditions
    return condition


def status(code: str) -> dict[str, Any]:
    """A status as FHIR R4 has it."""
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/any", "code": code}]}


@pytest.mark.parametrize(
    ("clinical", "activity", "clear"),
    [
        (status("active"), "active", True),
        (status("recurrence"), "active", True),
        (status("relapse"), "active", True),
        (status("remission"), "remission", True),
        (status("inactive"), "inactive", True),
        (status("resolved"), "inactive", True),
        (status("unknown"), "active", False),
        (status("something else"), "active", False),
        ("resolved", "inactive", True),
        (" Resolved ", "inactive", True),
        ({"text": "Resolved"}, "inactive", True),
        ({"coding": [{"system": "urn:local", "code": "R"}, *status("resolved")["coding"]]}, "inactive", True),
        ({"coding": [{"display": "Resolved"}]}, "active", True),
        ({"coding": []}, "active", True),
        ("", "active", True),
        (None, "active", True),
    ],
)
def test_clinical_status(clinical: Any, activity: str, clear: bool) -> None:
    """A condition counts as active unless its status says that it is over; an unknown status is not clear."""
    condition = the_condition(clinicalStatus=clinical)
    assert (condition.activity, condition.status_clear) == (activity, clear)


@pytest.mark.parametrize(
    "abatement",
    [
        {"abatementDateTime": "2026-01-01"},
        {"abatementAge": {"value": 40}},
        {"abatementPeriod": {"start": "2026", "end": "2026-02"}},
        {"abatementRange": {"low": {"value": 40}}},
    ],
)
def test_abatement_without_status(abatement: dict[str, Any]) -> None:
    """Without a status, a recorded end says that the condition is over; an explicit status is stronger."""
    assert the_condition(clinicalStatus=None, **abatement).activity == "inactive"
    assert the_condition(clinicalStatus=status("active"), **abatement).activity == "active"


@pytest.mark.parametrize(
    ("verification", "count", "certain"),
    [
        (status("confirmed"), 1, True),
        (None, 1, True),
        (status("unconfirmed"), 1, False),
        (status("provisional"), 1, False),
        (status("differential"), 1, False),
        ("provisional", 1, False),
        (status("refuted"), 0, None),
        (status("entered-in-error"), 0, None),
        ("entered-in-error", 0, None),
    ],
)
def test_verification_status(verification: Any, count: int, certain: bool | None) -> None:
    """Refuted and wrongly entered conditions are left out; unconfirmed ones count as uncertain."""
    conditions = facts_of(verificationStatus=verification).conditions
    assert [condition.certain for condition in conditions] == [certain] * count


@pytest.mark.parametrize(
    ("fields", "onset"),
    [
        ({"onsetDateTime": "2026-10"}, "2026-10"),
        ({"onsetPeriod": {"start": "2026-09-01"}}, "2026-09-01"),
        ({"recordedDate": "2026-08-01"}, "2026-08-01"),
        ({"onsetDateTime": "2026-10", "recordedDate": "2026-11-01"}, "2026-10"),
        ({"onsetDateTime": "a while ago", "recordedDate": "2026-11-01"}, "2026-11-01"),
        ({"onsetString": "childhood"}, None),
        ({}, None),
    ],
)
def test_onset(fields: dict[str, Any], onset: str | None) -> None:
    """The onset is the recorded one, else the day on which the condition was recorded."""
    when = the_condition(**fields).onset
    assert (when.text if when else None) == onset


@pytest.mark.parametrize(
    ("category", "encounter"), [("encounter-diagnosis", "e1"), ("problem-list-item", None), (None, None)]
)
def test_only_an_encounter_diagnosis_belongs_to_its_encounter(category: str | None, encounter: str | None) -> None:
    """A problem of the list keeps no encounter: it may have been entered during any."""
    fields: dict[str, Any] = {"encounter": {"reference": "https://ehr.example.org/fhir/Encounter/e1"}}
    if category:
        fields["category"] = [status(category)]
    assert the_condition(**fields).encounter == encounter


@pytest.mark.parametrize(
    ("code", "codings", "label"),
    [
        (DELIRIUM | {"text": "Delirium"}, 1, "Delirium"),
        ({"coding": [{"system": "s", "code": "c", "display": "d"}, {}, None, {"code": "x"}]}, 1, "d"),
        ({"text": "confused"}, 0, "confused"),
        ({"text": " "}, 0, None),
        ({}, 0, None),
        (None, 0, None),
    ],
)
def test_codes_as_sent(code: Any, codings: int, label: str | None) -> None:
    """Empty codings are passed over, and a condition without any code is kept: something is recorded."""
    concept = the_condition(code=code).concept
    assert (len(concept.codings), concept.label) == (codings, label)


@pytest.mark.parametrize(
    "broken",
    [
        {"code": "F05"},
        {"code": {"coding": {"code": "F05"}}},
        {"code": {"coding": [{"system": "s", "code": 5}]}},
        {"clinicalStatus": 1},
        {"clinicalStatus": ["active"]},
        {"verificationStatus": {"coding": "refuted"}},
        {"onsetDateTime": 2026},
        {"category": "encounter-diagnosis"},
        {"encounter": "e1"},
        {"modifierExtension": [{"url": "https://example.org/negated", "valueBoolean": True}]},
    ],
)
def test_a_condition_that_can_not_be_read_is_a_gap(broken: dict[str, Any]) -> None:
    """A wrong type, or a modifier that is not understood, leaves the conditions incomplete and names the resource."""
    facts = facts_of(**broken)
    assert (facts.conditions, "conditions" in facts.complete, "conditions" in facts.obtained) == ((), False, True)
    (gap,) = facts.unavailable
    (member,) = broken
    named = gap.reason.values.get("member")
    assert (gap.data, gap.reference, named) == ("conditions", "Condition/1", None if "xtension" in member else member)


def test_an_empty_modifier_changes_nothing() -> None:
    """An empty list of modifiers is no modifier."""
    assert the_condition(modifierExtension=[]).activity == "active"


def test_one_broken_condition_leaves_the_others() -> None:
    """The conditions beside a broken one are read as ever."""
    facts = read(conditions=[{"code": 5}, {"code": DELIRIUM}, {"code": DELIRIUM, "id": "x"}])
    assert [condition.reference for condition in facts.conditions] == ["Condition/2", "Condition/x"]
