"""`POST /validate`, and what calls bring, validated beside them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from cds_service.profiles.background import VALIDATOR
from cds_service.web.records import OPEN
from tests.profiles.resources import patient
from tests.support.calls import NOTHING_RECORDED, a_call
from tests.support.fhir_peer import running_peer
from tests.web.conftest import MakeApp


@pytest.fixture
def playground(make_app: MakeApp) -> FlaskClient:
    """A client of a service that offers validation."""
    return make_app(validate_endpoint=True).test_client()


@pytest.mark.parametrize(("gender", "severity"), [("male", "information"), ("bogus", "error")])
def test_a_resource_is_answered_by_an_outcome(playground: FlaskClient, gender: str, severity: str) -> None:
    """A resource is answered by an OperationOutcome as the OpenAPI document describes it."""
    answer = playground.post("/validate", json=patient(gender=gender))
    assert (answer.status_code, answer.mimetype) == (200, "application/fhir+json")
    outcome = orjson.loads(answer.data)
    assert outcome["issue"][0]["severity"] == severity
    document = playground.get("/openapi.json").get_json()
    Draft202012Validator(document | {"$ref": "#/components/schemas/ValidationOutcome"}).validate(outcome)


def test_broken_json_is_answered_too(playground: FlaskClient) -> None:
    """A body that is no JSON is what a playground is for: it is told what is wrong with it."""
    answer = playground.post("/validate", data=b'{"resourceType": ', content_type="application/fhir+json")
    assert answer.status_code == 200
    assert orjson.loads(answer.data)["issue"][0]["severity"] == "fatal"


def test_a_profile_that_is_not_at_hand(playground: FlaskClient) -> None:
    """A profile that the service does not know is refused: it could not be held against anything."""
    answer = playground.post("/validate?profile=http://x.org/none", json=patient())
    assert answer.status_code == 422
    assert "http://x.org/none" in answer.get_json()["issue"][0]["diagnostics"]


def test_a_body_of_another_type_is_refused(playground: FlaskClient) -> None:
    """XML is not read."""
    assert playground.post("/validate", data=b"<Patient/>", content_type="application/fhir+xml").status_code == 415


def test_it_is_off_by_default(client: FlaskClient) -> None:
    """Unless it is turned on, validation is not offered, and the answer says how to turn it on."""
    answer = client.post("/validate", json=patient())
    assert answer.status_code == 404
    assert "CDS_VALIDATE_ENDPOINT" in answer.get_json()["issue"][0]["diagnostics"]


def faults() -> int:
    """How many faults of unregistered callers have been counted."""
    VALIDATOR.wait()
    return sum(fault.count for fault in VALIDATOR.counts().faults if fault.client == OPEN)


@pytest.mark.parametrize(("validate", "counted"), [(True, 1), (False, 0)])
def test_what_a_call_brings_is_counted(make_app: MakeApp, validate: bool, counted: int) -> None:
    """With the setting on, a fault in prefetch is counted; the answer is the same with and without it."""
    broken: dict[str, Any] = dict(NOTHING_RECORDED) | {"patient": patient(gender="bogus")}
    call = a_call(prefetch=broken)
    before = faults()
    answer = make_app(validate=validate).test_client().post("/cds-services/ir-order-sign", json=call)
    assert faults() - before == counted
    assert answer.get_json() == make_app().test_client().post("/cds-services/ir-order-sign", json=call).get_json()


def test_what_a_call_fetches_is_counted_too(make_app: MakeApp) -> None:
    """A fault of a resource that the FHIR server gave counts like one that the call brought."""
    prefetch = {key: value for key, value in NOTHING_RECORDED.items() if key != "patient"}
    before = faults()
    with running_peer([patient(id="pat-1", gender="bogus")]) as peer:
        client = make_app(validate=True, fhir_deadline=60.0).test_client()
        client.post("/cds-services/ir-order-sign", json=a_call(prefetch=prefetch, fhirServer=peer.base))
    assert faults() - before == 1
