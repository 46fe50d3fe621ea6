"""What of a record was known at a moment: only that is what a call at that moment would have read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_service.clinical_data.retrieved import ClinicalData, RetrievedData
from cds_service.facts.known_at import KnownFacts, Record, known_at, read_record
from cds_service.kinds import CLINICAL
from tests.support.reading import retrieved_of

ZONE = ZoneInfo("Europe/Berlin")
MOMENT = datetime(2024, 5, 3, 10, 0, tzinfo=ZONE)
BEFORE, AFTER, SAME_DAY = "2024-05-02T08:00:00+02:00", "2024-05-03T11:00:00+02:00", "2024-05-03"
ENCOUNTER_DIAGNOSIS: dict[str, Any] = {
    "category": [{"coding": [{"code": "encounter-diagnosis"}]}],
    "encounter": {"reference": "Encounter/e1"},
}
ACTIVE = {"clinicalStatus": {"coding": [{"code": "active"}]}}
RESOLVED = {"clinicalStatus": {"coding": [{"code": "resolved"}]}}
RESULT = {"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]}}


def record(
    *,
    condition: Mapping[str, Any] | None = None,
    allergy: Mapping[str, Any] | None = None,
    observation: Mapping[str, Any] | None = None,
    medication: Mapping[str, Any] | None = None,
    procedure: Mapping[str, Any] | None = None,
    encounter: Mapping[str, Any] | None = None,
) -> Record:
    """A record with at most one resource of each kind."""
    data = ClinicalData(
        RetrievedData(),
        {
            **{kind.key: retrieved_of(kind.resource_type, []) for kind in CLINICAL},
            "conditions": retrieved_of("Condition", [condition] if condition else []),
            "allergies": retrieved_of("AllergyIntolerance", [allergy] if allergy else []),
            "observations": retrieved_of("Observation", [observation] if observation else []),
            "medications": retrieved_of(
                (medication or {}).get("resourceType", "MedicationRequest"), [medication] if medication else []
            ),
            "procedures": retrieved_of("Procedure", [procedure] if procedure else []),
        },
    )
    encounters = retrieved_of("Encounter", [{"id": "e1", **encounter}] if encounter else []).records
    return read_record(data, encounters, zone=ZONE, result_lag=timedelta(hours=4))


def known(found: Record) -> str:
    """`known`, `not known` or `in doubt`: whether the one resource counts, and whether it does either way."""
    views = [known_at(found, MOMENT, count_doubtful=count) for count in (True, False)]
    assert views[0].in_doubt == views[1].in_doubt
    facts = [view.facts for view in views]
    counts = [bool((*f.conditions, *f.allergies, *f.observations, *f.medications, *f.procedures)) for f in facts]
    assert (counts[0] != counts[1]) <= views[0].in_doubt
    return "in doubt" if counts[0] != counts[1] else ("known" if counts[0] else "not known")


def at(found: Record, *, count_doubtful: bool = True) -> KnownFacts:
    """What was known at the moment."""
    return known_at(found, MOMENT, count_doubtful=count_doubtful)


@pytest.mark.parametrize(("authored", "expected"), [(BEFORE, "known"), (AFTER, "not known"), (None, "in doubt")])
def test_a_medication_is_known_when_it_is_written(authored, expected):
    """A medication counts from the day it was written; undated it is in doubt."""
    dates = {"authoredOn": authored} if authored else {}
    assert (
        known(record(medication={"status": "active", "medicationCodeableConcept": {"text": "x"}} | dates)) == expected
    )


@pytest.mark.parametrize(("performed", "expected"), [(BEFORE, "known"), (AFTER, "not known"), (None, "in doubt")])
def test_a_procedure_is_known_once_it_was_done(performed, expected):
    """What was operated on later was not done at the time; without a date it may have been."""
    dates = {"performedDateTime": performed} if performed else {}
    assert known(record(procedure={"status": "completed", "code": {"text": "x"}} | dates)) == expected


def test_a_medication_that_was_stopped_later_was_taken_then():
    """The record does not say when an order was stopped, so whether it was taken is in doubt."""
    stopped = {"status": "stopped", "authoredOn": BEFORE, "medicationCodeableConcept": {"text": "warfarin"}}
    found = [at(record(medication=stopped), count_doubtful=count) for count in (True, False)]
    assert [view.facts.medications[0].activity for view in found] == ["taken", "stopped"]
    assert all(view.in_doubt for view in found)


WARFARIN = {"medicationCodeableConcept": {"text": "warfarin"}}
ENDED = {"repeat": {"boundsPeriod": {"end": BEFORE}}}
PERIOD = {"effectivePeriod": {"start": "2024-01-01", "end": "2024-06-01"}}
ENDS_TODAY = {"effectivePeriod": {"start": "2024-01-01", "end": SAME_DAY}}
HANDED_OVER = {"resourceType": "MedicationDispense", "status": "completed", "whenHandedOver": "2024-05-01"}


@pytest.mark.parametrize(
    ("medication", "with_doubt", "without"),
    [
        ({"status": "on-hold", "authoredOn": BEFORE}, "taken", "held"),
        (
            {"status": "on-hold", "authoredOn": BEFORE, "dispenseRequest": {"validityPeriod": {"end": AFTER}}},
            "taken",
            "held",
        ),
        (
            {"status": "stopped", "authoredOn": BEFORE, "dispenseRequest": {"validityPeriod": {"end": AFTER}}},
            "taken",
            "stopped",
        ),
        (
            {"status": "stopped", "authoredOn": "2024-01-01", "dispenseRequest": {"validityPeriod": {"end": BEFORE}}},
            "stopped",
            "stopped",
        ),
        (
            {"status": "completed", "authoredOn": BEFORE, "dispenseRequest": {"validityPeriod": {"end": AFTER}}},
            "taken",
            "taken",
        ),
        ({"resourceType": "MedicationStatement", "status": "stopped", **PERIOD}, "taken", "taken"),
        ({"resourceType": "MedicationStatement", "status": "stopped", **PERIOD, "dateAsserted": AFTER}, None, None),
        (
            {"resourceType": "MedicationStatement", "status": "active", **PERIOD, "dateAsserted": BEFORE},
            "taken",
            "taken",
        ),
        (
            {"status": "active", "authoredOn": "2024-01-01", "dosageInstruction": [{"timing": ENDED}]},
            "lapsed",
            "lapsed",
        ),
        ({"resourceType": "MedicationStatement", "status": "active", **ENDS_TODAY}, "taken", "taken"),
        ({"resourceType": "MedicationStatement", "status": "completed", **ENDS_TODAY}, "taken", "completed"),
        ({**HANDED_OVER, "daysSupply": {"value": 2}}, "taken", "taken"),
        ({**HANDED_OVER, "daysSupply": {"value": 1}}, "completed", "completed"),
        (HANDED_OVER, "completed", "completed"),
    ],
)
def test_a_medication_is_what_it_was_then(medication, with_doubt, without):
    """What is on hold or was stopped later may have been taken; only a recorded end is surely one. What a patient
    reports is known when it is reported. What is in use by its status, or was handed over, lasts through its last day,
    as in a call."""
    found = record(medication=WARFARIN | medication)
    views = [at(found, count_doubtful=count).facts.medications for count in (True, False)]
    assert [next((fact.activity for fact in facts), None) for facts in views] == [with_doubt, without]


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"issued": BEFORE, "effectiveDateTime": BEFORE}, "known"),
        ({"issued": AFTER, "effectiveDateTime": BEFORE}, "not known"),
        ({"effectiveDateTime": "2024-05-03T05:59:00+02:00"}, "known"),
        ({"effectiveDateTime": "2024-05-03T06:01:00+02:00"}, "not known"),
        ({"effectivePeriod": {"start": BEFORE, "end": AFTER}}, "not known"),
        ({"effectiveDateTime": SAME_DAY}, "in doubt"),
        ({"effectiveDateTime": "2024-05-02"}, "known"),
        ({}, "in doubt"),
    ],
)
def test_a_result_is_known_when_it_is_issued(dates, expected):
    """A result counts from the time it was issued, else from some hours after it was taken; undated it is in doubt."""
    assert known(record(observation=RESULT | dates)) == expected


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"recordedDate": BEFORE}, "known"),
        ({"recordedDate": AFTER, "onsetDateTime": BEFORE}, "not known"),
        ({"recordedDate": SAME_DAY}, "in doubt"),
        ({"onsetDateTime": BEFORE}, "in doubt"),
        ({"onsetDateTime": AFTER}, "not known"),
        ({}, "in doubt"),
    ],
)
def test_a_condition_is_known_when_it_is_recorded(dates, expected):
    """A problem counts from its recordedDate; its onset alone does not say when anybody knew, but not before it."""
    assert known(record(condition=ACTIVE | dates)) == expected


@pytest.mark.parametrize(
    ("dates", "encounter", "expected"),
    [
        ({"recordedDate": BEFORE}, {"period": {"start": BEFORE, "end": BEFORE}}, "known"),
        ({"recordedDate": BEFORE}, {"period": {"start": BEFORE, "end": AFTER}}, "not known"),
        ({"recordedDate": AFTER}, {"period": {"start": BEFORE, "end": BEFORE}}, "not known"),
        ({}, {"period": {"end": BEFORE}}, "known"),
        ({"recordedDate": BEFORE}, {"period": {"start": BEFORE}}, "in doubt"),
        ({"recordedDate": BEFORE}, None, "in doubt"),
        ({"recordedDate": AFTER}, None, "not known"),
        ({}, None, "in doubt"),
    ],
)
def test_an_encounter_diagnosis_is_known_when_its_encounter_ends(dates, encounter, expected):
    """Encounter diagnoses are coded at discharge; without its date, they are in doubt from the recordedDate on."""
    assert known(record(condition=ACTIVE | ENCOUNTER_DIAGNOSIS | dates, encounter=encounter)) == expected


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"recordedDate": BEFORE}, "known"),
        ({"recordedDate": AFTER}, "not known"),
        ({"onsetDateTime": AFTER}, "not known"),
        ({}, "in doubt"),
    ],
)
def test_an_allergy_is_known_when_it_is_recorded(dates, expected):
    """An allergy counts from its recordedDate."""
    assert known(record(allergy={"code": {"text": "Iohexol"}} | dates)) == expected


@pytest.mark.parametrize(
    ("ended", "with_doubt", "without", "in_doubt"),
    [
        (ACTIVE, "active", "active", False),
        (RESOLVED | {"abatementDateTime": AFTER}, "active", "active", False),
        (RESOLVED | {"abatementDateTime": BEFORE}, "inactive", "inactive", False),
        (RESOLVED | {"abatementPeriod": {"end": AFTER}}, "active", "active", False),
        ({"abatementDateTime": AFTER}, "active", "active", False),
        ({"abatementDateTime": BEFORE}, "inactive", "inactive", False),
        (RESOLVED | {"abatementDateTime": SAME_DAY}, "active", "inactive", True),
        (RESOLVED, "active", "inactive", True),
        ({"clinicalStatus": {"coding": [{"code": "remission"}]}}, "active", "remission", True),
    ],
)
def test_a_condition_that_ended_later_was_still_active(ended, with_doubt, without, in_doubt):
    """One that ended after the moment is active again; one that ended without a date is judged both ways."""
    found = record(condition={"recordedDate": "2024-01-01"} | ended)
    views = [at(found), at(found, count_doubtful=False)]
    assert [view.facts.conditions[0].activity for view in views] == [with_doubt, without]
    assert [view.in_doubt for view in views] == [in_doubt, in_doubt]


def test_an_active_again_condition_is_clearly_so():
    """What nobody could know then, that it would end, leaves no doubt about its status."""
    (fact,) = at(record(condition={"recordedDate": BEFORE, "abatementDateTime": AFTER})).facts.conditions
    assert fact.status_clear


def test_an_allergy_that_ended_is_judged_both_ways():
    """AllergyIntolerance has no date of its end, so an inactive one may have been active."""
    found = record(allergy={"code": {"text": "Iohexol"}, "recordedDate": BEFORE} | RESOLVED)
    assert at(found).facts.allergies[0].active
    assert not at(found, count_doubtful=False).facts.allergies[0].active


def test_what_an_order_names_was_known_to_who_wrote_it():
    """A condition that the order itself gives as its reason counts, whatever its date."""
    found = record(condition=ACTIVE | {"id": "c1", "recordedDate": AFTER})
    view = known_at(found, MOMENT, count_doubtful=True, named=["Condition/c1"])
    assert len(view.facts.conditions) == 1


def test_the_day_is_that_of_the_moment():
    """Ages and look-backs count from the moment, not from today."""
    facts = at(record(condition=ACTIVE)).facts
    assert (facts.now, facts.today) == (MOMENT, MOMENT.date())


def test_an_unreadable_resource_is_a_gap_at_any_moment():
    """What can't be read can't be dated either: its kind is incomplete whenever the order was written."""
    facts = at(record(condition={"recordedDate": 5})).facts
    assert "conditions" not in facts.complete
    assert [gap.reference for gap in facts.unavailable] == ["Condition/1"]


def test_versions_that_cannot_be_told_apart_are_in_doubt_between_their_dates():
    """Of a resource given in two versions either may be the one that was there."""
    both = [{"id": "c1", **ACTIVE, "recordedDate": BEFORE}, {"id": "c1", **ACTIVE, "recordedDate": AFTER}]
    data = ClinicalData(RetrievedData(), {"conditions": retrieved_of("Condition", both)})
    found = read_record(data, (), zone=ZONE, result_lag=timedelta(hours=4))
    assert at(found).in_doubt
