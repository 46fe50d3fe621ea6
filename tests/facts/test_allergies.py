"""Allergies as facts: statuses, severity and reactions, and what makes one unreadable."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts.patient_facts import AllergyFact, PatientFacts
from tests.support.reading import read

CONTRAST = {"coding": [{"system": "http://snomed.info/sct", "code": "426722004"}]}


def facts_of(**fields: Any) -> PatientFacts:
    """The facts of a record with one AllergyIntolerance."""
    return read(allergies=[{"code": CONTRAST} | fields])


def the_allergy(**fields: Any) -> AllergyFact:
    """The one allergy."""
    (allergy,) = facts_of(**fields).allergies
    return allergy


def status(code: str) -> dict[str, Any]:
    """A status as FHIR R4 has it."""
    return {"coding": [{"code": code}]}


@pytest.mark.parametrize(
    ("clinical", "active"),
    [
        (status("active"), True),
        (None, True),
        (status("inactive"), False),
        (status("resolved"), False),
        ("resolved", False),
    ],
)
def test_an_allergy_is_active_unless_it_is_said_to_be_over(clinical: Any, active: bool) -> None:
    """An allergy without a clinical status counts as active."""
    assert the_allergy(clinicalStatus=clinical).active is active


@pytest.mark.parametrize(
    ("verification", "count"),
    [(status("refuted"), 0), (status("entered-in-error"), 0), ("refuted", 0), (status("confirmed"), 1), (None, 1)],
)
def test_denied_allergies_are_left_out(verification: Any, count: int) -> None:
    """Refuted and wrongly entered allergies do not count; they are no gap either."""
    facts = facts_of(verificationStatus=verification)
    assert (len(facts.allergies), "allergies" in facts.complete) == (count, True)


@pytest.mark.parametrize("verification", ["unconfirmed", "presumed"])
def test_unconfirmed_allergies_are_kept(verification: str) -> None:
    """An unconfirmed allergy is never dropped, only marked."""
    assert not the_allergy(verificationStatus=status(verification)).certain


def test_reactions() -> None:
    """Substance, severity and manifestations of a reaction are read; its description is one of the manifestations."""
    (reaction,) = the_allergy(
        criticality="high",
        type="intolerance",
        reaction=[
            {
                "substance": {"text": "Iohexol"},
                "manifestation": [{"text": "Hives"}],
                "severity": "moderate",
                "description": "hives on the arms",
            }
        ],
    ).reactions
    assert (reaction.substance.label, reaction.severity) == ("Iohexol", "moderate")
    assert [manifestation.label for manifestation in reaction.manifestations] == ["Hives", "hives on the arms"]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (
            {"clinicalStatus": {"coding": [{"system": "urn:local", "code": "R", "display": "Resolved"}]}},
            (1, False, True),
        ),
        ({"clinicalStatus": {"coding": [{"system": "urn:local", "code": "7"}]}}, (1, True, False)),
        ({"clinicalStatus": {"text": "Inactive"}}, (1, False, True)),
        ({"verificationStatus": {"coding": [{"code": "9", "display": "Entered in Error"}]}}, (0, None, None)),
        ({"verificationStatus": "entered_in_error"}, (0, None, None)),
        ({"verificationStatus": {"coding": [{"code": "9", "display": "Reviewed"}]}}, (1, True, True)),
    ],
)
def test_a_status_in_a_local_code(statuses: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """A local status is read by the words of FHIR beside it; one that is not understood never ends an allergy."""
    facts = facts_of(**statuses)
    told = [(allergy.active, allergy.status_clear) for allergy in facts.allergies] or [(None, None)]
    assert (len(facts.allergies), *told[0]) == expected


def test_notes_are_kept() -> None:
    """The texts of notes are read: the agent may stand in one of them only."""
    assert the_allergy(note=[{"text": "IV contrast"}, None, {"authorString": "x"}, {"text": "2019"}]).notes == (
        "IV contrast",
        "2019",
    )


@pytest.mark.parametrize(
    ("fields", "date"),
    [({"recordedDate": "2019-05"}, "2019-05"), ({"onsetDateTime": "2018"}, "2018"), ({"recordedDate": "once"}, None)],
)
def test_the_date_of_an_allergy(fields: dict[str, str], date: str | None) -> None:
    """The date is when it was recorded, else when it began."""
    recorded = the_allergy(**fields).recorded
    assert (recorded.text if recorded else None) == date


@pytest.mark.parametrize(
    "broken",
    [
        {"code": "contrast"},
        {"note": [{"text": 5}]},
        {"clinicalStatus": 1},
        {"criticality": ["high"]},
        {"reaction": {"severity": "severe"}},
        {"reaction": [{"severity": 3}]},
        {"reaction": [{"manifestation": "hives"}]},
        {"reaction": [None]},
        {"reaction": [{"modifierExtension": [{"url": "https://example.org/x"}]}]},
        {"modifierExtension": [{"url": "https://example.org/x"}]},
    ],
)
def test_an_allergy_that_can_not_be_read_is_a_gap(broken: dict[str, Any]) -> None:
    """A wrong type, or a modifier that is not understood, leaves the allergies incomplete and names the resource."""
    facts = facts_of(**broken)
    assert (facts.allergies, "allergies" in facts.complete) == ((), False)
    (gap,) = facts.unavailable
    assert (gap.data, gap.reference) == ("allergies", "AllergyIntolerance/1")
    assert gap.reason.key in ("unreadable-resource", "unreadable-member")
