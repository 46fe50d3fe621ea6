"""Why a service refused the call of `invoke`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import responses

from tests.support.ehr import Ehr, private_jwk, private_key, register

URL = "http://127.0.0.1:8099"
EHR = Ehr()
MAY = 'name = "north"\nfhir_servers = ["https://ehr.example.org/fhir"]'


@pytest.mark.parametrize(
    ("issuer", "key", "public_url", "says"),
    [
        (EHR.issuer, EHR.key, URL, "such a token is accepted; the service has other settings"),
        (EHR.issuer, EHR.key, "https://cds.example.org", "aud"),
        ("https://other.example.org", EHR.key, URL, "the issuer is not registered"),
        (EHR.issuer, private_key("P-384", 2), URL, "signature"),
    ],
)
@responses.activate
def test_the_reason_is_told_on_the_machine_of_the_service(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: str, key: object, public_url: str, says: str
) -> None:
    """A 401 says nothing; with the settings of the service at hand, `invoke` says what is wrong with the token."""
    responses.post(f"{URL}/cds-services/ir-order-sign", status=401, json={"issue": [{"diagnostics": "needs a token"}]})
    (tmp_path / "key.json").write_text(json.dumps(private_jwk(key, EHR.kid)), "utf-8")
    monkeypatch.setenv("CDS_CLIENTS", str(register(tmp_path, (EHR, MAY))))
    monkeypatch.setenv("CDS_PUBLIC_URL", public_url)
    signed = ("--issuer", issuer, "--client-key", tmp_path / "key.json")
    ran = run("invoke", "--request", "examples/bleeding-risk.json", "--service-url", URL, *signed)
    assert ran.code == 1
    assert says in ran.err.splitlines()[-1], ran.err


@responses.activate
def test_without_settings_it_is_said_where_to_look(run) -> None:
    """Without a token, or without the settings of the service, it is said what to do or where the reason is."""
    responses.post(f"{URL}/cds-services/ir-order-sign", status=401, json={"issue": [{"diagnostics": "needs a token"}]})
    ran = run("invoke", "--request", "examples/bleeding-risk.json", "--service-url", URL)
    assert "The call had no token" in ran.err
