"""Every fault of a FHIR server in every kind of data: never an error of ours, never late, never a false all-clear."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import pytest

from cds_service.answer import Answer, answer
from cds_service.cases import request_of
from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.fhir_faults import HARMLESS, LOSING, Maker
from tests.support.fhir_peer import resources_of, running_peer
from tests.support.waiting import PATIENCE

DEADLINES = (0.4, 2.0, 10.0, 50.0)
"""Seconds that a call may take. What hangs costs all of them, so the first is short; the others are for a machine that
is too busy to read the rest of the data in it."""
KINDS = {
    "Patient": "patient",
    "Condition": "conditions",
    "AllergyIntolerance": "allergies",
    "Observation": "observations",
    "*": "all",
}
PATIENT: dict[str, Any] = {
    "order": "uterine-fibroid-embolization",
    "patient": {"birthDate": "1975-03-01", "gender": "female"},
    "conditions": ["icd-10-cm|D25.9", "icd-10-cm|F20.9"],
    "allergies": [{"text": "penicillin"}, {"code": "sct|395751002", "severity": "severe"}],
    "labs": [
        {"code": "loinc|6301-6", "value": 1.0, "unit": "{INR}"},
        {"code": "loinc|2160-0", "value": 0.7, "unit": "mg/dL"},
        {"code": "loinc|777-3", "value": 40, "unit": "10*9/L"},
    ],
}


def asked(
    knowledge: Knowledge, now: datetime, faults: Mapping[str, Maker], deadline: float = PATIENCE
) -> Answer | None:
    """The answer to a call that brings no data, only its server; None where nothing could be judged.

    The server's pages hold one entry, so that everything goes on over several of them. What hangs there hangs until
    the answer is given.
    """
    request = request_of(PATIENT, now)
    with running_peer(resources_of(request), page_size=1) as peer:
        peer.faults = {kind: maker(peer) for kind, maker in faults.items()}
        body = orjson.dumps({**request, "prefetch": {}, "fhirServer": peer.base})
        return answered("ir-order-sign", body, knowledge, now, FhirServers(FetchLimits(deadline=deadline), calls=4))


def answered(service: str, body: bytes, knowledge: Knowledge, now: datetime, fhir: FhirServers) -> Answer | None:
    """The answer, which comes long before a server that hangs lets go."""
    started = time.monotonic()
    try:
        found = answer(read_request(service, body), knowledge, now=now, new_id=lambda: "id", fhir=fhir)
        return None if found.nothing_judged else found
    finally:
        assert time.monotonic() - started < PATIENCE / 2 + max(DEADLINES), "the call waited for a server that hangs"


def rows(found: Answer) -> dict[str, str]:
    """Row -> certainty, of both tables."""
    (entry,) = found.decision["procedures"]
    return {row["id"]: row["certainty"] for table in ("indications", "contraindications") for row in entry[table]}


def gaps(found: Answer) -> set[str]:
    """The kinds of data that were unavailable."""
    return {gap["data"] for gap in found.decision.get("unavailable", [])}


@pytest.fixture(scope="module")
def whole(knowledge: Knowledge, now: datetime) -> dict[str, str]:
    """What the decision says when the server does as it should."""
    found = asked(knowledge, now, {})
    assert found is not None
    said = rows(found)
    assert {said[row] for row in ("iodine-allergy", "severe-mental-illness", "bleeding-tendency")} == {"present"}
    return said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOSING)
def test_what_a_server_keeps_back_is_never_an_all_clear(
    whole: dict[str, str], knowledge: Knowledge, now: datetime, name: str, kind: str
) -> None:
    """The answer comes in time, no row that had something to say falls silent, and a card says what was not checked."""
    for deadline in DEADLINES:
        found = asked(knowledge, now, {kind: LOSING[name]}, deadline)
        if found is not None:
            silent = {row for row, said in rows(found).items() if said == "absent" and whole[row] != "absent"}
            assert silent == set()
            assert b"stranger" not in orjson.dumps([found.decision, found.cards])
        if kind == "*" or (found is not None and gaps(found) <= {KINDS[kind]}):
            break  # else the machine was too busy for the rest of the data as well
    if kind == "*":
        return
    assert found is not None
    if kind != "Patient":
        assert gaps(found) == {KINDS[kind]}
        said = [card["summary"] + card["detail"] for card in found.cards]
        assert any("could not be read" in text or "could be read only in part" in text for text in said)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_server_makes_good_is_not_complained_of(
    whole: dict[str, str], knowledge: Knowledge, now: datetime, name: str, kind: str
) -> None:
    """Where everything came in the end, the decision is the whole one and nothing is called unchecked."""
    found = asked(knowledge, now, {kind: HARMLESS[name]})
    assert found is not None
    assert rows(found) == whole
    assert "unavailable" not in found.decision


@pytest.mark.parametrize("name", LOSING)
def test_a_dispatched_order_that_can_not_be_read_is_named(knowledge: Knowledge, now: datetime, name: str) -> None:
    """An order that is only named is judged where it could be read, and else a card says that it was not."""
    request = request_of(PATIENT, now)
    order = request["context"]["draftOrders"]["entry"][0]["resource"] | {"id": "order-1"}
    context = {"patientId": "p1", "dispatchedOrders": ["ServiceRequest/order-1"], "performer": "Organization/ir"}
    with running_peer([order]) as peer:
        peer.faults = {"ServiceRequest": LOSING[name](peer)}
        call = {"hook": "order-dispatch", "hookInstance": "i", "context": context, "fhirServer": peer.base}
        body = orjson.dumps({**call, "prefetch": request["prefetch"]})
        fhir = FhirServers(FetchLimits(deadline=DEADLINES[0]))
        found = answered("ir-order-dispatch", body, knowledge, now, fhir)
    assert found is not None
    (entry,) = found.decision["procedures"]
    assert entry["order"] == "ServiceRequest/order-1"
    if "procedure" not in entry:
        assert "orders" in gaps(found)
        assert found.cards
