"""Whole calls through the web application: discovery, a decision, and every error."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.clinical_data.gather import MOST_ORDERS
from cds_service.hooks.catalog import SERVICES
from cds_service.knowledge.tables import Knowledge
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, as_json, drafts
from tests.support.fhir_peer import TOKEN, running_peer
from tests.support.responses import find_empty, response_problems
from tests.web.conftest import MakeApp

KNOWN_ORDER = an_order("uterine fibroid embolization")
UNKNOWN_ORDER = an_order("chest radiograph")
DEEP = b"[" * 200_000 + b"]" * 200_000


def post(client: FlaskClient, body: bytes, service_id: str = "ir-order-sign", **more: Any) -> TestResponse:
    """The response to a call with these bytes."""
    options = {"content_type": "application/json"} | more
    return client.post(f"/cds-services/{service_id}", data=body, **options)


def post_in_chunks(client: FlaskClient, body: bytes) -> TestResponse:
    """The response to a chunked call without Content-Length."""
    return client.post(
        "/cds-services/ir-order-sign",
        input_stream=BytesIO(body),
        headers={"Transfer-Encoding": "chunked", "Content-Type": "application/json"},
        environ_overrides={"wsgi.input_terminated": True},
    )


def refused(response: TestResponse, status: int, issue_type: str) -> str:
    """The message of an error response, which must be an OperationOutcome with this status and issue type."""
    assert (response.status_code, response.mimetype) == (status, "application/json")
    outcome = response.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["severity"] == ("fatal" if status == 500 else "error")
    assert issue["code"] == issue_type
    assert list(find_empty(outcome)) == []
    message: str = issue["diagnostics"]
    return message


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/"])
def test_discovery_is_answered_without_a_redirect(client: FlaskClient, path: str) -> None:
    """Discovery is never redirected, with or without a trailing slash: a redirect breaks browser clients."""
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert {entry["id"] for entry in response.get_json()["services"]} == set(SERVICES)


def test_discovery_asks_for_results_by_the_codes_of_the_tables(client: FlaskClient, knowledge: Knowledge) -> None:
    """The prefetch template of Observations has every LOINC code used by a table."""
    (entry,) = [entry for entry in client.get("/cds-services").get_json()["services"] if entry["hook"] == "order-sign"]
    assert all(code in entry["prefetch"]["observations"] for code in knowledge.search_codes["observations"])


@pytest.mark.parametrize("service_id", SERVICES)
def test_every_announced_service_answers(client: FlaskClient, service_id: str) -> None:
    """Each service in the discovery document answers a call with cards."""
    body = a_call(service_id, prefetch=NOTHING_RECORDED)
    response = post(client, as_json(body), service_id)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response_problems(response.get_json()) == []


def test_an_order_is_judged(client: FlaskClient) -> None:
    """An order for a known procedure without a recorded indication is answered with the decision and a card."""
    body = a_call(context=drafts(KNOWN_ORDER), prefetch=NOTHING_RECORDED)
    answer = post(client, as_json(body)).get_json()
    assert response_problems(answer) == []
    (judgement,) = answer["extension"]["org.example.ir-cds"]["procedures"]
    assert judgement["order"] == "ServiceRequest/draft-1"
    assert judgement["procedure"] == "uterine-fibroid-embolization"
    assert answer["cards"]


def test_an_order_of_something_else_is_answered_with_no_card(client: FlaskClient) -> None:
    """An order that is not a known procedure gets no card and is listed without a procedure."""
    body = a_call(context=drafts(UNKNOWN_ORDER), prefetch=NOTHING_RECORDED)
    answer = post(client, as_json(body)).get_json()
    assert answer["cards"] == []
    assert answer["extension"]["org.example.ir-cds"]["procedures"] == [{"order": "ServiceRequest/draft-1"}]


def test_the_decision_can_be_switched_off(make_app: MakeApp) -> None:
    """With the extension switched off the response has only cards."""
    body = a_call(context=drafts(KNOWN_ORDER), prefetch=NOTHING_RECORDED)
    answer = post(make_app(decision_extension=False).test_client(), as_json(body)).get_json()
    assert set(answer) == {"cards"}
    assert answer["cards"]


def test_the_same_call_gets_the_same_answer(make_app: MakeApp) -> None:
    """No state is left after a call: the same call gets the same bytes from a new service."""
    body = as_json(a_call(context=drafts(KNOWN_ORDER), prefetch=NOTHING_RECORDED))
    used = make_app().test_client()
    post(used, as_json(a_call(context=drafts(UNKNOWN_ORDER), prefetch=NOTHING_RECORDED)))
    assert post(used, body).data == post(make_app().test_client(), body).data


@pytest.mark.parametrize("content_type", ["application/json", "application/fhir+json; charset=utf-8"])
def test_json_is_accepted_by_either_name(client: FlaskClient, content_type: str) -> None:
    """A body declared as JSON or as FHIR JSON is accepted."""
    assert post(client, as_json(a_call()), content_type=content_type).status_code in {200, 412}


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "text/html"])
def test_a_body_that_is_not_declared_as_json_is_refused(client: FlaskClient, content_type: str | None) -> None:
    """A body with another or no content type gets a 415 that says what to send."""
    response = post(client, as_json(a_call()), content_type=content_type)
    assert "Content-Type: application/json" in refused(response, 415, "not-supported")


def test_a_compressed_body_is_refused(client: FlaskClient) -> None:
    """A compressed body gets a 415 that says so, not a message about JSON."""
    response = post(client, as_json(a_call()), headers={"Content-Encoding": "gzip"})
    assert "Content-Encoding" in refused(response, 415, "not-supported")


def test_nothing_to_judge_by_is_one_card(client: FlaskClient) -> None:
    """If no data of the patient could be retrieved, one warning says so and why, and every row is unknown."""
    answer = post(client, as_json(a_call(context=drafts(KNOWN_ORDER)))).get_json()
    (card,) = answer["cards"]
    assert card["indicator"] == "warning"
    assert card["summary"].startswith("Record could not be read: ")
    assert "The EHR did not send the recorded allergies, and no FHIR server was available" in card["detail"]
    (entry,) = answer["extension"]["org.example.ir-cds"]["procedures"]
    assert {row["certainty"] for row in entry["contraindications"]} == {"unknown"}


def test_a_client_that_shows_errors_may_have_a_412(make_app: MakeApp) -> None:
    """With CDS_NOTHING_RETRIEVED=412 a call of which nothing could be judged is refused with its reasons."""
    client = make_app(nothing_retrieved=412).test_client()
    said = refused(post(client, as_json(a_call(context=drafts(KNOWN_ORDER)))), 412, "incomplete")
    assert "the EHR did not send the recorded allergies, and no FHIR server was available" in said


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is empty"),
        (b"[]", "The body is not a JSON object"),
        (b'{"hook": ', "The body is not JSON"),
        (b'{"hook": NaN}', "The body is not JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"hook": "\\ud800"}', "surrogate pair"),
        (b'{"prefetch": {"conditions": ' + DEEP + b"}}", "nested too deeply"),
        (DEEP, "The body is not a JSON object"),
        (b"{}", "/hook is missing"),
        (as_json(a_call("ir-patient-view")), "/hook is not order-sign"),
    ],
    ids=["empty", "array", "truncated", "NaN", "BOM", "surrogate", "deep value", "deep array", "nothing", "hook"],
)
def test_a_broken_body_is_a_400(client: FlaskClient, body: bytes, message: str) -> None:
    """A body that violates JSON or the protocol gets a 400 that says where and what, never a 500."""
    assert message in refused(post(client, body), 400, "invalid")


def test_deep_json_inside_one_resource_does_not_sink_the_service(client: FlaskClient) -> None:
    """A deeply nested resource is judged or rejected, without a server error."""
    deep = b"[" * 880 + b"]" * 880
    body = as_json(a_call(context=drafts(KNOWN_ORDER), prefetch=NOTHING_RECORDED | {"conditions": {"x": 1}}))
    assert post(client, body.replace(b'{"x":1}', b'{"resourceType":"Condition","x":' + deep + b"}")).status_code < 500


def test_a_body_over_the_limit_is_a_413(make_app: MakeApp) -> None:
    """A body larger than the setting gets a 413 with the limit, with or without Content-Length."""
    client = make_app(max_body=2048).test_client()
    assert "2048" in refused(post(client, b" " * 2049), 413, "too-long")
    assert "2048" in refused(post_in_chunks(client, b" " * 2049), 413, "too-long")
    assert "2048" in refused(post_in_chunks(client, b" " * 100_000), 413, "too-long")
    assert "The body is empty" in refused(post_in_chunks(client, b" " * 2048), 400, "invalid")


def test_a_chunked_body_is_read(client: FlaskClient) -> None:
    """A chunked body without Content-Length is read completely."""
    body = as_json(a_call(context=drafts(UNKNOWN_ORDER), prefetch=NOTHING_RECORDED))
    assert post_in_chunks(client, body).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/cds-services/ir-unknown",
        "/cds-services/ir-unknown/feedback",
        "/cds-services/ir-order-sign/analytics/d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "/nowhere",
        "//cds-services/x",
    ],
)
def test_what_is_not_there_is_a_404_in_json(client: FlaskClient, path: str) -> None:
    """An unknown service or path, and the feedback path of CDS Hooks 1.0, get a 404 with an OperationOutcome."""
    # Set in the environ, because the test client would parse `//cds-services` as a host.
    asked = {"content_type": "application/json", "environ_overrides": {"PATH_INFO": path}}
    response = client.post("/", data=as_json(a_call()), **asked)
    assert "GET /cds-services" in refused(response, 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/cds-services", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/cds-services/ir-order-sign", {"POST", "OPTIONS"}),
        ("DELETE", "/cds-services/ir-order-sign", {"POST", "OPTIONS"}),
        ("PUT", "/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_another_method_is_a_405_that_names_the_right_ones(
    client: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    """A method that a path does not allow gets a 405 with the header Allow."""
    response = client.open(path, method=method)
    refused(response, 405, "not-supported")
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_head_and_options_are_answered(client: FlaskClient) -> None:
    """HEAD returns the headers of GET without a body, and OPTIONS the allowed methods."""
    head = client.head("/cds-services")
    assert (head.status_code, head.data) == (200, b"")
    options = client.options("/cds-services/ir-order-sign")
    assert (options.status_code, set(options.headers["Allow"].split(", "))) == (200, {"POST", "OPTIONS"})


def test_an_error_of_ours_is_a_500_with_an_id_and_nothing_else(
    make_app: MakeApp, knowledge: Knowledge, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure of the service gets a fixed text and an id; the log has the id and stack frames, no record content."""
    broken = make_app(replace(knowledge, urgency=None))  # type: ignore[arg-type]  # the loader rejects such tables
    body = a_call(context=drafts(an_order("uterine fibroid embolization, Jane Roe")), prefetch=NOTHING_RECORDED)
    response = post(broken.test_client(), as_json(body))
    message = refused(response, 500, "exception")
    (logged,) = [str(vars(record)) for record in caplog.records if record.getMessage() == "unexpected error"]
    correlation_id = message.rstrip(".").rsplit(" ", 1)[-1]
    assert correlation_id in logged
    assert "answer.py" in logged
    assert "Jane" not in message + logged


