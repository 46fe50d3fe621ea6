"""Observations with parts: panels, members, codes that say nothing, and what a broken part does to the others."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.clinical_data.retrieved import ClinicalData, RetrievedData
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import ObservationFact
from tests.support.reading import NOW, read, retrieved_of

LOINC = "http://loinc.org"


def code(*codes: str, text: str | None = None) -> dict[str, Any]:
    """A LOINC-coded concept."""
    concept: dict[str, Any] = {"coding": [{"system": LOINC, "code": c} for c in codes]} if codes else {}
    return concept | ({"text": text} if text else {})


def seen(*observations: dict[str, Any]) -> list[tuple[tuple[str, ...], str | None]]:
    """Codes of each fact, and its problem; a panel without a value of its own is left out."""
    facts = read(observations=[{"status": "final", "effectiveDateTime": "2026-11-20", **o} for o in observations])
    return [line for fact in facts.observations for line in _line(fact)]


def _line(fact: ObservationFact) -> list[tuple[tuple[str, ...], str | None]]:
    found = fact.measure()
    return [] if found is None else [(tuple(c.code for c in fact.concept.codings), found.problem)]


VALUE = {"valueQuantity": {"value": 42, "unit": "%"}}


def test_each_component_is_a_result() -> None:
    """A panel reports what its components say, each under its own code."""
    panel = {
        "code": code("58410-2"),
        "component": [{"code": code("777-3"), **VALUE}, {"code": code("6690-2"), **VALUE}],
    }
    assert seen(panel) == [(("777-3",), None), (("6690-2",), None)]


def test_a_value_beside_components() -> None:
    """An Observation may have a value of its own beside its components."""
    measurement = {"code": code("2708-6"), **VALUE, "component": [{"code": code("3151-8"), **VALUE}]}
    assert seen(measurement) == [(("2708-6",), None), (("3151-8",), None)]


def test_a_panel_of_members_reports_nothing_itself() -> None:
    """A panel that only points to its members has no value and misses none."""
    assert seen({"code": code("58410-2"), "hasMember": [{"reference": "Observation/2"}]}) == []


def test_a_panel_that_could_not_be_done() -> None:
    """A panel with a reason for having no value says so under its own code."""
    panel = {
        "code": code("777-3"),
        "dataAbsentReason": {"text": "clotted"},
        "component": [{"code": code("1-8"), **VALUE}],
    }
    assert seen(panel)[0] == (("777-3",), "data-absent")


@pytest.mark.parametrize("broken", [{"code": code("6690-2"), "valueQuantity": "42"}, {"code": 5}, "6690-2", None])
def test_a_broken_component_may_be_any_result(broken: Any) -> None:
    """Components that can't be read may report anything, so they are kept as a result without a code."""
    panel = {"code": code("58410-2"), "component": [{"code": code("777-3"), **VALUE}, broken]}
    assert ((), "unreadable-value") in seen(panel)


@pytest.mark.parametrize("nothing", [None, {}, {"coding": []}, {"coding": [{}]}, {"coding": [None]}, {"text": ""}])
def test_a_code_that_says_nothing_may_be_any_result(nothing: Any) -> None:
    """A result whose code says nothing may report anything; it is kept without a code."""
    assert seen({"code": nothing, **VALUE}) == [((), None)]


@pytest.mark.parametrize(
    "other", [{"text": "Body weight"}, {"coding": [{"code": "WT"}]}, {"coding": [{"display": "x"}]}]
)
def test_another_code_is_another_result(other: dict[str, Any]) -> None:
    """A result that says what it is, in words or a local code, is simply none of the labs."""
    data = ClinicalData(RetrievedData(), _holdings({"code": other, **VALUE}))
    assert extract(data, now=NOW, reads=lambda code: False).observations == ()


def _holdings(observation: dict[str, Any]) -> dict[str, RetrievedData]:
    return {
        "conditions": RetrievedData(),
        "allergies": RetrievedData(),
        "observations": retrieved_of("Observation", [{"status": "final", **observation}]),
    }


def test_an_unreadable_observation_blocks_only_its_own_code() -> None:
    """One Observation that can't be read keeps its code, is listed as a gap, and leaves the others as they are."""
    facts = read(
        observations=[
            {"status": "final", "code": code("777-3"), "effectiveDateTime": 5, **VALUE},
            {"status": "final", "code": code("6301-6"), "effectiveDateTime": "2026-11-20", **VALUE},
        ]
    )
    assert [(f.concept.codings[0].code, f.problem) for f in facts.observations] == [
        ("777-3", "unreadable-value"),
        ("6301-6", None),
    ]
    assert [(gap.data, gap.reference) for gap in facts.unavailable] == [("observations", "Observation/1")]
    assert "observations" in facts.complete
