"""Token verification: valid tokens are accepted, and every forged, expired, misdirected or replayed one is rejected."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import responses
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.security.conftest import NORTH, SOUTH
from tests.support.calls import NOTHING_RECORDED, a_call
from tests.support.ehr import DISCOVERY, PUBLIC_URL, SIGN, Ehr, private_key

CALL = a_call(prefetch=NOTHING_RECORDED)
WARD: dict[str, Any] = {"tenant": "ward-1"}


def sign_order(service: FlaskClient, headers: Any) -> TestResponse:
    """The response to an order-sign call with these headers."""
    return service.post("/cds-services/ir-order-sign", json=CALL, headers=headers)


def now() -> int:
    """The current time in seconds since 1970, read in each test because the run may take minutes."""
    return int(time.time())


def segment(value: Any) -> str:
    """One encoded part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a valid token of NORTH, for tokens assembled by hand."""
    good: dict[str, Any] = jwt.decode(NORTH.token(**WARD), options={"verify_signature": False})
    return good | changes


def by_hand(header: dict[str, Any], payload: Any, signature: bytes = b"x" * 96) -> str:
    """A token that no library would create."""
    return f"{segment(header)}.{segment(payload)}.{segment(signature)}"


def hmac_with_public_key() -> str:
    """A token with the public key as HMAC secret: algorithm confusion."""
    pem = NORTH.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': 'key-1'})}.{segment(claims())}"
    mac = jwt.get_algorithm_by_name("HS256")
    return f"{signed}.{segment(mac.sign(signed.encode(), pem))}"


def tampered() -> str:
    """A valid token whose claims were changed after signing."""
    header, _, signature = NORTH.token(**WARD).split(".")
    return f"{header}.{segment(claims(tenant='ward-2'))}.{signature}"


HEADER = {"alg": "ES384", "typ": "JWT", "kid": "key-1"}
HUGE = 10**400
FORGED: dict[str, tuple[Callable[[], str], str]] = {
    # forged
    "no signature, alg none": (lambda: f"{segment(HEADER | {'alg': 'none'})}.{segment(claims())}.", "JWT"),
    "alg none with a signature": (lambda: by_hand(HEADER | {"alg": "none"}, claims()), "algorithm"),
    "HS256 with the public key": (hmac_with_public_key, "algorithm"),
    "an algorithm that is not registered": (
        lambda: Ehr(algorithm="ES256", key=private_key("P-256")).token(),
        "algorithm",
    ),
    "an algorithm that is not the key's": (lambda: Ehr(algorithm="RS384", key=private_key("RSA")).token(), "algorithm"),
    "an algorithm of the key that is not registered": (
        lambda: Ehr(SOUTH.issuer, "key-1", "RS256", SOUTH.key).token(),
        "not registered",
    ),
    "an unknown algorithm": (lambda: by_hand(HEADER | {"alg": "RS1"}, claims()), "algorithm"),
    "an algorithm that is no text": (lambda: by_hand(HEADER | {"alg": 384}, claims()), ""),
    "another key under the same kid": (lambda: Ehr(key=private_key("P-384", 1)).token(), "signature"),
    "the key of another client": (lambda: Ehr(SOUTH.issuer, "key-1", "ES384", NORTH.key).token(), "another algorithm"),
    "claims changed after signing": (tampered, "signature"),
    "an unknown kid": (lambda: Ehr(kid="key-2").token(), "kid"),
    "no kid": (lambda: NORTH.token(header={"kid": None}), "kid"),
    "a kid that is a path": (lambda: Ehr(kid="../../dev/null").token(), "kid"),
    "an unregistered issuer": (lambda: NORTH.token(iss="https://evil.example"), "issuer"),
    "an issuer with a slash more": (lambda: NORTH.token(iss=f"{NORTH.issuer}/"), "issuer"),
    "an issuer that is a list": (lambda: by_hand(HEADER, claims(iss=[NORTH.issuer])), "issuer"),
    "another type of token": (lambda: NORTH.token(header={"typ": "at+jwt"}), "type"),
    "an extension that must be understood": (lambda: NORTH.token(header={"crit": ["x"], "x": 1}), ""),
    "a key of its own in the header": (
        lambda: Ehr(key=private_key("P-384", 1)).token(header={"jwk": NORTH.jwks()["keys"][0]}),
        "signature",
    ),
    # stale
    "expired": (lambda: NORTH.token(iat=now() - 400, exp=now() - 100), "expired"),
    "issued in the future": (lambda: NORTH.token(iat=now() + 200, exp=now() + 400), "not valid yet"),
    "not yet in force": (lambda: NORTH.token(nbf=now() + 200), "not valid yet"),
    "living too long": (lambda: NORTH.token(exp=now() + 3700), "longer lifetime"),
    "living for ever": (lambda: by_hand(HEADER, claims(exp=HUGE)), "exp"),
    "an infinite life": (lambda: by_hand(HEADER, json.dumps(claims()).replace('"exp": ', '"exp": 1e').encode()), "exp"),
    # misdirected
    "made for another service": (lambda: NORTH.token(f"{DISCOVERY}/ir-order-select"), "another URL"),
    "made for discovery": (lambda: NORTH.token(DISCOVERY), "another URL"),
    "made for the feedback of the service": (lambda: NORTH.token(f"{SIGN}/feedback"), "another URL"),
    "a slash at the end": (lambda: NORTH.token(f"{SIGN}/"), "another URL"),
    "http instead of https": (lambda: NORTH.token(SIGN.replace("https", "http")), "another URL"),
    "a port in the URL": (lambda: NORTH.token(SIGN.replace("example.org", "example.org:443")), "another URL"),
    "another case": (lambda: NORTH.token(SIGN.upper()), "another URL"),
    "the address behind the proxy": (lambda: NORTH.token("http://localhost/cds-services/ir-order-sign"), "another URL"),
    "a query": (lambda: NORTH.token(f"{SIGN}?x=1"), "another URL"),
    "a list of others": (lambda: NORTH.token(aud=[DISCOVERY, "https://other.example"]), "another URL"),
    "a list of no texts": (lambda: NORTH.token(aud=[1, {}]), ""),
    # incomplete
    **{
        f"no {name}": (lambda name=name: NORTH.token(**{name: None}), "")
        for name in ("iss", "aud", "exp", "iat", "jti")
    },
    "an empty jti": (lambda: NORTH.token(jti=""), "jti"),
    "a jti that is a number": (lambda: by_hand(HEADER, claims(jti=7)), "jti"),
    "a jti of half a character": (lambda: by_hand(HEADER, claims(jti="\ud800")), "jti"),
    "exp as text": (lambda: by_hand(HEADER, claims(exp=str(now() + 300))), "exp"),
    "iat as true": (lambda: by_hand(HEADER, claims(iat=True)), "iat"),
    "nbf as null": (lambda: by_hand(HEADER, claims(nbf=None)), "nbf"),
    # no token at all
    "two parts": (lambda: "a.b", "JWT"),
    "four parts": (lambda: f"{NORTH.token(**WARD)}.x", "JWT"),
    "not base64": (lambda: "%.%.%", "JWT"),
    "claims that are a list": (lambda: by_hand(HEADER, [1]), "read"),
    "claims that are no JSON": (lambda: by_hand(HEADER, b"{"), "read"),
    "deep claims": (lambda: by_hand({}, b"[" * 3000), "read"),
    "giant": (lambda: NORTH.token(filler="x" * 9000), "too long"),
    "two tokens": (lambda: f"{NORTH.token(**WARD)}, Bearer {NORTH.token(**WARD)}", "JWT"),
    "a blank in it": (lambda: NORTH.token(**WARD).replace(".", ". "), "JWT"),
    "empty": (lambda: "", "JWT"),
}


@pytest.mark.parametrize(("token", "reason"), FORGED.values(), ids=FORGED.keys())
def test_a_token_that_does_not_count_is_refused(
    service: FlaskClient, caplog: pytest.LogCaptureFixture, token: Callable[[], str], reason: str
) -> None:
    """Whatever is wrong with a token, the response is the same plain 401; the reason is only in the log."""
    sent = token()
    response = sign_order(service, {"Authorization": f"Bearer {sent}"})
    refused_like_all_others(response)
    (logged,) = [record for record in caplog.records if record.getMessage() == "token refused"]
    assert reason in logged.reason
    assert len(sent) < 30 or sent not in str(vars(logged))


def refused_like_all_others(response: TestResponse) -> None:
    """Assert a 401 that says only that a token is needed."""
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert response.get_json() == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "login",
                "diagnostics": "This call needs a bearer token of a registered client.",
            }
        ],
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="},
        {"X-Authorization": "Bearer x"},
        {"Cookie": "token=x"},
    ],
    ids=str,
)
def test_without_a_bearer_token_nobody_gets_in(service: FlaskClient, headers: dict[str, str]) -> None:
    """A missing header, another scheme or a cookie is not accepted as a token."""
    refused_like_all_others(sign_order(service, headers))


def test_a_token_in_the_address_does_not_count(service: FlaskClient) -> None:
    """A token in the URL is not accepted, because URLs end up in logs."""
    response = service.post(f"/cds-services/ir-order-sign?access_token={NORTH.token(**WARD)}", json=CALL)
    refused_like_all_others(response)


def test_a_token_sent_twice_does_not_count(service: FlaskClient) -> None:
    """Two tokens in the Authorization header are ambiguous, so none is accepted."""
    token = NORTH.token(**WARD)
    refused_like_all_others(sign_order(service, {"Authorization": f"Bearer {token},Bearer {token}"}))


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded"])
def test_what_a_call_says_of_its_address_is_not_believed(service: FlaskClient, name: str) -> None:
    """A token for another service is not accepted here, even with that service's host in the headers."""
    value = "host=other.example" if name == "Forwarded" else "other.example"
    stolen = NORTH.token("https://other.example/ir/cds-services/ir-order-sign", **WARD)
    refused_like_all_others(sign_order(service, {"Authorization": f"Bearer {stolen}", name: value}))


