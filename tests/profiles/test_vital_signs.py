"""Vital signs: R4 requires their profiles by the code or category of an Observation."""

from __future__ import annotations

import pytest

from cds_service.profiles.definitions import Definitions
from cds_service.profiles.vital_signs import vital_sign_profiles
from tests.profiles.resources import HL7, LOINC, UCUM, Json, coded, found, observation, rules

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
HEART_RATE = observation(
    category=[coded(CATEGORY, "vital-signs")],
    code=coded(LOINC, "8867-4"),
    valueQuantity={"value": 70, "unit": "/min", "system": UCUM, "code": "/min"},
)


def measured(drop: str = "", **more: object) -> Json:
    """A heart rate, changed."""
    return {name: value for name, value in (HEART_RATE | more).items() if name != drop}


FLOW = {"value": 2, "unit": "L/min", "system": UCUM, "code": "L/min"}
OXYGEN = measured(
    code=coded(LOINC, "2708-6"),
    valueQuantity={"value": 95, "unit": "%", "system": UCUM, "code": "%"},
    component=[{"code": coded(LOINC, "3151-8"), "valueQuantity": FLOW}],
)
PERIOD = {"start": "2020-01-01T10:00:00Z"}
UNKNOWN = {"extension": [{"url": HL7 + "data-absent-reason", "valueCode": "unknown"}]}
CASES: dict[str, tuple[Json, list[str]]] = {
    "as required": (HEART_RATE, []),
    "in another unit": (
        measured(valueQuantity={"value": 1, "unit": "Hz", "system": UCUM, "code": "Hz"}),
        ["fixed"],
    ),
    "of oxygen, with its flow": (OXYGEN, []),
    "without its category": (measured("category"), ["cardinality", "slice-cardinality"]),
    "of another category": (measured(category=[coded(CATEGORY, "exam")]), ["slice-cardinality"]),
    "of a local code beside it": (
        measured(code={"coding": [{"system": "http://x.org", "code": "HR"}, {"system": LOINC, "code": "8867-4"}]}),
        [],
    ),
    "without a time": (measured("effectiveDateTime"), ["cardinality"]),
    "by category alone, without a time": (measured("effectiveDateTime", code={"text": "pulse"}), ["cardinality"]),
    "of a month": (measured(effectiveDateTime="2020-01"), ["vs-1"]),
    "of a day": (measured(effectiveDateTime="2020-01-01"), []),
    "of a period": (measured("effectiveDateTime", effectivePeriod=PERIOD), []),
    "of an unknown time": (measured("effectiveDateTime", _effectiveDateTime=UNKNOWN), []),
    "entered in error": (measured("effectiveDateTime", status="entered-in-error"), []),
    "another observation": (observation(), []),
}


@pytest.mark.parametrize(("resource", "expected"), CASES.values(), ids=CASES.keys())
def test_a_vital_sign_is_held_against_its_profile(resource: Json, expected: list[str]) -> None:
    """A vital sign must conform to the profile of its LOINC code, else to that of its category."""
    assert rules(resource) == expected


def test_the_issue_names_the_profile() -> None:
    """Which profile required it is said, because the resource does not claim it."""
    issue = found(measured(effectiveDateTime="2020-01"))[0]
    assert issue.profile == HL7 + "heartrate"


def test_every_vital_sign_of_r4_has_its_profile(definitions: Definitions) -> None:
    """The codes come from the profiles of R4, from the panel to the body mass index."""
    loinc = ("85353-1", "9279-1", "8867-4", "2708-6", "8310-5", "8302-2", "9843-4", "29463-7", "39156-5", "85354-9")
    found_profiles = {
        url for code in loinc for url in vital_sign_profiles(definitions, observation(code=coded(LOINC, code)))
    }
    assert len(found_profiles) == len(loinc)
    assert list(vital_sign_profiles(definitions, {"resourceType": "Patient"})) == []
