"""`POST /validate`, and background validation of the data of calls."""

from __future__ import annotations

import threading
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from cds_service.profiles.background import BackgroundValidator
from cds_service.web.calling_client import ANONYMOUS
from tests.profiles.resources import patient
from tests.support.calls import NOTHING_RECORDED, a_call
from tests.support.fhir_peer import running_peer
from tests.web.conftest import MakeApp


@pytest.fixture
def playground(make_app: MakeApp) -> FlaskClient:
    """A client of a service with the validation endpoint on."""
    return make_app(validate_endpoint=True).test_client()


@pytest.mark.parametrize(("gender", "severity"), [("male", "information"), ("bogus", "error")])
def test_a_resource_is_answered_by_an_outcome(playground: FlaskClient, gender: str, severity: str) -> None:
    """A resource is answered with an OperationOutcome that matches the OpenAPI document."""
    answer = playground.post("/validate", json=patient(gender=gender))
    assert (answer.status_code, answer.mimetype) == (200, "application/fhir+json")
    outcome = orjson.loads(answer.data)
    assert outcome["issue"][0]["severity"] == severity
    document = playground.get("/openapi.json").get_json()
    Draft202012Validator(document | {"$ref": "#/components/schemas/ValidationOutcome"}).validate(outcome)


def test_broken_json_is_answered_too(playground: FlaskClient) -> None:
    """A body that is not JSON is answered with an OperationOutcome that says what is wrong."""
    answer = playground.post("/validate", data=b'{"resourceType": ', content_type="application/fhir+json")
    assert answer.status_code == 200
    assert orjson.loads(answer.data)["issue"][0]["severity"] == "fatal"


def test_a_profile_that_is_not_at_hand(playground: FlaskClient) -> None:
    """An unknown profile gets a 422, because it can't be checked."""
    answer = playground.post("/validate?profile=http://x.org/none", json=patient())
    assert answer.status_code == 422
    assert "http://x.org/none" in answer.get_json()["issue"][0]["diagnostics"]


def test_a_body_of_another_type_is_refused(playground: FlaskClient) -> None:
    """XML gets a 415."""
    assert playground.post("/validate", data=b"<Patient/>", content_type="application/fhir+xml").status_code == 415


def test_it_is_off_by_default(client: FlaskClient) -> None:
    """The endpoint is off by default, and the 404 says how to turn it on."""
    answer = client.post("/validate", json=patient())
    assert answer.status_code == 404
    assert "CDS_VALIDATE_ENDPOINT" in answer.get_json()["issue"][0]["diagnostics"]


def faults(validator: BackgroundValidator) -> int:
    """The number of counted faults of anonymous callers."""
    validator.wait()
    return sum(fault.count for fault in validator.counts().faults if fault.client == ANONYMOUS)


@pytest.mark.parametrize(("validate", "counted"), [(True, 1), (False, 0)])
def test_what_a_call_brings_is_counted(make_app: MakeApp, validate: bool, counted: int) -> None:
    """With the setting on, a fault in prefetch is counted; the response is the same with and without it."""
    broken: dict[str, Any] = dict(NOTHING_RECORDED) | {"patient": patient(gender="bogus")}
    call = a_call(prefetch=broken)
    validator = BackgroundValidator()
    client = make_app(validator=validator, validate=validate).test_client()
    answer = client.post("/cds-services/ir-order-sign", json=call)
    assert faults(validator) == counted
    assert answer.get_json() == make_app().test_client().post("/cds-services/ir-order-sign", json=call).get_json()


def test_what_a_call_fetches_is_counted_too(make_app: MakeApp) -> None:
    """A fault in a resource from the FHIR server counts like one in prefetch."""
    prefetch = {key: value for key, value in NOTHING_RECORDED.items() if key != "patient"}
    validator = BackgroundValidator()
    with running_peer([patient(id="pat-1", gender="bogus")]) as peer:
        client = make_app(validator=validator, validate=True, fhir_deadline=60.0).test_client()
        client.post("/cds-services/ir-order-sign", json=a_call(prefetch=prefetch, fhirServer=peer.base))
    assert faults(validator) == 1


def validation_threads() -> int:
    """The number of validator threads in this process."""
    return sum(thread.name == "validation" for thread in threading.enumerate())


def test_each_application_counts_its_own_calls(make_app: MakeApp) -> None:
    """Two applications in one process do not share their counts, and a new application starts no thread."""
    before = validation_threads()
    validators = [BackgroundValidator(), BackgroundValidator()]
    first, _ = (make_app(validator=validator, validate=True).test_client() for validator in validators)
    assert validation_threads() == before
    call = a_call(prefetch=dict(NOTHING_RECORDED) | {"patient": patient(gender="bogus")})
    first.post("/cds-services/ir-order-sign", json=call)
    assert [faults(validator) for validator in validators] == [1, 0]
