"""Scripted clients with the habits of two public ones: the CDS Hooks Sandbox and the Da Vinci request generator.

Each runs twice: against a service without registered clients, and against one where it is registered. Every
response is checked for null and empty members and against our response schema.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.ehr import PUBLIC_URL, Ehr, private_key, register
from tests.support.responses import response_problems
from tests.web.conftest import MakeApp

ORIGIN = "https://sandbox.example.org"
PATIENT = "smart-1288992"
TOKEN = {"Authorization": "Bearer eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"}
Bearer = Callable[[str], dict[str, str]]
"""Path -> the Authorization header for it."""
SANDBOX = Ehr("https://sandbox.cds-hooks.org", "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f")
SANDBOX_MAY = 'fhir_servers = ["https://launch.example.org/v/r2/fhir"]'
GENERATOR = Ehr("http://localhost:8080/test-ehr/r4", "thumbprint", "RS256", private_key("RSA"))
GENERATOR_MAY = 'fhir_servers = ["http://localhost:8080/test-ehr/r4"]\nalgorithms = ["RS256"]\nmax_lifetime = 86400'
EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0, "link": [{"relation": "self", "url": "http://x"}]}
FIBROIDS = {
    "resourceType": "Condition",
    "id": "c1",
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "subject": {"reference": f"Patient/{PATIENT}"},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "D25.9", "display": "Leiomyoma"}]},
}
CHOSEN = {
    "code": {
        "coding": [
            {"code": "ufe", "system": "http://example.org/orders", "display": "Uterine fibroid embolization"},
        ]
    },
    "reasonCode": [],
}


class Sandbox:
    """A browser client: reads discovery, sends a preflight before every call, and a token with the call."""

    def __init__(self, client: FlaskClient, bearer: Bearer) -> None:
        self._client = client
        self._bearer = bearer
        self._preflight("/cds-services", "GET", "authorization")
        discovery = client.get("/cds-services", headers=bearer("/cds-services") | {"Origin": ORIGIN})
        assert discovery.headers["Access-Control-Allow-Origin"] == ORIGIN
        self.services = {entry["hook"]: entry for entry in discovery.get_json()["services"]}

    def post(self, path: str, body: dict[str, Any]) -> TestResponse:
        """The response to a call after its preflight, without which a browser would not send it."""
        self._preflight(path, "POST", "authorization,content-type")
        response = self._client.post(path, json=body, headers=self._bearer(path) | {"Origin": ORIGIN})
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        return response

    def call(self, hook: str, context: dict[str, Any], prefetch: dict[str, Any]) -> dict[str, Any]:
        """The response to a hook; the key of a failed fetch is left out, and an empty prefetch is not sent."""
        body = {
            "hookInstance": "a5c1bf4b-3f0c-4b5f-9d0e-7f6f3f2c9d11",
            "hook": hook,
            "fhirServer": "https://launch.example.org/v/r2/fhir",
            "context": {"patientId": PATIENT, "userId": "Practitioner/COREPRACTITIONER1"} | context,
        }
        response = self.post(
            f"/cds-services/{self.services[hook]['id']}", body | ({"prefetch": prefetch} if prefetch else {})
        )
        assert response.status_code == 200
        answer: dict[str, Any] = response.get_json()
        assert response_problems(answer) == []
        return answer

    def fetched(self, hook: str, **found: Any) -> dict[str, Any]:
        """The prefetch of a hook: every template resolved, with an empty Bundle if nothing was found."""
        templates = self.services[hook]["prefetch"]
        assert "{{" not in "".join(templates.values()).replace("{{context.patientId}}", PATIENT)
        patient = {"resourceType": "Patient", "id": PATIENT, "name": [{"given": ["Daniel"]}]}
        return dict.fromkeys(templates, EMPTY) | {"patient": patient} | found

    def _preflight(self, path: str, method: str, headers: str) -> None:
        asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
        response = self._client.options(path, headers=asked | {"Origin": ORIGIN})
        assert response.status_code in {200, 204}
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert method in response.headers["Access-Control-Allow-Methods"]
        assert set(headers.split(",")) <= set(response.headers["Access-Control-Allow-Headers"].split(", "))


@pytest.fixture(params=["open", "registered"])
def sandbox(request: pytest.FixtureRequest, make_app: MakeApp, tmp_path: Path) -> Sandbox:
    """The sandbox, connected to the service; its tokens have a `jku` and a lifetime of five minutes."""
    if request.param == "open":
        return Sandbox(make_app(cors_origins=(ORIGIN,)).test_client(), lambda _: TOKEN)
    clients = register(tmp_path, (SANDBOX, SANDBOX_MAY))
    app = make_app(cors_origins=(ORIGIN,), clients=clients, public_url=PUBLIC_URL)
    header = {"jku": "https://sandbox.cds-hooks.org/.well-known/jwks.json"}
    return Sandbox(app.test_client(), lambda path: SANDBOX.bearer(f"{PUBLIC_URL}{path}", header=header))


def pama(**order: Any) -> dict[str, Any]:
    """The context of the sandbox's ordering tab: a Bundle without type, an order with intent `plan`."""
    resource = {
        "resourceType": "ServiceRequest",
        "id": "example-request-id",
        "status": "draft",
        "intent": "plan",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [{}]},
        "reasonCode": [],
    }
    return {
        "selections": ["ServiceRequest/example-request-id"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": resource | order}]},
    }


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    """A search result."""
    return EMPTY | {"total": len(resources), "entry": [{"resource": resource} for resource in resources]}


def judgements(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The decision of a response for each order."""
    found: list[dict[str, Any]] = answer["extension"]["org.example.ir-cds"].get("procedures", [])
    return found


def test_the_ordering_tab_opens_before_anything_is_chosen(sandbox: Sandbox) -> None:
    """The tab calls at once with an order without a code: no card and no error."""
    answer = sandbox.call("order-select", pama(), sandbox.fetched("order-select"))
    assert answer["cards"] == []
    assert judgements(answer) == [{"order": "ServiceRequest/example-request-id"}]


def test_a_chosen_procedure_is_judged(sandbox: Sandbox) -> None:
    """After a procedure is chosen, the order is judged by the conditions that the sandbox fetched."""
    fetched = sandbox.fetched("order-select", conditions=bundle(FIBROIDS))
    (judgement,) = judgements(sandbox.call("order-select", pama(**CHOSEN), fetched))
    assert judgement["procedure"] == "uterine-fibroid-embolization"
    assert "present" in {indication["certainty"] for indication in judgement["indications"]}


def test_a_fetch_that_failed_is_not_taken_for_an_empty_record(sandbox: Sandbox) -> None:
    """If the sandbox could not fetch the allergies, the response says that they were not checked."""
    fetched = sandbox.fetched("order-select", conditions=bundle(FIBROIDS))
    del fetched["allergies"]
    answer = sandbox.call("order-select", pama(**CHOSEN), fetched)
    unavailable = answer["extension"]["org.example.ir-cds"]["unavailable"]
    assert "allergies" in {gap["data"] for gap in unavailable}
    assert "warning" in {card["indicator"] for card in answer["cards"]}


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_prescription_is_none_of_ours(sandbox: Sandbox, hook: str) -> None:
    """The prescription tab calls the same hooks with a drug order without intent: no card and no error."""
    drug = {"resourceType": "MedicationRequest", "id": "request-123", "status": "draft"}
    context = {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": drug}]}}
    if hook == "order-select":
        context |= {"selections": ["MedicationRequest/request-123"]}  # type: ignore[dict-item]
    assert sandbox.call(hook, context, sandbox.fetched(hook))["cards"] == []


def test_the_patient_view_is_answered(sandbox: Sandbox) -> None:
    """Opening a chart is answered with the options that the patient's conditions support."""
    answer = sandbox.call("patient-view", {}, sandbox.fetched("patient-view", conditions=bundle(FIBROIDS)))
    assert "uterine-fibroid-embolization" in {judgement["procedure"] for judgement in judgements(answer)}
    assert all("order" not in judgement for judgement in judgements(answer))


@pytest.mark.parametrize(
    "answered",
    [
        {"outcome": "accepted", "acceptedSuggestions": [{"id": "0c2f1b34-6e0a-4b52-8f43-0a3d7d6d4a10"}]},
        {
            "outcome": "overridden",
            "overrideReason": {"reason": {"code": "emergency", "system": "https://example.org/x"}},
        },
        {"outcome": "overridden"},
    ],
)
def test_feedback_of_the_sandbox_is_kept(sandbox: Sandbox, answered: dict[str, Any]) -> None:
    """Feedback of the sandbox is accepted: times to the millisecond, a reason without display."""
    feedback = {
        "card": "a5c1bf4b-3f0c-4b5f-9d0e-7f6f3f2c9d11",
        "outcomeTimestamp": "2026-11-24T03:00:05.123Z",
    } | answered
    response = sandbox.post("/cds-services/ir-order-sign/feedback", {"feedback": [feedback]})
    assert (response.status_code, response.data) == (200, b"")


def test_the_analytics_of_old_clients_are_not_found(sandbox: Sandbox) -> None:
    """The analytics path of CDS Hooks 1.0 clients is a 404 in JSON, not an HTML page."""
    response = sandbox.post("/cds-services/ir-order-sign/analytics/a5c1bf4b", {})
    assert (response.status_code, response.get_json()["resourceType"]) == (404, "OperationOutcome")


def crd_call(**prefetch: Any) -> dict[str, Any]:
    """A call of the request generator: a fixed hookInstance, an empty access token, its own prefetch key."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "order-1",
        "status": "draft",
        "intent": "original-order",
        "subject": {"reference": "Patient/pat015"},
        "insurance": [{"reference": "Coverage/cov015"}],
        **CHOSEN,
    }
    own = {"serviceRequestBundle": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}}
    return {
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "hook": "order-sign",
        "fhirServer": "http://localhost:8080/test-ehr/r4",
        "fhirAuthorization": {
            "access_token": "",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/Patient.read patient/Observation.read",
            "subject": "cds-service4",
        },
        "context": {
            "userId": "Practitioner/example",
            "patientId": "pat015",
            "encounterId": "enc89284",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
        },
        "extension": {"davinci-crd.configuration": {"max-cards": 10}},
        "prefetch": own | prefetch,
    }


@pytest.fixture(params=["open", "registered"])
def sign(request: pytest.FixtureRequest, make_app: MakeApp, tmp_path: Path) -> Callable[[Any], TestResponse]:
    """The request generator signing an order; its issuer is its FHIR server, its tokens have a lifetime of a day."""
    settings: dict[str, Any] = {}
    if request.param == "registered":
        settings = {"clients": register(tmp_path, (GENERATOR, GENERATOR_MAY)), "public_url": PUBLIC_URL}
    client, path = make_app(**settings).test_client(), "/cds-services/ir-order-sign"

    def post(body: Any) -> TestResponse:
        tomorrow, header = int(time.time()) + 86_400, {"jku": "http://localhost:3001/public_keys"}
        token = GENERATOR.bearer(f"{PUBLIC_URL}{path}", exp=tomorrow, header=header) if settings else TOKEN
        return client.post(path, json=body, headers=token)

    return post


def test_the_request_generator_is_told_that_nothing_could_be_read(sign: Callable[[Any], TestResponse]) -> None:
    """Without our prefetch data a known procedure gets a card that says so, never an empty card list."""
    response = sign(crd_call())
    assert "Record could not be read" in response.get_json()["cards"][0]["summary"]


def test_the_request_generator_is_answered_when_it_sends_our_data(sign: Callable[[Any], TestResponse]) -> None:
    """With our prefetch keys its order is judged, despite its deviations."""
    response = sign(crd_call(conditions=None, allergies=None, observations=None))
    assert response.status_code == 200
    answer = response.get_json()
    assert response_problems(answer) == []
    assert judgements(answer)[0]["procedure"] == "uterine-fibroid-embolization"
    assert all("|" not in card.get("detail", "") and "<" not in card.get("detail", "") for card in answer["cards"])
