"""Which paths need a token, and what a caller learns: with registered clients, and without."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.errors import SettingError
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.web.access import OPEN_PATHS, OPEN_ROUTES
from cds_service.web.app import create_app
from tests.security.conftest import NORTH, SOUTH, StartService
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.ehr import DISCOVERY, PUBLIC_URL, SIGN, register

CALL = a_call(prefetch=NOTHING_RECORDED)
ORIGIN = "https://ehr.example.org"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture
def app(service: FlaskClient) -> Flask:
    """The application for registered clients."""
    return service.application


def test_every_path_is_closed_but_for_the_ones_named(app: Flask, service: FlaskClient) -> None:
    """A route added later needs a token, unless it is deliberately added to the open paths."""
    paths = {rule.rule.replace("<service_id>", "ir-order-sign") for rule in app.url_map.iter_rules()}
    closed = {path for path in paths if service.get(path).status_code == 401}
    assert paths - closed == (OPEN_PATHS | OPEN_ROUTES) & paths
    assert {"/cds-services", "/cds-services/ir-order-sign"} <= closed


def test_links_to_summaries_open_only_where_cards_have_them(start_service: StartService, tmp_path: Path) -> None:
    """Of a registered EHR's call, the link on the card opens without a token; where links are off, nothing does."""
    database = f"sqlite:///{tmp_path}/records.db"
    on, off = start_service("on", summary_links=15, database_url=database), start_service("off", database_url=database)
    call = a_call(context=drafts(an_order("CT-guided liver biopsy")), prefetch=NOTHING_RECORDED)
    (card, *_) = on.post(
        "/cds-services/ir-order-sign", json=call, headers=NORTH.bearer(SIGN, tenant="ward-1")
    ).get_json()["cards"]
    assert card["links"][0]["url"].startswith(f"{PUBLIC_URL}/summary/")
    path = card["links"][0]["url"].removeprefix(PUBLIC_URL)
    assert [on.get(path).status_code, on.get("/summary/x").status_code] == [200, 404]
    assert [off.get(path).status_code, off.get("/summary/x.json").status_code] == [401, 401]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path",
    [
        "/cds-services",
        "/cds-services/",
        "/cds-services/x",
        "/cds-services/ir-order-sign/feedback",
        "/nowhere",
        "/x/../",
    ],
)
def test_no_method_opens_a_closed_path(service: FlaskClient, method: str, path: str) -> None:
    """Any method on any path, existing or not, is answered with 401 if there is no token."""
    assert service.open(path, method=method).status_code == 401


@pytest.mark.parametrize("path", ["/healthz/", "/HEALTHZ", "/healthz/../cds-services", "/metrics/x", "/."])
def test_what_looks_like_an_open_path_is_closed(app: Flask, path: str) -> None:
    """Only the exact open paths are open, not variants of them."""
    response = app.test_client().get("/", environ_overrides={"PATH_INFO": path})
    assert response.status_code == 401


def test_what_is_open_says_nothing_of_anybody(service: FlaskClient) -> None:
    """The open paths work without a token and contain no client, FHIR server or secret."""
    for path in OPEN_PATHS - {"/metrics"}:
        response = service.get(path)
        assert response.status_code == (303 if path == "/" else 200)
        assert not [word for word in ("north", "ehr.example.org/fhir", "ward-1", "key-1") if word in response.text]


@pytest.mark.parametrize("closed", [True, False])
def test_the_first_page_says_whether_a_token_is_needed(
    service: FlaskClient, knowledge: Knowledge, closed: bool
) -> None:
    """An integrator who copies the call from the start page is told that it needs a token."""
    client = service if closed else create_app(Settings(), knowledge).test_client()
    assert ("Authorization: Bearer" in client.get("/connect").text) is closed


def test_a_preflight_needs_no_token_and_opens_nothing(knowledge: Knowledge, now: datetime, tmp_path: Path) -> None:
    """A browser's preflight needs no token; the call after it does, and the page can read its 401."""
    settings = Settings(clients=register(tmp_path, (NORTH, "")), public_url=PUBLIC_URL, cors_origins=(ORIGIN,))
    client = create_app(settings, knowledge, clock=lambda: now, used_tokens_folder=tmp_path).test_client()
    origin = {"Origin": ORIGIN}
    preflight = origin | {"Access-Control-Request-Method": "POST"}
    assert client.options("/cds-services/ir-order-sign", headers=preflight).status_code == 204
    refused = client.post("/cds-services/ir-order-sign", json=CALL, headers=origin)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, ORIGIN)
    answered = client.post("/cds-services/ir-order-sign", json=CALL, headers=origin | NORTH.bearer())
    assert (answered.status_code, answered.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)