def test_a_token_is_good_whatever_the_host_header_says(service: FlaskClient) -> None:
    """Behind a proxy the Host header may differ from the URL called; the audience is checked against the public URL."""
    assert sign_order(service, NORTH.bearer(**WARD) | {"Host": "10.0.0.7:8080"}).status_code == 200


@responses.activate
def test_where_a_token_says_its_keys_are_is_never_looked_at(service: FlaskClient) -> None:
    """Key URLs in a token (jku, x5u) are never fetched, and a token signed with such a key is rejected."""
    header = {"jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/cert.pem"}
    forged = Ehr(key=private_key("P-384", 1)).token(header=header, **WARD)
    refused_like_all_others(sign_order(service, {"Authorization": f"Bearer {forged}"}))
    assert sign_order(service, NORTH.bearer(header=header, **WARD)).status_code == 200
    assert len(responses.calls) == 0


ACCEPTED: dict[str, Callable[[], dict[str, str]]] = {
    "ES384": lambda: NORTH.bearer(**WARD),
    "RS384": SOUTH.bearer,
    "a list of audiences with this URL in it": lambda: NORTH.bearer(aud=["https://other.example", SIGN], **WARD),
    "the scheme in small letters": lambda: {"Authorization": f"bearer {NORTH.token(**WARD)}"},
    "no typ": lambda: NORTH.bearer(header={"typ": None}, **WARD),
    "a clock 50 s behind": lambda: NORTH.bearer(iat=now() - 350, exp=now() - 50, **WARD),
    "a clock 50 s ahead": lambda: NORTH.bearer(iat=now() + 50, exp=now() + 400, **WARD),
    "nbf minutes before iat": lambda: NORTH.bearer(nbf=now() - 300, **WARD),
    "times with fractions": lambda: NORTH.bearer(iat=now() - 0.5, exp=now() + 200.5, **WARD),
    "a subject that is no text": lambda: NORTH.bearer(sub=None, extra={"a": [1]}, **WARD),
}


