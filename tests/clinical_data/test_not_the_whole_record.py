"""Data that look complete and are not: withheld, moved, ended in the future, given twice. Never read as absent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import pytest

from cds_service.answer import answer
from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.fhir_peer import running_peer
from tests.support.waiting import PATIENCE

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ORDER = drafts(an_order("uterine fibroid embolization"))
SUBJECT = {"reference": "Patient/pat-1"}
PENICILLIN = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": SUBJECT,
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "764146007", "display": "Penicillin"}]},
}
IOHEXOL = {**PENICILLIN, "id": "a2", "code": {"text": "Iohexol"}}


def psychosis(**fields: Any) -> dict[str, Any]:
    """A recorded schizophrenia."""
    code = {"coding": [{"system": ICD, "code": "F20.9"}]}
    return {"resourceType": "Condition", "id": "c1", "subject": SUBJECT, "code": code, **fields}


def entries(*resources: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The answer to a search."""
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}
    return bundle | fields


def said(knowledge: Knowledge, now: datetime, row: str, body: bytes | None = None, **prefetch: Any) -> str:
    """What the decision says of one row."""
    call = a_call(context=ORDER, prefetch=NOTHING_RECORDED | prefetch)
    request = read_request("ir-order-sign", body or orjson.dumps(call))
    found = answer(request, knowledge, now=now, new_id=lambda: "id")
    rows = {r["id"]: r["certainty"] for r in found.decision["procedures"][0]["contraindications"]}
    if rows[row] == "unknown":
        assert found.cards, "what could not be read is told"
    return str(rows[row])