@pytest.mark.parametrize("empty", [{"procedures": {}}, {"contraindications": ()}])
def test_with_empty_tables_nothing_is_answered(make_app: MakeApp, knowledge: Knowledge, empty: dict[str, Any]) -> None:
    """With empty tables the service is not ready and rejects calls, because no cards would mean all clear."""
    client = make_app(replace(knowledge, **empty)).test_client()
    refused(client.get("/readyz"), 503, "transient")
    body = a_call(context=drafts(KNOWN_ORDER), prefetch=NOTHING_RECORDED)
    refused(post(client, as_json(body)), 503, "transient")


def test_alive_and_ready(client: FlaskClient, knowledge: Knowledge) -> None:
    """The probes report that the process is alive and ready, with the version of the tables."""
    assert client.get("/healthz").get_json() == {"status": "alive"}
    assert client.get("/readyz").get_json() == {"status": "ready", "knowledgeVersion": knowledge.version}


def test_answers_are_not_kept_by_anyone(client: FlaskClient) -> None:
    """Responses must not be cached or interpreted as another content type."""
    for response in (client.get("/cds-services"), post(client, b""), client.get("/nowhere"), client.get("/")):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_json_escapes_of_the_body_do_not_reach_a_message(client: FlaskClient) -> None:
    """An error response is JSON and quotes nothing that the caller sent."""
    response = post(client, orjson.dumps(a_call(context={"patientId": "<script>alert(1)</script>"})))
    assert "script" not in refused(response, 400, "invalid")