@pytest.mark.parametrize("headers", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_token_that_counts_lets_in(service: FlaskClient, headers: Callable[[], dict[str, str]]) -> None:
    """A token that follows CDS Hooks is accepted for its URL, including the variations of real EHRs."""
    assert sign_order(service, headers()).status_code == 200


def test_discovery_needs_a_token_for_discovery(service: FlaskClient) -> None:
    """Discovery needs a token with the discovery URL as audience."""
    refused_like_all_others(service.get("/cds-services"))
    refused_like_all_others(service.get("/cds-services", headers=NORTH.bearer(SIGN, **WARD)))
    assert service.get("/cds-services", headers=NORTH.bearer(DISCOVERY, **WARD)).status_code == 200


@pytest.mark.parametrize("tenant", [None, "ward-3", "", 1, ["ward-1"], "WARD-1"])
def test_a_tenant_that_is_not_registered_is_refused(service: FlaskClient, tenant: Any) -> None:
    """A client registered for some tenants may not act for another, nor without one."""
    response = sign_order(service, NORTH.bearer(tenant=tenant))
    assert (response.status_code, response.get_json()["issue"][0]["code"]) == (403, "forbidden")


def test_a_service_that_is_not_registered_is_refused_and_not_offered(service: FlaskClient) -> None:
    """A client registered for one service may not call another, and discovery does not list others."""
    offered = service.get("/cds-services", headers=SOUTH.bearer(DISCOVERY)).get_json()["services"]
    assert [entry["id"] for entry in offered] == ["ir-order-sign"]
    view = f"{PUBLIC_URL}/cds-services/ir-patient-view"
    response = service.post("/cds-services/ir-patient-view", json=a_call("ir-patient-view"), headers=SOUTH.bearer(view))
    assert response.status_code == 403


def test_a_token_counts_once(service: FlaskClient) -> None:
    """A used token is rejected when it is sent again."""
    headers = NORTH.bearer(**WARD)
    assert sign_order(service, headers).status_code == 200
    refused_like_all_others(sign_order(service, headers))


def test_two_clients_may_use_the_same_token_id(service: FlaskClient) -> None:
    """Token ids need to be unique per issuer only."""
    assert sign_order(service, NORTH.bearer(jti="1", **WARD)).status_code == 200
    assert sign_order(service, SOUTH.bearer(jti="1")).status_code == 200


def test_a_token_that_was_refused_is_not_used_up(service: FlaskClient) -> None:
    """A rejected token does not use up its id, so forged tokens can't block another client's tokens."""
    forged = Ehr(key=private_key("P-384", 1)).bearer(jti="7", **WARD)
    refused_like_all_others(sign_order(service, forged))
    assert sign_order(service, NORTH.bearer(jti="7", **WARD)).status_code == 200


def test_the_body_is_not_read_before_the_token(service: FlaskClient) -> None:
    """Without a token the body is not read: invalid, deeply nested or huge bodies get the same 401."""
    for body in (b"{", b"[" * 200_000, b" " * 60_000_000):
        response = service.post("/cds-services/ir-order-sign", data=body, content_type="text/plain")
        refused_like_all_others(response)
