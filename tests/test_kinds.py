"""The table of data kinds: what is asked for, what is not sent, and that every stage knows every kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import orjson
import pytest
from msgspec.structs import replace

from cds_service.answer import answer
from cds_service.clinical_data.gather import gather
from cds_service.clinical_data.retrieved import ClinicalData, RetrievedData
from cds_service.errors import TableError
from cds_service.facts.extract import extract
from cds_service.facts.patient_facts import PatientFacts
from cds_service.hooks.catalog import SERVICES, prefetch_templates, services_of
from cds_service.hooks.envelope import read_request
from cds_service.kinds import CLINICAL, KINDS, DataKind
from cds_service.knowledge.questions.question import DataNeed
from cds_service.knowledge.tables import Knowledge
from cds_service.profiles.definitions import BASE, core_resources
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.shipped import shipped_knowledge

TIPS = drafts(an_order("TIPS"))
ASKED_OF_EVERYTHING = drafts(an_order("TIPS"), an_order("catheter directed thrombolysis", "draft-2"))
"""Orders that between them put a question to every kind of data."""


def test_every_clinical_kind_becomes_facts() -> None:
    """Each clinical kind has a field of its name among the patient's facts."""
    assert {kind.key for kind in CLINICAL} <= set(PatientFacts.__struct_fields__)


def test_every_kind_has_words(knowledge: Knowledge) -> None:
    """Cards can name each kind of data, and say that it is missing in whole or in part."""
    wanted = [f"data.{key}" for key in KINDS]
    wanted += [f"reason.{reason.key}" for kind in CLINICAL for reason in (kind.unavailable, kind.incomplete)]
    assert [key for key in wanted if key not in knowledge.wording] == []


@pytest.mark.parametrize("kind", CLINICAL, ids=lambda kind: kind.key)
def test_code_and_time_are_elements_of_the_type(kind: DataKind) -> None:
    """A tool that follows a published rule finds the code, and a time if there is one, where the rule says they are."""
    structure = next(one for one in core_resources() if one["url"] == BASE + kind.resource_type)
    types = {
        element["path"].removesuffix("[x]"): {of["code"] for of in element.get("type", ())}
        for element in structure["snapshot"]["element"]
    }
    assert "CodeableConcept" in types[f"{kind.resource_type}.{kind.code_element}"]
    if kind.time_element or any(need.within_days for need in _needs_of(kind)):
        assert "dateTime" in types[f"{kind.resource_type}.{kind.time_element}"]


def _needs_of(kind: DataKind) -> Iterator[DataNeed]:
    knowledge = shipped_knowledge()
    for row in knowledge.contraindications:
        yield from (n for c in row.criteria for n in c.question.needs(knowledge) if n.kind == kind.key)


@pytest.mark.parametrize("kind", CLINICAL, ids=lambda kind: kind.key)
def test_a_kind_that_a_service_does_not_ask_for_was_not_sent(kind, knowledge: Knowledge, now: datetime) -> None:
    """A service that never asks for allergies leaves the allergy question unknown and says why; no call fails."""
    asked = tuple(key for key in SERVICES["ir-order-sign"].prefetch_keys if key != kind.key)
    service = replace(SERVICES["ir-order-sign"], prefetch_keys=asked)
    request = read_request(
        "ir-order-sign", orjson.dumps(a_call(context=ASKED_OF_EVERYTHING, prefetch=NOTHING_RECORDED))
    )
    found = answer(dataclasses.replace(request, service=service), knowledge, now=now, new_id=lambda: "id")
    rows = [row for entry in found.decision["procedures"] for row in entry["contraindications"]]
    said = {criterion["id"]: criterion["certainty"] for row in rows for criterion in row.get("criteria", ())}
    reading = {c.id for row in knowledge.contraindications for c in row.criteria if kind.key == c.question.DATA}
    assert reading & set(said) or not reading
    assert {said[name] for name in reading & set(said)} <= {"unknown"}
    assert kind.key in {gap["data"] for gap in found.decision["unavailable"]}
    assert found.cards


def test_facts_of_nothing_at_all(now: datetime) -> None:
    """Data of which no kind was even asked for give facts that are complete in nothing."""
    facts = extract(ClinicalData(RetrievedData(), {}), now=now)
    assert (facts.complete, facts.obtained) == (frozenset(), frozenset())
    assert {gap.data for gap in facts.unavailable} == {kind.key for kind in CLINICAL}


def test_a_service_that_asks_for_no_kind_is_refused() -> None:
    """A catalog row with a prefetch key that is no kind of data stops the start, with row and remedy."""
    row = {"id": "ir-new", "hook": "order-sign", "title": "t", "description": "d", "focus": "none", "usage": "u"}
    with pytest.raises(TableError, match=r'catalog.toml: "ir-new", prefetch names "alergies".*allergies'):
        services_of([row | {"prefetch": ["patient", "alergies"]}])


def test_what_is_sent_is_of_the_kind_that_was_asked_for(now: datetime) -> None:
    """Under each prefetch key only the resource type of its kind counts; another one leaves the kind unavailable."""
    for kind in CLINICAL:
        other = {"resourceType": "Basic", "id": "b", "subject": {"reference": "Patient/pat-1"}}
        sent = NOTHING_RECORDED | {
            kind.key: {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": other}]}
        }
        data = gather(read_request("ir-order-sign", orjson.dumps(a_call(context=TIPS, prefetch=sent))))
        assert not data.retrieved(kind.key).complete


def test_a_kind_that_is_searched_by_codes_is_not_asked_for_without_them() -> None:
    """A template with a place for codes is left out where the tables read none: it would bring the whole record."""
    by_codes = {key for key, kind in KINDS.items() if "{{CODES}}" in kind.template}
    assert by_codes
    assert by_codes.isdisjoint(prefetch_templates(SERVICES["ir-order-sign"], {}))


def test_the_integrator_is_told_every_scope():
    """docs/integration.md lists each resource type that is searched or read, so that a token covers all of them."""
    page = Path("docs/integration.md").read_text("utf-8")
    told = page.partition("- Scopes:")[2].partition("\n- ")[0]
    asked = {name for kind in KINDS.values() for name in (kind.resource_type, *kind.also_asked)}
    asked |= {"Medication" for kind in KINDS.values() if kind.include}
    assert {name for name in asked if f"`{name}`" not in told} == set()
