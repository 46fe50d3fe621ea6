"""A real FHIR R4 server of others, with synthetic patients and our own iodine, lab and order resources."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cds_service.answer import Answer, answer
from cds_service.cases import request_of
from cds_service.cli.main import main
from cds_service.clinical_data.data_request import FetchLimits
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.hooks.envelope import read_request
from cds_service.knowledge.tables import Knowledge
from tests.support.fhir_peer import resources_of
from tests.support.peers import TOKEN, sekmet, synthetic_patients, upload
from tests.support.waiting import PATIENCE

ORDER = "hepatic-artery-chemoembolization"
OURS: dict[str, Any] = {
    "order": ORDER,
    "patient": {"birthDate": "1961-03-01", "gender": "male"},
    "conditions": ["icd-10-cm|C22.0", "icd-10-cm|F20.9", "icd-10-cm|I10"],
    "allergies": [{"code": "sct|395751002", "severity": "severe"}, {"text": "penicillin"}],
    "labs": [
        *({"code": "loinc|777-3", "value": 10 + n, "unit": "10*9/L", "days": n + 1} for n in range(30)),
        {"code": "loinc|6301-6", "value": 1.0, "unit": "{INR}"},
        {"code": "loinc|2160-0", "value": 0.9, "unit": "mg/dL"},
        {"code": "loinc|1975-2", "value": 0.6, "unit": "mg/dL"},
    ],
}
SCOPES = "system/Patient.rs system/Condition.rs system/Observation.rs"


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    """The private keys of two clients, one for each algorithm of SMART backend services."""
    return {"RS384": rsa.generate_private_key(65537, 2048), "ES384": ec.generate_private_key(ec.SECP384R1())}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, now: datetime, keys: dict[str, Any]
) -> Iterator[tuple[str, list[str]]]:
    """The server with the record, and the ids of the synthetic patients."""
    folder = tmp_path_factory.mktemp("sekmet")
    people = synthetic_patients(folder / "people", 6, now.date().isoformat())
    clients = [
        {"client_id": f"cds-{name}", "jwks": {"keys": [public_jwk(key, name)]}, "scopes": SCOPES}
        for name, key in keys.items()
    ]
    auth = {"types": ["bearer", "smart"], "tokens": [TOKEN], "smart_clients": clients}
    with sekmet(folder, auth) as base:
        order = request_of(OURS, now)["context"]["draftOrders"]["entry"][0]["resource"]
        upload(base, [*people, *resources_of(request_of(OURS, now)), order | {"id": "order-1", "status": "active"}])
        yield base, [one["id"] for one in people if one["resourceType"] == "Patient"]


def public_jwk(key: Any, algorithm: str) -> dict[str, Any]:
    """The public half of a key, as the server registers it."""
    kind = jwt.algorithms.RSAAlgorithm if algorithm.startswith("RS") else jwt.algorithms.ECAlgorithm
    public: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    return public | {"kid": algorithm, "alg": algorithm, "use": "sig"}


def private_jwk(key: Any, algorithm: str) -> dict[str, Any]:
    """The whole key, as its owner keeps it."""
    kind = jwt.algorithms.RSAAlgorithm if algorithm.startswith("RS") else jwt.algorithms.ECAlgorithm
    whole: dict[str, Any] = kind.to_jwk(key, as_dict=True)
    return whole | {"kid": algorithm, "alg": algorithm}


def call(base: str, patient: str, token: str | None = TOKEN, hook: str = "order-sign", **more: Any) -> bytes:
    """A hook call that brings nothing but its server and a draft."""
    row = {"order": ORDER}
    request = request_of(row, datetime.now().astimezone())
    body = json.dumps({**request, "hook": hook, "prefetch": {}, "fhirServer": base, **more})
    body = body.replace('"p1"', f'"{patient}"').replace("Patient/p1", f"Patient/{patient}")
    if token is None:
        return body.encode()
    authorization = {"access_token": token, "token_type": "Bearer", "expires_in": 60, "scope": "x", "subject": "cds"}
    return orjson.dumps({**json.loads(body), "fhirAuthorization": authorization})


def judged(body: bytes, knowledge: Knowledge, now: datetime, service: str = "ir-order-sign") -> Answer:
    """The answer to a call."""
    fhir = FhirServers(FetchLimits(deadline=PATIENCE))
    return answer(read_request(service, body), knowledge, now=now, new_id=lambda: "id", fhir=fhir)


def test_a_record_is_read_from_the_server(server: tuple[str, list[str]], knowledge: Knowledge, now: datetime) -> None:
    """A call without prefetch is judged as one that brought everything."""
    request = request_of(OURS, now)
    by_prefetch = answer(read_request("ir-order-sign", orjson.dumps(request)), knowledge, now=now, new_id=lambda: "id")
    found = judged(call(server[0], "p1"), knowledge, now)
    assert found.decision == by_prefetch.decision
    assert found.cards == by_prefetch.cards


def test_a_dispatched_order_is_read_from_the_server(
    server: tuple[str, list[str]], knowledge: Knowledge, now: datetime
) -> None:
    """At order-dispatch the order itself is read from the server, by its id."""
    context = {"patientId": "p1", "dispatchedOrders": ["ServiceRequest/order-1"], "performer": "Organization/ir"}
    body = call(server[0], "p1", hook="order-dispatch", context=context)
    (entry,) = judged(body, knowledge, now, "ir-order-dispatch").decision["procedures"]
    assert (entry["order"], entry["procedure"]) == ("ServiceRequest/order-1", ORDER)


def test_synthetic_patients_are_judged_with_nothing_missing(
    server: tuple[str, list[str]], knowledge: Knowledge, now: datetime
) -> None:
    """Records that someone else made are read whole: nothing is unavailable, and no allergy is invented."""
    for patient in server[1]:
        found = judged(call(server[0], patient), knowledge, now)
        assert "unavailable" not in found.decision
        (entry,) = found.decision["procedures"]
        said = {row["id"]: row["certainty"] for row in entry["contraindications"]}
        assert said["iodine-allergy"] == "absent"


@pytest.mark.parametrize("token", [None, "another-token"])
def test_without_its_token_nothing_is_judged(
    server: tuple[str, list[str]], knowledge: Knowledge, now: datetime, token: str | None
) -> None:
    """A server that refuses everything leaves nothing to judge: one card says so."""
    assert judged(call(server[0], "p1", token), knowledge, now).nothing_judged


def smart_token(base: str, key: Any, algorithm: str) -> str:
    """An access token whose scopes do not open allergies."""
    from cds_service.cli.keys import SigningKey, SmartClient, fetch_token

    return fetch_token(SmartClient(f"cds-{algorithm}", SigningKey(key, algorithm, algorithm), SCOPES, None), base)


def test_a_scope_that_is_missing_is_unknown(
    server: tuple[str, list[str]], keys: dict[str, Any], knowledge: Knowledge, now: datetime
) -> None:
    """A token that does not open allergies leaves the allergy row unknown, and the others judged."""
    found = judged(call(server[0], "p1", smart_token(server[0], keys["ES384"], "ES384")), knowledge, now)
    (entry,) = found.decision["procedures"]
    said = {row["id"]: row["certainty"] for row in entry["contraindications"]}
    assert (said["iodine-allergy"], said["severe-mental-illness"], said["bleeding-tendency"]) == (
        "unknown",
        "present",
        "present",
    )
    assert {gap["data"] for gap in found.decision["unavailable"]} == {"allergies", "medications", "procedures"}


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_invoke_as_a_smart_backend_client(
    server: tuple[str, list[str]],
    keys: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    algorithm: str,
) -> None:
    """`invoke` gets its token by SMART backend services, reads what that opens, and shows the cards."""
    (tmp_path / "key.json").write_text(json.dumps(private_jwk(keys[algorithm], algorithm)), "utf-8")
    client = f'client_id = "cds-{algorithm}"\nkey = "key.json"\nscope = "{SCOPES}"\n'
    (tmp_path / "client.toml").write_text(client, "utf-8")
    arguments = ["--fhir-server", server[0], "--smart-client", str(tmp_path / "client.toml"), "--patient", "p1"]
    assert main(["invoke", *arguments, "--hook", "order-sign", "--order", ORDER]) == 0
    out, err = capsys.readouterr()
    assert "settle who consents" in out
    assert "allergies: fhir-refused" in err


def test_an_expired_token_is_explained(server: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """A token that the server does not accept ends the command with 2 and says what may be wrong with it."""
    old = jwt.encode({"exp": int(time.time()) - 60}, "x" * 32, "HS256")
    arguments = ["--fhir-server", server[0], "--token", old, "--patient", "p1", "--hook", "patient-view"]
    code = main(["invoke", *arguments])
    assert code == 2
    assert "expired" in capsys.readouterr().err


def test_doctor_says_what_the_server_gives(server: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """`doctor` counts resources, vocabularies and usable results, and names the rows that stay unknown."""
    assert main(["doctor", "--fhir-server", server[0], "--token", TOKEN, "--sample", "3", "--json"]) == 0
    survey = json.loads(capsys.readouterr().out)
    assert survey["patients"] == 3
    assert survey["kinds"]["conditions"]["codes"].keys() <= {
        "http://snomed.info/sct",
        "http://hl7.org/fhir/sid/icd-10-cm",
        "",
    }
    assert survey["kinds"]["observations"]["codes"]["http://loinc.org"] > 0
    assert survey["analytes"]["Creatinine"]["usable"] > 0
    assert survey["rows"]["bleeding-tendency"]["unknown"] > 0