def test_a_call_without_prefetch_reads_the_fhir_server(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """Data missing from prefetch are read from the FHIR server of the call, and its token is not logged."""
    caplog.set_level("DEBUG")
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": {"reference": "Patient/pat-1"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "395751002"}]},
    }
    authorization = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60, "scope": "x", "subject": "cds"}
    with running_peer([allergy], token=TOKEN) as peer:
        order = drafts(an_order("Uterine fibroid embolization"))
        call = a_call(context=order, fhirServer=peer.base, fhirAuthorization=authorization)
        client = make_app(fhir_deadline=60.0).test_client()
        response = client.post("/cds-services/ir-order-sign", json=call)
        assert response.status_code == 200
        assert "use another agent or none" in response.get_json()["cards"][0]["summary"]
        peer.habits.token = "another"  # noqa: S105  not a secret
        refused_by_server = client.post("/cds-services/ir-order-sign", json=call).get_json()
        assert "Record could not be read" in refused_by_server["cards"][0]["summary"]
    assert TOKEN not in caplog.text


def test_the_answer_is_bounded(client: FlaskClient) -> None:
    """As many orders as one call is judged on fit into a small answer; one more is refused, and none is left out."""
    orders = [an_order("uterine fibroid embolization", f"draft-{place}") for place in range(MOST_ORDERS + 1)]
    most = post(client, as_json(a_call(context=drafts(*orders[:MOST_ORDERS]), prefetch=NOTHING_RECORDED)))
    assert most.status_code == 200
    assert len(most.data) < 2_000_000
    more = post(client, as_json(a_call(context=drafts(*orders), prefetch=NOTHING_RECORDED)))
    assert str(MOST_ORDERS) in refused(more, 413, "too-costly")
