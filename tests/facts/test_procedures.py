"""Procedures as facts: which count, when they were done, and what makes one unreadable."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.patient_facts import PatientFacts, ProcedureFact
from tests.support.reading import read

CRANIOTOMY = {"coding": [{"system": "http://snomed.info/sct", "code": "25353009"}]}
YEARS = {"unit": "years"}
BORN = {"birthDate": "1960-05-01", "gender": "female"}


def facts_of(**fields: Any) -> PatientFacts:
    """The facts of a record with one Procedure."""
    return read(procedures=[{"status": "completed", "code": CRANIOTOMY} | fields], patient=BORN)


def the_procedure(**fields: Any) -> ProcedureFact:
    """The one Procedure."""
    (procedure,) = facts_of(**fields).procedures
    return procedure


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ("completed", True),
        ("in-progress", True),
        (" Completed ", True),
        ("stopped", False),
        ("on-hold", False),
        ("unknown", False),
        ("something else", False),
        (None, False),
        ("not-done", None),
        ("entered-in-error", None),
        ("preparation", None),
    ],
)
def test_status(status: str | None, done: bool | None) -> None:
    """What was not done is left out; a status that does not say whether it was leaves it possible."""
    found = facts_of(status=status)
    assert [fact.done for fact in found.procedures] == ([] if done is None else [done])
    assert "procedures" in found.complete


@pytest.mark.parametrize(
    ("fields", "earliest", "latest"),
    [
        ({"performedDateTime": "2026-11-20"}, "2026-11-20", "2026-11-20"),
        ({"performedDateTime": "2026-11"}, "2026-11-01", "2026-11-30"),
        ({"performedPeriod": {"start": "2026-11-01", "end": "2026-11-20"}}, "2026-11-20", "2026-11-20"),
        ({"performedPeriod": {"start": "2026-11-01"}}, "2026-11-01", "2026-11-01"),
        ({"performedPeriod": {"start": "2026-11-01"}, "status": "in-progress"}, "2026-11-24", "2026-11-24"),
        ({"performedString": "2026-10-03"}, "2026-10-03", "2026-10-03"),
        ({"performedAge": {"value": 60, "code": "a"}}, "2020-05-01", "2021-05-01"),
        ({"performedRange": {"low": YEARS | {"value": 60}, "high": YEARS | {"value": 62}}}, "2020-05-01", "2023-05-01"),
    ],
)  # fmt: skip
def test_when_it_was_done(fields: dict[str, Any], earliest: str, latest: str) -> None:
    """The end of a period counts, one that goes on is of today, and an age is counted from the birth date."""
    when = the_procedure(**fields).performed
    assert when is not None
    assert (when.earliest.date().isoformat(), when.latest.date().isoformat()) == (earliest, latest)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"performedDateTime": "yesterday"},
        {"performedString": "some years ago"},
        {"performedPeriod": {}},
        {"performedAge": {"value": 60}},
        {"performedAge": {"value": 60, "code": "a", "comparator": "<"}},
        {"performedAge": {"value": 1e300, "code": "a"}},
        {"performedRange": {"low": {"value": 60, "code": "a"}}},
        {"performedRange": {"low": {"value": 62, "code": "a"}, "high": {"value": 60, "code": "a"}}},
    ],
)
def test_when_it_was_done_is_not_known(fields: dict[str, Any]) -> None:
    """A date that is none leaves the procedure without one, and loses nothing else of it."""
    procedure = the_procedure(**fields)
    assert procedure.performed is None
    assert procedure.concept.codings


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 5},
        {"code": "craniotomy"},
        {"code": {"coding": {"code": "25353009"}}},
        {"performedDateTime": 2026},
        {"performedPeriod": "2026"},
        {"performedAge": {"value": "60", "code": "a"}},
        {"encounter": "Encounter/1"},
        {"modifierExtension": [{"url": "https://example.org/not", "valueBoolean": True}]},
    ],
)
def test_what_can_not_be_read_is_a_gap(fields: dict[str, Any]) -> None:
    """A field of the wrong type, or a modifier that is not understood, makes it unreadable: the list is not whole."""
    found = facts_of(**fields)
    assert found.procedures == ()
    assert "procedures" in found.obtained - found.complete
    assert [(gap.data, gap.reference) for gap in found.unavailable] == [("procedures", "Procedure/1")]


def test_one_that_can_not_be_read_leaves_the_others() -> None:
    """One bad Procedure never sinks the others."""
    found = read(procedures=[{"status": 5}, {"status": "completed", "code": CRANIOTOMY}])
    assert [fact.reference for fact in found.procedures] == ["Procedure/2"]


def test_versions_of_one_procedure() -> None:
    """The newer version counts; where nobody can tell which is newer, it may have been done."""
    old = {"id": "7", "status": "completed", "code": CRANIOTOMY, "meta": {"versionId": "1"}}
    new = old | {"status": "entered-in-error", "meta": {"versionId": "2"}}
    assert read(procedures=[new, old]).procedures == ()
    untold = [{name: value for name, value in one.items() if name != "meta"} for one in (old, new)]
    assert [fact.done for fact in read(procedures=untold).procedures] == [False]


def test_the_encounter_of_a_procedure() -> None:
    """The encounter is known by its bare id, so that an undated one of this encounter is of these days."""
    assert the_procedure(encounter={"reference": "https://ehr.example.org/fhir/Encounter/e1"}).encounter == "e1"
    assert the_procedure().encounter is None
