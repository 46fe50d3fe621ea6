"""ConceptMaps against their value sets, and MeasureReports against their Measure."""

from __future__ import annotations

from typing import Any

import pytest

from tests.profiles.resources import Json, coded, rules

FROM, TO = "http://x.org/from", "http://x.org/to"


def of_codes(url: str, *codes: str) -> Json:
    """A value set that lists codes of a system with its own URL."""
    include = {"system": f"{url}/codes", "concept": [{"code": code} for code in codes]}
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}


def concept_map(source: str, target: str, **more: Any) -> Json:
    """A map of one code to one other."""
    mapped = {"code": source, "target": [{"code": target, "equivalence": "equivalent"}]}
    return {
        "resourceType": "ConceptMap",
        "url": "http://x.org/map",
        "status": "active",
        "sourceCanonical": FROM,
        "targetUri": TO,
        "group": [{"source": f"{FROM}/codes", "target": f"{TO}/codes", "element": [mapped]}],
    } | more


MAPS: dict[str, tuple[Json, list[str]]] = {
    "of both value sets": (concept_map("a", "b"), []),
    "from another code": (concept_map("x", "b"), ["concept-map-code"]),
    "to another code": (concept_map("a", "x"), ["concept-map-code"]),
    "of value sets that are not at hand": (concept_map("x", "x", sourceCanonical=FROM + "2", targetUri=TO + "2"), []),
    "of contained value sets": (concept_map("x", "b", sourceCanonical="#from"), []),
    "one of HL7": (concept_map("x", "b", url="http://hl7.org/fhir/ConceptMap/x"), []),
}


@pytest.mark.parametrize(("resource", "expected"), MAPS.values(), ids=MAPS.keys())
def test_a_map_is_of_its_value_sets(resource: Json, expected: list[str]) -> None:
    """The codes on both sides of a ConceptMap are in its value sets, as far as these are known."""
    assert rules(resource, of_codes(FROM, "a"), of_codes(TO, "b")) == expected


POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"


def group(*populations: str, name: str | None = None, **count: int) -> Json:
    """A group with populations, and a code of its own."""
    listed = [{"code": coded(POPULATION, one), **count} for one in populations]
    return {"population": listed} | ({"code": coded("http://x.org", name)} if name else {})


def report(*groups: Json, measure: str = "http://x.org/measure") -> Json:
    """A MeasureReport."""
    period = {"start": "2020-01-01", "end": "2020-12-31"}
    shown = {"resourceType": "MeasureReport", "status": "complete", "type": "summary", "measure": measure}
    return shown | {"period": period, "group": list(groups)}


ONE = [group("numerator", "denominator")]
TWO = [group("numerator", name="a"), group("denominator", name="b")]
REPORTS: dict[str, tuple[list[Json], Json, list[str]]] = {
    "its populations": (ONE, report(group("numerator", "denominator", count=1)), []),
    "another population": (ONE, report(group("measure-population", count=1)), ["measure-population"]),
    "its groups": (TWO, report(group("denominator", name="b"), group("numerator", name="a")), []),
    "a population of the other group": (TWO, report(group("denominator", name="a")), ["measure-population"]),
    "another group": (TWO, report(group("numerator", name="c")), ["measure-group"]),
    "of a Measure that is not at hand": (ONE, report(group("x"), measure="http://x.org/other"), []),
}


@pytest.mark.parametrize(("groups", "resource", "expected"), REPORTS.values(), ids=REPORTS.keys())
def test_a_report_is_of_its_measure(groups: list[Json], resource: Json, expected: list[str]) -> None:
    """The groups and populations of a MeasureReport are those of its Measure, if that is available."""
    measure = {"resourceType": "Measure", "url": "http://x.org/measure", "status": "active", "group": groups}
    assert rules(resource, measure) == expected