def tagged(resource: dict[str, Any], place: str, code: str) -> dict[str, Any]:
    """The resource with a label in its meta."""
    return resource | {
        "meta": {place: [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": code}]}
    }


@pytest.mark.parametrize(("place", "code"), [("security", "REDACTED"), ("tag", "SUBSETTED"), ("security", "MASKED")])
def test_a_withheld_part_may_be_the_one_that_matters(
    place: str, code: str, knowledge: Knowledge, now: datetime
) -> None:
    """An allergy of which a part was withheld may be any allergy; what it still says counts."""
    assert said(knowledge, now, "iodine-allergy", allergies=entries(tagged(PENICILLIN, place, code))) == "unknown"
    assert said(knowledge, now, "iodine-allergy", allergies=entries(tagged(IOHEXOL, place, code))) == "present"


def test_a_replaced_patient_may_have_left_everything_elsewhere(knowledge: Knowledge, now: datetime) -> None:
    """Nothing found for a patient whose record was replaced by another one proves nothing."""
    replaced = {
        "resourceType": "Patient",
        "id": "pat-1",
        "link": [{"type": "replaced-by", "other": {"reference": "Patient/2"}}],
    }
    assert said(knowledge, now, "iodine-allergy", patient=replaced) == "unknown"
    assert said(knowledge, now, "severe-mental-illness", patient=replaced) == "unknown"


@pytest.mark.parametrize("kind", ["history", "message", "batch-response", "transaction-response", "document"])
def test_a_bundle_that_answers_no_search_proves_nothing(kind: str, knowledge: Knowledge, now: datetime) -> None:
    """An empty Bundle of a type that is no answer to a search leaves the question open."""
    assert said(knowledge, now, "iodine-allergy", allergies={"resourceType": "Bundle", "type": kind}) == "unknown"


def test_an_allergy_inside_an_included_list_is_not_passed_over(knowledge: Knowledge, now: datetime) -> None:
    """A List that holds the allergies itself is not read, and that is said."""
    included = {"resourceType": "List", "id": "l", "status": "current", "mode": "working", "contained": [IOHEXOL]}
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": included, "search": {"mode": "include"}}],
    }
    assert said(knowledge, now, "iodine-allergy", allergies=bundle) == "unknown"


@pytest.mark.parametrize(
    "abatement",
    [
        {"abatementDateTime": "2031-01-01"},
        {"abatementString": "ongoing"},
        {"abatementString": "No"},
        {"abatementPeriod": {}},
        {"abatementPeriod": {"start": "2026-01-01"}},
        {"abatementDateTime": "soon"},
    ],
)
def test_a_condition_that_has_not_ended_counts(abatement: dict[str, Any], knowledge: Knowledge, now: datetime) -> None:
    """An abatement in the future, in words, or without an end does not make a condition inactive."""
    assert said(knowledge, now, "severe-mental-illness", conditions=entries(psychosis(**abatement))) == "present"


def test_members_given_twice_are_not_lost_unseen(knowledge: Knowledge, now: datetime) -> None:
    """A resource that gives its code twice is unreadable: a decoder would keep one of the two."""
    twice = orjson.dumps(PENICILLIN)[:-1] + b',"code":{"text":"Penicillin"}}'
    whole = orjson.dumps(a_call(context=ORDER, prefetch=NOTHING_RECORDED | {"allergies": entries(PENICILLIN)}))
    body = whole.replace(orjson.dumps(PENICILLIN), twice)
    assert body != whole
    assert said(knowledge, now, "iodine-allergy", body) == "unknown"


OLDER, NEWER = ({"meta": {"lastUpdated": f"2026-0{month}-01T10:00:00Z"}} for month in (1, 2))
IN_ERROR = {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}


@pytest.mark.parametrize(("first", "second", "expected"), [({}, IN_ERROR, "absent"), (IN_ERROR, {}, "present")])
def test_of_two_versions_the_newer_counts(
    first: dict[str, Any], second: dict[str, Any], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """An allergy that was entered in error later is none; one that was reinstated later is one."""
    both = [IOHEXOL | first | OLDER, IOHEXOL | second | NEWER]
    assert said(knowledge, now, "iodine-allergy", allergies=entries(*both)) == expected
    assert said(knowledge, now, "iodine-allergy", allergies=entries(*reversed(both))) == expected


def test_of_two_versions_without_a_date_both_count(knowledge: Knowledge, now: datetime) -> None:
    """Where it can't be told which version is newer, an allergy in either of them counts."""
    assert said(knowledge, now, "iodine-allergy", allergies=entries(PENICILLIN, IOHEXOL | {"id": "a1"})) == "present"


def test_a_total_of_an_earlier_page_is_not_forgotten(knowledge: Knowledge, now: datetime) -> None:
    """Where the last page gives no total, that of the page before says how many there are."""
    with running_peer(page_size=1) as peer:
        peer.resources = [{"resourceType": "Patient", "id": "pat-1"}, PENICILLIN, {**PENICILLIN, "id": "a3"}]
        peer.faults["AllergyIntolerance"] = _loses_the_second_page(peer)
        call = a_call(context=ORDER, prefetch={}, fhirServer=peer.base)
        fhir = FhirServers(FetchLimits(deadline=PATIENCE))
        found = answer(
            read_request("ir-order-sign", orjson.dumps(call)), knowledge, now=now, new_id=lambda: "id", fhir=fhir
        )
    rows = {r["id"]: r["certainty"] for r in found.decision["procedures"][0]["contraindications"]}
    assert rows["iodine-allergy"] == "unknown"


def _loses_the_second_page(peer: Any) -> Callable[[Any], Any]:
    answers = iter(
        [
            entries(PENICILLIN, total=2, link=[{"relation": "next", "url": f"{peer.base}/AllergyIntolerance?page=2"}]),
            {"resourceType": "Bundle", "type": "searchset"},
        ]
    )

    def reply(exchange: Any) -> Any:
        return exchange.send(200, orjson.dumps(next(answers, {"resourceType": "Bundle", "type": "searchset"})))

    return reply


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_patient_who_is_refused_proves_no_empty_search(status: int, knowledge: Knowledge, now: datetime) -> None:
    """Where the server does not give the patient and finds nothing at all, nothing is known to be absent."""
    with running_peer() as peer:
        peer.resources = []
        peer.faults["Patient"] = lambda exchange: exchange.send(status, b"{}")
        call = a_call(context=ORDER, prefetch={}, fhirServer=peer.base)
        fhir = FhirServers(FetchLimits(deadline=PATIENCE))
        found = answer(
            read_request("ir-order-sign", orjson.dumps(call)), knowledge, now=now, new_id=lambda: "id", fhir=fhir
        )
    rows = {r["certainty"] for r in found.decision["procedures"][0]["contraindications"]}
    assert rows == {"unknown"}
