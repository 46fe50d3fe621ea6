"""Profiles and service over every resource of the clinical cases: neither knows a fault that the other does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from cds_service.cases import request_of
from cds_service.knowledge.tables import Knowledge
from tests.package.conftest import constraint_of, of_type
from tests.package.test_agreement import unusable
from tests.support.samples import sample
from tests.support.shipped import shipped_cases

profiles = pytest.importorskip("cds_service.profiles.validate")

STRUCTURE = "https://example.org/ir-cds/fhir/StructureDefinition/"
GENERAL = {"Condition": "ir-condition", "AllergyIntolerance": "ir-allergy"}
PASSED_OVER = ("entered-in-error", "cancelled", "registered")


def resources(node: Any) -> Iterator[dict[str, Any]]:
    """Every condition, allergy and result in a request."""
    if isinstance(node, dict) and node.get("resourceType") in (*GENERAL, "Observation"):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from resources(child)


def profile_of(resource: Mapping[str, Any], knowledge: Knowledge, definitions: dict[str, dict[str, Any]]) -> str:
    """The profile for a resource: for a result, the one whose bound value sets hold its code, else the general one."""
    if resource["resourceType"] != "Observation":
        return STRUCTURE + GENERAL[resource["resourceType"]]
    codings = [c for c in resource.get("code", {}).get("coding", ()) if "system" in c and "code" in c]
    hits = {h.value_set for c in codings for h in knowledge.codes.lookup(c["system"], c["code"])}
    for profile in of_type(definitions, "StructureDefinition").values():
        code = next((e for e in profile["differential"]["element"] if e["id"] == "Observation.code"), {})
        bound = code.get("binding", {})
        if bound.get("strength") == "required":
            union = of_type(definitions, "ValueSet")[bound["valueSet"].rpartition("/")[2]]
            if hits & {url.rpartition("/")[2] for part in union["compose"]["include"] for url in part["valueSet"]}:
                return str(profile["url"])
    return STRUCTURE + "ir-result"


def is_expected(resource: Mapping[str, Any], knowledge: Knowledge) -> bool:
    """Whether a resource is rightly of no use: it does not count, says so itself, or is of no lab by its code.

    Of a result under a code that is not read, the profiles only say that it has one. Which words and codes of an
    allergy name an agent, the service alone knows.
    """
    if resource["resourceType"] == "AllergyIntolerance" and resource.get("code"):
        return True
    if resource.get("status") in PASSED_OVER or "dataAbsentReason" in resource:
        return True
    codings = [c for c in resource.get("code", {}).get("coding", ()) if "system" in c and "code" in c]
    labs = {lab.value_set for lab in knowledge.labs.values()}
    hits = {h.value_set for c in codings for h in knowledge.codes.lookup(c["system"], c["code"])}
    return resource["resourceType"] == "Observation" and bool(codings) and not hits & labs


def is_answered_in_words(resource: Mapping[str, Any], knowledge: Knowledge) -> bool:
    """Whether a result or problem says in words what the profiles want as a code; the service reads the words."""
    if resource["resourceType"] == "Condition":
        concept = resource.get("code", {})
        codings = concept.get("coding", ())
        is_coded = any(knowledge.codes.reads(c.get("system", ""), c.get("code", "")) for c in codings)
        texts = [concept.get("text", ""), *(coding.get("display", "") for coding in codings)]
        return not is_coded and any(knowledge.diagnosis_texts.read(text).known for text in texts)
    codings = [c for c in resource.get("code", {}).get("coding", ()) if "system" in c and "code" in c]
    hits = {h.value_set for c in codings for h in knowledge.codes.lookup(c["system"], c["code"])}
    return "valueString" in resource and bool(hits & {lab.value_set for lab in knowledge.labs.values() if lab.coded})


@pytest.mark.slow
@pytest.mark.sampled
def test_profiles_and_service_agree_on_the_clinical_cases(
    knowledge: Knowledge, now: datetime, definitions: dict[str, dict[str, Any]]
) -> None:
    """An error of a profile is never raised on what the service can use, and what it can't use is always an error."""
    found = [r for case in shipped_cases() for r in resources(request_of(case.row, now))]
    distinct = {json.dumps(r, sort_keys=True, default=str): r for r in found}
    cried_wolf, missed = [], []
    for resource in sample(list(distinct.values()), 3):
        issues = profiles.validate(resource, [profile_of(resource, knowledge, definitions)])
        errors = [constraint_of(issue) or issue.code for issue in issues if issue.severity in ("error", "fatal")]
        unused = unusable(resource, knowledge)
        if is_answered_in_words(resource, knowledge):
            continue
        cried_wolf += [resource for error in errors if error.startswith("ir-") and not unused]
        missed += [resource] if unused and not errors and not is_expected(resource, knowledge) else []
    assert (cried_wolf, missed) == ([], [])
    assert len(distinct) > 200
