"""Every fault of a FHIR server in every kind of data: never an error of ours, never late, never a false all-clear."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
import pytest

from cds_service.answer import Answer, answer
from cds_service.cli.cases import request_of
from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.fhir_faults import HARMLESS, LOSING, Maker
from tests.support.fhir_peer import Peer, resources_of, running_peer

DEADLINE = 0.4
KINDS = {
    "Patient": "patient",
    "Condition": "conditions",
    "AllergyIntolerance": "allergies",
    "Observation": "observations",
    "*": "all",
}
PATIENT: dict[str, Any] = {
    "order": "uterine-fibroid-embolization",
    "patient": {"birthDate": "1970-03-01", "gender": "female"},
    "conditions": ["icd-10-cm|D25.9", "icd-10-cm|F20.9"],
    "allergies": [{"text": "penicillin"}, {"code": "sct|395751002", "severity": "severe"}],
    "labs": [
        {"code": "loinc|6301-6", "value": 1.0, "unit": "{INR}"},
        {"code": "loinc|2160-0", "value": 0.7, "unit": "mg/dL"},
        {"code": "loinc|777-3", "value": 40, "unit": "10*9/L"},
    ],
}


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """A server whose pages hold one entry, so that everything goes on over several of them."""
    with running_peer(page_size=1) as running:
        yield running


def asked(peer: Peer, knowledge: Knowledge, now: datetime, deadline: float = 10) -> Answer | None:
    """The answer to a call that brings no data, only its server; None where nothing could be judged."""
    request = request_of(PATIENT, now)
    peer.resources = resources_of(request)
    peer.requests.clear()
    body = orjson.dumps({**request, "prefetch": {}, "fhirServer": peer.base})
    fhir = FhirServers(FetchLimits(deadline=deadline), calls=4)
    found = answer(read_request("ir-order-sign", body), knowledge, now=now, new_id=lambda: "id", fhir=fhir)
    return None if found.nothing_judged else found


def rows(found: Answer) -> dict[str, str]:
    """Row -> certainty, of both tables."""
    (entry,) = found.decision["procedures"]
    return {row["id"]: row["certainty"] for table in ("indications", "contraindications") for row in entry[table]}


@pytest.fixture(scope="module")
def whole(peer: Peer, knowledge: Knowledge, now: datetime) -> dict[str, str]:
    """What the decision says when the server does as it should."""
    peer.faults.clear()
    found = asked(peer, knowledge, now)
    assert found is not None
    said = rows(found)
    assert {said[row] for row in ("iodine-allergy", "severe-mental-illness", "bleeding-tendency")} == {"present"}
    return said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOSING)
def test_what_a_server_keeps_back_is_never_an_all_clear(
    peer: Peer, whole: dict[str, str], knowledge: Knowledge, now: datetime, name: str, kind: str
) -> None:
    """The answer comes in time, no row that had something to say falls silent, and a card says what was not checked."""
    peer.faults = {kind: LOSING[name](peer)}
    started = time.monotonic()
    found = asked(peer, knowledge, now, DEADLINE)
    assert time.monotonic() - started < DEADLINE + 1
    if found is None:
        assert kind == "*"
        return
    silent = {row for row, said in rows(found).items() if said == "absent" and whole[row] != "absent"}
    assert silent == set()
    if kind not in ("*", "Patient"):
        assert KINDS[kind] in {gap["data"] for gap in found.decision["unavailable"]}
        assert any("not checked" in card["summary"].lower() for card in found.cards)
    assert b"stranger" not in orjson.dumps([found.decision, found.cards])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_server_makes_good_is_not_complained_of(
    peer: Peer, whole: dict[str, str], knowledge: Knowledge, now: datetime, name: str, kind: str
) -> None:
    """Where everything came in the end, the decision is the whole one and nothing is called unchecked."""
    maker: Maker = HARMLESS[name]
    peer.faults = {kind: maker(peer)}
    found = asked(peer, knowledge, now)
    assert found is not None
    assert rows(found) == whole
    assert "unavailable" not in found.decision


@pytest.mark.parametrize("name", LOSING)
def test_a_dispatched_order_that_can_not_be_read_is_named(
    peer: Peer, knowledge: Knowledge, now: datetime, name: str
) -> None:
    """An order that is only named is judged where it could be read, and else a card says that it was not."""
    request = request_of(PATIENT, now)
    order = request["context"]["draftOrders"]["entry"][0]["resource"] | {"id": "order-1"}
    peer.resources = [order]
    peer.requests.clear()
    peer.faults = {"ServiceRequest": LOSING[name](peer)}
    context = {"patientId": "p1", "dispatchedOrders": ["ServiceRequest/order-1"], "performer": "Organization/ir"}
    call = {"hook": "order-dispatch", "hookInstance": "i", "context": context, "fhirServer": peer.base}
    body = orjson.dumps({**call, "prefetch": request["prefetch"]})
    fhir = FhirServers(FetchLimits(deadline=DEADLINE))
    found = answer(read_request("ir-order-dispatch", body), knowledge, now=now, new_id=lambda: "id", fhir=fhir)
    (entry,) = found.decision["procedures"]
    assert entry["order"] == "ServiceRequest/order-1"
    if "procedure" not in entry:
        assert "orders" in {gap["data"] for gap in found.decision["unavailable"]}
        assert found.cards