def test_a_slash_at_the_end_is_part_of_the_url(service: FlaskClient) -> None:
    """A call of the URL with a trailing slash needs a token for that URL."""
    with_slash, without = (NORTH.bearer(f"{DISCOVERY}{end}", tenant="ward-1") for end in ("/", ""))
    assert service.get("/cds-services/", headers=without).status_code == 401
    assert service.get("/cds-services/", headers=with_slash).status_code == 200


def test_one_client_calling_too_often_does_not_keep_another_out(start_service: StartService) -> None:
    """Calls above the limit get a 429 with Retry-After; other clients and the probes are not affected."""
    service = start_service(rate_limit="3/hour")
    answers = [service.get("/cds-services", headers=NORTH.bearer(DISCOVERY, tenant="ward-1")) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[3].headers["Retry-After"]) <= 3600
    assert answers[3].get_json()["issue"][0]["code"] == "throttled"
    assert "cards" not in answers[3].get_json()
    assert service.get("/cds-services", headers=SOUTH.bearer(DISCOVERY)).status_code == 200
    assert [service.get("/healthz").status_code for _ in range(5)] == [200] * 5


def test_the_limit_counts_all_that_a_client_calls(start_service: StartService) -> None:
    """Discovery and hook calls count together towards the limit."""
    service = start_service(rate_limit="2/hour")
    assert service.get("/cds-services", headers=NORTH.bearer(DISCOVERY, tenant="ward-1")).status_code == 200
    calls = [
        service.post("/cds-services/ir-order-sign", json=CALL, headers=NORTH.bearer(SIGN, tenant="ward-1"))
        for _ in range(2)
    ]
    assert [answer.status_code for answer in calls] == [200, 429]


def test_the_limit_can_be_switched_off(start_service: StartService) -> None:
    """The limit can be switched off, for example if a proxy limits calls already."""
    service = start_service(rate_limit=None)
    answers = [service.get("/cds-services", headers=NORTH.bearer(DISCOVERY, tenant="ward-1")) for _ in range(5)]
    assert all("Retry-After" not in answer.headers and answer.status_code == 200 for answer in answers)


@pytest.mark.parametrize(
    ("public_url", "message"),
    [(None, "CDS_PUBLIC_URL is not, which the tokens"), ("http://cds.example.org", "would travel unencrypted")],
)
def test_clients_need_the_address_that_they_call(
    knowledge: Knowledge, tmp_path: Path, public_url: str | None, message: str
) -> None:
    """With clients the service starts only with a public https URL: else tokens can't be checked or kept secret."""
    settings = Settings(clients=register(tmp_path, (NORTH, "")), public_url=public_url)
    with pytest.raises(SettingError, match=message):
        create_app(settings, knowledge, used_tokens_folder=tmp_path)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("cds.example.org", 200),
        ("rebound.evil.example", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1.evil.example", 400),
    ],
)
def test_without_clients_other_names_are_not_answered(knowledge: Knowledge, host: str, status: int) -> None:
    """An open service rejects foreign host names, so that a web page can't reach it by DNS rebinding."""
    settings = Settings(public_url="https://cds.example.org")
    response = (
        create_app(settings, knowledge)
        .test_client()
        .post("/cds-services/ir-order-sign", json=CALL, headers={"Host": host})
    )
    assert response.status_code == status
    assert status == 200 or "CDS_PUBLIC_URL" in response.get_json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(("public_url", "sent"), [("https://cds.example.org", True), (None, False)])
def test_browsers_are_told_to_stay_with_https(knowledge: Knowledge, public_url: str | None, sent: bool) -> None:
    """If the public URL is https, browsers are told never to use http for it (HSTS)."""
    response = create_app(Settings(public_url=public_url), knowledge).test_client().get("/healthz")
    assert ("Strict-Transport-Security" in response.headers) is sent
