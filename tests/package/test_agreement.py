"""The profiles say what the service needs: an error is what it can't judge, a warning is what it still can."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cds_service.findings.allergy_list import allergies_of
from cds_service.findings.chart import chart_of
from cds_service.findings.evaluate import evaluate
from cds_service.findings.lab_results import book_of
from cds_service.knowledge.load import PROFILES
from cds_service.knowledge.tables import Knowledge
from tests.package.conftest import BAD_INDEX, bad_example, constraints, good_examples, of_type
from tests.support.reading import read

JUDGED = {
    "Condition": "conditions",
    "AllergyIntolerance": "allergies",
    "Observation": "observations",
    "ServiceRequest": "orders",
}
# Invariants and modifiers; the other rules are FHIR's own, or say which profile a resource is of.
ERRORS = [
    e["file"]
    for e in BAD_INDEX
    if e["severity"] == "error" and ("constraint" in e or e["file"].startswith("structure--"))
]
WARNINGS = [e["file"] for e in BAD_INDEX if e["severity"] == "warning" and e["profile"] != "ir-patient"]
# By what they say, these are not judged at all, and nothing is missed by that.
PASSED_OVER = ("ir-result-counts", "ir-order-wanted")


def unusable(resource: dict[str, Any], knowledge: Knowledge) -> bool:
    """Whether the service can't use a resource, so that what rests on it is unknown or not judged."""
    kind = resource["resourceType"]
    facts = read(**{JUDGED[kind]: [resource]})
    if facts.unavailable:
        return True
    if kind == "Condition":
        return bool(
            chart_of(facts, knowledge).unread_for(condition.value_set for condition in knowledge.conditions.values())
        )
    if kind == "AllergyIntolerance":
        return bool(allergies_of(facts, knowledge).unread)
    if kind == "Observation":
        return not any(book_of(facts, knowledge).results.values()) or not facts.observations[0].concept.codings
    return _is_lost(facts, knowledge)


def _is_lost(facts: Any, knowledge: Knowledge) -> bool:
    """An order that is not recognized, or whose reason can't be read."""
    order = evaluate(facts, knowledge).orders[0]
    return order.procedure is None or order.indication == "unknown"


@pytest.mark.parametrize("file", ERRORS)
def test_an_error_is_what_the_service_cannot_judge(file: str, knowledge: Knowledge) -> None:
    """A resource that breaks an error of its profile is one that the service does not judge."""
    assert unusable(bad_example(file), knowledge)


@pytest.mark.parametrize("file", WARNINGS)
def test_a_warning_is_what_the_service_still_judges(file: str, knowledge: Knowledge) -> None:
    """A resource that breaks only a warning can be used, or is rightly passed over."""
    assert unusable(bad_example(file), knowledge) == file.startswith(PASSED_OVER)


GOOD = {
    name: r
    for name, r in good_examples().items()
    if r["resourceType"] in JUDGED and name not in ("platelets-not-done.json", "fibroid-embolization.json")
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_example_is_judged(name: str, knowledge: Knowledge) -> None:
    """What meets its profile, the service can use."""
    assert not unusable(GOOD[name], knowledge)


def test_the_good_order_is_judged_with_its_condition(knowledge: Knowledge) -> None:
    """The order of the examples is recognized, and the condition that it names is its reason."""
    good = good_examples()
    facts = read(orders=[good["fibroid-embolization.json"]], conditions=[good["uterine-fibroid.json"]])
    (order,) = evaluate(facts, knowledge).orders
    assert order.procedure is not None
    assert [(f.indication.id, str(f.certainty)) for f in order.indications] == [
        ("uterine-fibroids", "present"),
        ("adenomyosis-ufe", "absent"),
    ]


def test_every_lab_of_a_row_is_in_a_profile(definitions: dict[str, dict[str, Any]], knowledge: Knowledge) -> None:
    """Each lab that a limit reads is bound by the profile of its row, with a rule for its unit or answer."""
    limits = [c.question.limit for row in knowledge.contraindications for c in row.criteria if c.question.limit]
    labs = [knowledge.labs[limit.lab] for limit in limits]
    keys = {c["key"] for c in constraints(of_type(definitions, "StructureDefinition").values())}
    wanted = {f"ir-{'answer' if lab.coded else 'unit'}-{lab.id}" for lab in labs if lab.value_set}
    assert wanted <= keys


def test_every_constraint_has_a_bad_example_and_every_profile_a_good_one(
    definitions: dict[str, dict[str, Any]], by_hand: dict[str, dict[str, Any]]
) -> None:
    """No rule written by hand is without an example that breaks it, no such profile without one that meets it.

    Rules made from the tables are broken by results made from the tables: test_result_profiles.py.
    """
    profiles = of_type(definitions, "StructureDefinition")
    severities = {c["key"]: c["severity"] for c in constraints(profiles.values())}
    broken = {e["constraint"]: e["severity"] for e in BAD_INDEX if "constraint" in e}
    assert broken.items() <= severities.items()
    assert {c["key"] for c in constraints(by_hand.values())} <= set(broken)
    met = {url.rpartition("/")[2] for r in good_examples().values() for url in r.get("meta", {}).get("profile", ())}
    assert set(by_hand) - {"ir-result", "code-relation"} <= met <= set(profiles)


def test_the_index_of_bad_examples_is_whole() -> None:
    """Every bad file is in the index once, claims the profile that it breaks, and has the name of its reason."""
    files = [e["file"] for e in BAD_INDEX]
    assert sorted(files) == sorted(p.name for p in (PROFILES / "examples/bad").glob("*.json"))
    for entry in BAD_INDEX:
        resource = bad_example(entry["file"])
        assert entry["file"].startswith((entry.get("constraint") or entry["code"]) + "--")
        assert [url.rpartition("/")[2] for url in resource["meta"]["profile"]] == [entry["profile"]]
        assert entry["expression"].split(".")[0] == resource["resourceType"]


def test_every_constraint_is_in_the_docs(definitions: dict[str, dict[str, Any]]) -> None:
    """An integrator who meets a constraint's id in an outcome finds it in the docs, with its severity."""
    page = (PROFILES.parent / "docs" / "fhir-package.md").read_text("utf-8").splitlines()
    rows = [line.split("|") for line in page if line.startswith("| `ir-")]
    told = {(key, row[2].strip()) for row in rows for key in re.findall(r"`(ir-\S+)`", row[1])}
    held = {
        (re.sub(r"^(ir-(?:unit|range|answer)-).*", r"\1<lab>", c["key"]), c["severity"])
        for c in constraints(of_type(definitions, "StructureDefinition").values())
    }
    assert held <= told
    assert {key for key, severity in told if severity in ("error", "warning")} == {key for key, _ in held}
