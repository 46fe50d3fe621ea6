"""Profiles of results: each rule is made from the tables, and so are the results that meet it and that break it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.load import PROFILES, TABLES
from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.value_sets import rules_of
from cds_service.profiles.definitions import Definitions, core_resources
from cds_service.profiles.validate import shipped_definitions, validate
from cds_service.profiles.vital_signs import vital_sign_profiles
from cds_service.publishing.bindings import labs_by_row
from cds_service.publishing.package import make_definitions
from cds_service.publishing.sources import Sources, read_sources, shipped_sources
from tests.package.conftest import constraint_of
from tests.package.test_agreement import unusable
from tests.support.tables import put

BASE = "https://example.org/ir-cds/fhir/StructureDefinition/"
SHIPPED = shipped_sources()
READ = {f"{row}: {lab.id}": (row, lab) for row, labs in labs_by_row(SHIPPED.knowledge).items() for lab in labs}
MEASURED = {name: (row, lab) for name, (row, lab) in READ.items() if not lab.coded}
IN_RANGE = {name: (row, lab) for name, (row, lab) in MEASURED.items() if (lab.lowest, lab.highest) != (None, None)}
ANSWERED = {name: (row, lab) for name, (row, lab) in READ.items() if lab.coded}

NEW_ROW = """
[[contraindication]]
id = "trial-of-a-row"
label = "A row on trial"
status = "active"
problem = "treatment"
source = "a test"

[[contraindication.criterion]]
id = "trial-question"
kind = "lab"
label = "few platelets"
status = "active"
threshold = "platelets-high-risk"
indicator = "warning"
advice = ["anaesthesia"]
"""


def a_result(lab: Lab, sources: Sources = SHIPPED, **value: Any) -> dict[str, Any]:
    """A final result with the first LOINC code of a lab."""
    rules = rules_of(sources.rows.value_sets[lab.value_set])[0]
    code = next(rule.code for rule in rules if rule.system == "http://loinc.org")
    return {
        "resourceType": "Observation",
        "id": "made",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026-11-20T08:15:00+01:00",
        **value,
    }


def quantity(lab: Lab, value: float, unit: str | None = None) -> dict[str, Any]:
    """A value in the unit of the table, or in another one."""
    return {"valueQuantity": {"value": value, "unit": unit or lab.unit}}


def true_value(lab: Lab) -> float:
    """A number that can be true, in the unit of the table."""
    low = lab.lowest if lab.lowest is not None else min(0, lab.highest or 0)
    return float((low + (lab.highest if lab.highest is not None else low + 2)) / 2)


def broken(row: str, resource: Mapping[str, Any]) -> set[str]:
    """The errors of a result under the profile of a row: the constraint, or the kind of rule.

    What R4 asks of a vital sign besides, such as its category, is left out.
    """
    vital = set(vital_sign_profiles(shipped_definitions(), resource))
    key = SHIPPED.rows.contraindications[row].get("result_profile", f"ir-{row}-result")
    found = [issue for issue in validate(resource, [BASE + key]) if issue.profile not in vital]
    return {constraint_of(issue) or issue.code for issue in found if issue.is_error}


@pytest.mark.parametrize(("row", "lab"), MEASURED.values(), ids=MEASURED.keys())
def test_a_number_in_the_unit_of_the_table_is_judged(row: str, lab: Lab, knowledge: Knowledge) -> None:
    """A result in the unit of the table meets the profile of its row, and the service can use it."""
    result = a_result(lab, **quantity(lab, true_value(lab)))
    assert (broken(row, result), unusable(result, knowledge)) == (set(), False)


@pytest.mark.parametrize(("row", "lab"), MEASURED.values(), ids=MEASURED.keys())
def test_a_number_in_a_foreign_unit_is_an_error(row: str, lab: Lab, knowledge: Knowledge) -> None:
    """A result in a unit that the table does not convert breaks the rule of its lab, and the service can't use it."""
    result = a_result(lab, **quantity(lab, true_value(lab), "furlong"))
    assert (broken(row, result), unusable(result, knowledge)) == ({f"ir-unit-{lab.id}"}, True)


@pytest.mark.parametrize(("row", "lab"), IN_RANGE.values(), ids=IN_RANGE.keys())
def test_a_number_that_cannot_be_true_is_an_error(row: str, lab: Lab, knowledge: Knowledge) -> None:
    """A result outside the widest range of its lab breaks the rule of its lab, and the service can't use it."""
    value = lab.lowest - 1 if lab.highest is None else lab.highest + 1
    result = a_result(lab, **quantity(lab, float(value)))
    assert (broken(row, result), unusable(result, knowledge)) == ({f"ir-range-{lab.id}"}, True)


