"""Every good example passes our validator, every bad one fails for the reason that it names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.package.conftest import BAD_INDEX, bad_example, constraint_of, good_examples, of_type
from tests.support.samples import sample

profiles = pytest.importorskip("cds_service.profiles.validate")

STRUCTURE = "https://example.org/ir-cds/fhir/StructureDefinition/"
GOOD = good_examples()
BAD = {entry["file"]: entry for entry in BAD_INDEX}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_example_has_no_problem(name: str) -> None:
    """A good example breaks neither an error nor a warning of its profile, and no rule of FHIR."""
    issues = profiles.validate(GOOD[name], GOOD[name].get("meta", {}).get("profile", []))
    ours = [i for i in issues if i.severity == "warning" and (constraint_of(i) or "").startswith("ir-")]
    assert [i for i in issues if i.severity in ("error", "fatal")] + ours == []


@pytest.mark.parametrize("file", BAD)
def test_a_bad_example_fails_for_the_reason_that_it_names(file: str) -> None:
    """The named rule is broken at the named place, and no other error is reported."""
    entry = BAD[file]
    issues = profiles.validate(bad_example(file), [STRUCTURE + entry["profile"]])
    named = {entry.get("constraint"), *entry.get("also", ())}
    expected = [i for i in issues if _is_it(i, entry)]
    assert expected, issues
    others = [
        i for i in issues if i.severity == "error" and i not in expected and constraint_of(i) not in named - {None}
    ]
    assert others == []


def _is_it(issue: Any, entry: dict[str, Any]) -> bool:
    """Whether an issue is the expected one: its invariant, or its type and the element that it names."""
    if issue.severity != entry["severity"] or not issue.expression.startswith(entry["expression"]):
        return False
    if "constraint" in entry:
        return bool(constraint_of(issue) == entry["constraint"])
    return issue.code == entry["code"] and entry.get("names", "") in f"{issue.expression} {issue.message}"


@pytest.mark.slow
@pytest.mark.sampled
def test_the_definitions_themselves_are_valid(definitions: dict[str, dict[str, Any]]) -> None:
    """No definition of the package breaks a rule of FHIR; of those that are made of rows alike, of every sixth row."""
    kinds = {"ValueSet": 6, "PlanDefinition": 6}
    kinds |= dict.fromkeys(("CodeSystem", "ConceptMap", "StructureDefinition", "ImplementationGuide"), 1)
    wrong = {
        f"{kind}/{key}": errors
        for kind, each in kinds.items()
        for key, resource in sample(list(of_type(definitions, kind).items()), each)
        if (errors := [i for i in profiles.validate(resource, []) if i.severity in ("error", "fatal")])
    }
    assert wrong == {}
