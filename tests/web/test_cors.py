"""CORS: which web pages may call the service, and how their preflights are answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.calls import a_call
from tests.support.ehr import Ehr, register
from tests.web.conftest import ORIGIN, MakeApp

PATHS = ["/cds-services", "/cds-services/ir-order-sign", "/cds-services/ir-order-sign/feedback"]
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_of_a_listed_origin_is_allowed(client: FlaskClient, path: str) -> None:
    """A page of a listed origin may send its token and JSON to every path of the protocol."""
    response = client.options(path, headers=PREFLIGHT | {"Origin": ORIGIN})
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert response.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert response.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Private-Network" not in response.headers


def test_a_public_page_may_call_a_service_on_this_machine(client: FlaskClient) -> None:
    """A listed page from the internet may call a service on this machine (Private Network Access)."""
    asked = PREFLIGHT | {"Origin": ORIGIN, "Access-Control-Request-Private-Network": "true"}
    assert client.options(PATHS[1], headers=asked).headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize(
    "origin", ["https://other.example", f"{ORIGIN}.evil.example", "null", "http://ehr.example.org"]
)
def test_other_origins_are_not_allowed(client: FlaskClient, origin: str) -> None:
    """A page of an unlisted origin gets no permission, neither in the preflight nor in a response."""
    for response in (
        client.options(PATHS[1], headers=PREFLIGHT | {"Origin": origin}),
        client.get(PATHS[0], headers={"Origin": origin}),
    ):
        assert not [name for name in dict(response.headers) if name.startswith("Access-Control-")]
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("path", "content_type", "status"),
    [
        ("/cds-services/ir-order-sign", "text/plain", 415),
        ("/cds-services/ir-order-sign", "application/json", 400),
        ("/cds-services/ir-unknown", "application/json", 404),
        ("/cds-services", "application/json", 405),
    ],
)
def test_a_page_can_read_why_it_was_refused(client: FlaskClient, path: str, content_type: str, status: int) -> None:
    """Error responses have CORS headers too, so that a browser client can show the reason."""
    response = client.post(path, data=b"{}", content_type=content_type, headers={"Origin": ORIGIN})
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (status, ORIGIN)


def test_every_origin_is_allowed_where_the_setting_says_so(make_app: MakeApp) -> None:
    """The setting `*` lets every page call the service, for development."""
    client = make_app(cors_origins=("*",)).test_client()
    response = client.post("/cds-services/ir-patient-view", json=a_call(), headers={"Origin": "http://localhost:8081"})
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:8081"


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:8081", "127.0.0.1", True),
        ("http://127.0.0.1:3000", "127.0.0.1", True),
        ("https://[::1]:3000", "127.0.0.1", True),
        ("https://ehr.example.org", "127.0.0.1", False),
        ("http://localhost.evil.example", "127.0.0.1", False),
        ("http://127.0.0.1.evil.example", "127.0.0.1", False),
        ("http://[::1", "127.0.0.1", False),
        ("null", "127.0.0.1", False),
        ("http://localhost:8081", "192.0.2.1", False),
    ],
)
def test_without_the_setting_only_pages_of_this_machine_may_call(
    make_app: MakeApp, origin: str, host: str, allowed: bool
) -> None:
    """A service that is open on loopback allows pages of this machine, and no others."""
    response = make_app(host=host).test_client().get("/cds-services", headers={"Origin": origin})
    assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)


def test_with_registered_clients_pages_need_the_setting(make_app: MakeApp, tmp_path: Path) -> None:
    """With registered clients, pages of this machine need the setting like all others."""
    app = make_app(clients=register(tmp_path, (Ehr(), "")), public_url="https://cds.example.org")
    response = app.test_client().get("/cds-services", headers={"Origin": "http://localhost:8081"})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_pages_for_people_are_not_shared(client: FlaskClient) -> None:
    """CORS headers are sent for the protocol paths only, not for the pages and operational paths."""
    for path in ("/", "/readyz", "/cds-services-other"):
        assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": ORIGIN}).headers