@pytest.mark.parametrize(("row", "lab"), ANSWERED.values(), ids=ANSWERED.keys())
def test_a_number_where_the_answer_is_a_code_is_an_error(row: str, lab: Lab, knowledge: Knowledge) -> None:
    """A number breaks the rule of a lab that is answered by a code, and the service can't use it."""
    result = a_result(lab, valueQuantity={"value": 3, "unit": "1"})
    assert (broken(row, result), unusable(result, knowledge)) == ({f"ir-answer-{lab.id}"}, True)


def test_a_result_that_the_row_does_not_read_is_an_error() -> None:
    """The profile of a row is for the codes of its own labs: an INR is no result of the kidney."""
    assert "code-invalid" in broken("kidney-failure", a_result(SHIPPED.knowledge.labs["inr"], valueInteger=1))


def test_each_row_that_reads_labs_has_a_profile_and_only_those(definitions: dict[str, dict[str, Any]]) -> None:
    """A reader finds the profile of each row that reads labs, bound to the labs of that row."""
    bound = {
        element["binding"]["valueSet"].rpartition("/labs-")[2]
        for resource in definitions.values()
        if resource.get("baseDefinition") == BASE + "ir-result"
        for element in resource["snapshot"]["element"]
        if element["id"] == "Observation.code"
    }
    assert bound == {row for row, _ in READ.values()}


def test_snapshot_and_differential_say_the_same(definitions: dict[str, dict[str, Any]]) -> None:
    """The snapshot of a made profile is the one of its base with its differential laid over it, and nothing else."""
    structures = {r["url"]: r for r in definitions.values() if r["resourceType"] == "StructureDefinition"}
    base = structures[BASE + "ir-result"]
    for profile in (r for r in structures.values() if r["baseDefinition"] == base["url"]):
        laid = {e["id"]: e for e in profile["differential"]["element"]}
        for before, after in zip(base["snapshot"]["element"], profile["snapshot"]["element"], strict=True):
            over = laid.get(before["id"], {})
            expected = before | over
            if "constraint" in over:
                expected["constraint"] = before["constraint"] + over["constraint"]
            assert after == expected


@pytest.fixture(scope="module")
def with_a_new_row(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The tables with one more row that reads a lab, and nothing else changed."""
    folder = tmp_path_factory.mktemp("tables")
    for source, name in ((TABLES, "knowledge"), (PROFILES, "fhir_profiles")):
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.py*", "__*"))
    table = folder / "knowledge" / "contraindications.toml"
    put(table, table.read_text("utf-8") + NEW_ROW)
    return read_sources(folder / "fhir_profiles", folder / "knowledge")


def test_a_new_row_needs_nothing_but_the_row(with_a_new_row: Sources) -> None:
    """A row that is added to the table is a profile, a value set, codes and part of the plans, with no other edit."""
    before, after = make_definitions(SHIPPED), make_definitions(with_a_new_row)
    assert set(after) - set(before) == {
        "structure_definitions/ir-trial-of-a-row-result.json",
        "binding_sets/labs-trial-of-a-row.json",
    }
    changed = {name for name in before if before[name] != after[name]}
    assert {name for name in changed if not name.startswith("plan_definitions/")} == {
        "code_systems/card-topics.json",
        "code_systems/contraindications.json",
    }
    assert "plan_definitions/tips.json" in changed


def test_the_profile_of_a_new_row_is_held_against_results(with_a_new_row: Sources) -> None:
    """The profile of the new row lets a platelet count pass, and refuses one without a unit and another lab."""
    known = Definitions([*core_resources(), *make_definitions(with_a_new_row).values()])
    labs = with_a_new_row.knowledge.labs

    def faults(result: Mapping[str, Any]) -> list[str | None]:
        issues = validate(result, [f"{BASE}ir-trial-of-a-row-result"], known)
        return [constraint_of(issue) for issue in issues if issue.is_error]

    assert faults(a_result(labs["platelets"], **quantity(labs["platelets"], 200))) == []
    assert faults(a_result(labs["platelets"], valueQuantity={"value": 200})) == ["ir-unit-platelets"]
    assert faults(a_result(labs["inr"], valueInteger=1)) == [None]
