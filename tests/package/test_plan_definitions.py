"""The published rules are the rules: held against what the service itself answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cds_service.knowledge.tables import Knowledge
from tests.package.conftest import of_type
from tests.support.judging import judge
from tests.support.shipped import shipped_knowledge

PROCEDURES = sorted(shipped_knowledge().procedures)
CONTRAINDICATIONS = "https://example.org/ir-cds/fhir/CodeSystem/contraindications"


def actions(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every action below a plan or an action."""
    for action in node.get("action", ()):
        yield action
        yield from actions(action)


def of_system(plan: dict[str, Any], system: str) -> dict[str, dict[str, Any]]:
    """The actions that carry a code of a code system, by that code."""
    coded = ((coding, a) for a in actions(plan) for code in a.get("code", ()) for coding in code["coding"])
    return {coding["code"]: action for coding, action in coded if coding["system"] == system}


def test_every_procedure_has_a_plan(definitions: dict[str, dict[str, Any]]) -> None:
    """One PlanDefinition for each active procedure, with its name."""
    plans = of_type(definitions, "PlanDefinition")
    assert {key: plan["title"] for key, plan in plans.items()} == {
        key: procedure.label for key, procedure in shipped_knowledge().procedures.items()
    }


def test_the_plans_name_what_the_service_asks(
    definitions: dict[str, dict[str, Any]], knowledge: Knowledge, now: datetime
) -> None:
    """An order is answered with the rows that its plan names, and with no question that is not in the plan.

    Its indications are those of its plan, or of the plans of the procedures below it.
    """
    plans = of_type(definitions, "PlanDefinition")
    rows = {row.id for row in knowledge.contraindications}
    wrong = {}
    for procedure in PROCEDURES:
        named = of_system(plans[procedure], CONTRAINDICATIONS)
        answer = judge({"order": procedure}, knowledge, now)
        asked = [finding.contraindication.id for finding in answer.contraindications]
        strange = {f.criterion.id for row in answer.contraindications for f in row.criteria} - set(named)
        reasons = _reasons(procedure, plans)
        looked_for = {finding.indication.id for finding in answer.indications}
        # Of a list that is not complete, an order is answered only with what the record holds.
        is_whole = all(p.list_complete for p in answer.candidates)
        missing = reasons - looked_for if is_whole else set()
        if asked != [key for key in named if key in rows] or strange or looked_for - reasons or missing:
            wrong[procedure] = (asked, named, strange, looked_for ^ reasons)
    assert wrong == {}


def _reasons(procedure: str, plans: Mapping[str, Any]) -> set[str]:
    """The indications of a plan and of the plans that it names."""
    system = "https://example.org/ir-cds/fhir/CodeSystem/indications"
    below = [
        a["definitionCanonical"].rpartition("/")[2] for a in actions(plans[procedure]) if "definitionCanonical" in a
    ]
    return {reason for key in (procedure, *below) for reason in of_system(plans[key], system)}


def test_every_limit_is_published_with_its_source(definitions: dict[str, dict[str, Any]], knowledge: Knowledge) -> None:
    """Each question on a lab says the number, the unit, the oldest age and the guideline, grade and source."""
    plans = of_type(definitions, "PlanDefinition").values()
    published = {key: action for plan in plans for key, action in of_system(plan, CONTRAINDICATIONS).items()}
    criteria = [c for row in knowledge.contraindications for c in row.criteria]
    assert {c.id for c in criteria} <= set(published)
    for criterion in (c for c in criteria if c.question.limit):
        limit, action = criterion.question.limit, published[criterion.id]
        words = action["condition"][0]["expression"]
        assert words["language"] == "text/plain"
        assert words["expression"].startswith(f"{knowledge.labs[limit.lab].label} {limit.text}; ")
        source = action["documentation"][0]
        assert (source["display"], source["label"], source["citation"]) == (
            limit.guideline,
            f"Grade {limit.grade}",
            limit.source,
        )
        ages = {f["valueDuration"]["value"] for d in action["input"] for f in d.get("dateFilter", ())}
        assert ages == {limit.within_days}


def test_every_question_names_the_data_that_it_reads(definitions: dict[str, dict[str, Any]]) -> None:
    """Each question lists the value sets of its data, and each of them is in the package."""
    sets = {r["url"] for r in of_type(definitions, "ValueSet").values()}
    for plan in of_type(definitions, "PlanDefinition").values():
        for action in (a for a in actions(plan) if "condition" in a):
            assert action["input"], f"{plan['id']}: {action['id']}"
            assert {f["valueSet"] for data in action["input"] for f in data["codeFilter"]} <= sets


def test_element_ids_are_unique_in_a_plan(definitions: dict[str, dict[str, Any]]) -> None:
    """No two actions of a plan have the same id."""
    for plan in of_type(definitions, "PlanDefinition").values():
        ids = [action["id"] for action in actions(plan)]
        assert len(ids) == len(set(ids)), plan["id"]


def test_the_hooks_that_judge_a_procedure_are_its_events(definitions: dict[str, dict[str, Any]]) -> None:
    """Every rule names its events; patient-view raises those of procedures that it may offer, and no other."""
    plans = of_type(definitions, "PlanDefinition")
    events = {key: {t["name"] for a in plan["action"] for t in a["trigger"]} for key, plan in plans.items()}
    assert "order-sign" in set.intersection(*events.values())
    assert "patient-view" in events["tips"]
    assert "patient-view" not in events["percutaneous-biopsy"]


def test_no_sentence_has_an_open_place(definitions: dict[str, dict[str, Any]]) -> None:
    """What is published is whole: no template of the wording is left unfilled."""
    texts = [a.get("description", "") for p in of_type(definitions, "PlanDefinition").values() for a in actions(p)]
    assert [text for text in texts if "{" in text] == []
