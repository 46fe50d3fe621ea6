"""The audit record of each call: exactly one, complete, without identifying data of the patient."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from cds_service.knowledge.tables import Knowledge
from cds_service.security.client import Client
from cds_service.security.pseudonym import pseudonym
from cds_service.storage.records import read_calls
from cds_service.storage.store import Store
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.fhir_peer import running_peer
from tests.support.kept import flush_records
from tests.web.conftest import MakeApp

CALL = a_call(context=drafts(an_order("uterine fibroid embolization")), prefetch=NOTHING_RECORDED)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store of the application under test, opened again."""
    opened = Store(f"sqlite:///{tmp_path}/records.db")
    yield opened
    opened.close()


def calling_as(app: Flask, client: Client) -> FlaskClient:
    """A test client of the application, authenticated as this client."""
    app.before_request(lambda: setattr(g, "client", client))
    return app.test_client()


KEY = b"0123456789abcdef"


def records(store: Store) -> list[dict[str, Any]]:
    """The audit records."""
    flush_records()
    return [dict(row) for row in read_calls(store, None, None)]


def test_a_call_leaves_one_record(make_app: MakeApp, store: Store, knowledge: Knowledge, now) -> None:
    """The record has caller, patient (as a hash), data read, decision, version of the tables, and times."""
    client = calling_as(make_app(log_key=KEY), Client("https://ehr.example.org"))
    client.post("/cds-services/ir-order-sign", json=CALL)
    (record,) = records(store)
    assert (record["service"], record["hook"]) == ("ir-order-sign", "order-sign")
    assert (record["client"], record["peer"]) == ("https://ehr.example.org", "127.0.0.1")
    assert record["patient"] == pseudonym(KEY, "https://ehr.example.org", "pat-1")
    assert (record["at"], record["knowledge_version"]) == (now, knowledge.version)
    counts = {kind: read["count"] for kind, read in record["read"].items()}
    nothing = dict.fromkeys(("conditions", "allergies", "observations", "medications", "procedures"), 0)
    assert counts == {"orders": 1, "patient": 1} | nothing
    assert {read["source"] for read in record["read"].values()} == {"prefetch"}
    (order,) = record["orders"]
    assert (order["procedure"], order["indication"]) == ("uterine-fibroid-embolization", "absent")
    assert "bleeding-tendency" in order["unknown"]
    assert set(record["milliseconds"]) == {"hooks", "clinical_data", "facts", "findings", "cards", "response"}
    assert "pat-1" not in json.dumps(record, default=str)


def test_what_a_fhir_server_gave_is_on_record(client: FlaskClient, store: Store) -> None:
    """The record distinguishes data from prefetch and from the FHIR server, whose requests are timed."""
    condition = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/pat-1"}}
    with running_peer() as peer:
        peer.resources = [{"resourceType": "Patient", "id": "pat-1"}, condition]
        prefetch = {name: value for name, value in NOTHING_RECORDED.items() if name != "conditions"}
        answer = client.post("/cds-services/ir-order-sign", json=CALL | {"prefetch": prefetch, "fhirServer": peer.base})
    assert answer.status_code == 200
    (record,) = records(store)
    assert record["read"]["conditions"] == {"count": 1, "source": "fhir"}
    assert record["read"]["allergies"] == {"count": 0, "source": "prefetch"}
    assert 'cds_fhir_seconds_count{data="conditions",outcome="ok"}' in client.get("/metrics").text


def test_what_was_not_to_be_had_is_on_record(client: FlaskClient, store: Store) -> None:
    """Unavailable data are in the record with the reason."""
    client.post("/cds-services/ir-order-sign", json=CALL | {"prefetch": {"conditions": None}})
    (record,) = records(store)
    assert record["unavailable"] == {
        "patient": ["not-sent"],
        "allergies": ["not-sent"],
        "observations": ["not-sent"],
        "medications": ["not-sent"],
        "procedures": ["not-sent"],
    }


def test_a_call_of_which_nothing_could_be_judged_is_on_record(client: FlaskClient, store: Store) -> None:
    """A call of which nothing could be judged has a record too, because it concerned a patient."""
    answer = client.post("/cds-services/ir-order-sign", json=a_call(context=drafts(an_order("tips"))))
    assert len(answer.get_json()["cards"]) == 1
    (record,) = records(store)
    assert (record["judged"], [order["procedure"] for order in record["orders"]]) == (False, ["tips"])


def test_a_call_on_which_the_service_failed_is_on_record(make_app: MakeApp, store: Store, knowledge: Knowledge) -> None:
    """A call on which the service failed has a record too, because the patient's data were read."""
    client = make_app(replace(knowledge, urgency=None)).test_client()  # type: ignore[arg-type]  # the loader rejects such tables
    assert client.post("/cds-services/ir-order-sign", json=CALL).status_code == 500
    assert [record["judged"] for record in records(store)] == [False]


def test_what_breaks_the_protocol_is_not_on_record(client: FlaskClient, store: Store) -> None:
    """A body that is not a hook call has no record."""
    client.post("/cds-services/ir-order-sign", json={"hook": "order-sign"})
    client.get("/cds-services")
    assert records(store) == []


def test_without_a_key_the_hashes_of_one_start_agree(make_app: MakeApp, store: Store) -> None:
    """Without CDS_LOG_KEY, each start of the service uses its own random key."""
    without_cards = a_call(context=drafts(an_order("chest radiograph")), prefetch=NOTHING_RECORDED)
    for _ in range(2):
        client = make_app().test_client()
        for _ in range(2):
            client.post("/cds-services/ir-order-sign", json=without_cards)
    hashes = [record["patient"] for record in records(store)]
    assert (len(hashes), len(set(hashes))) == (4, 2)
