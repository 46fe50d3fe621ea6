"""`invoke` and `doctor` with a FHIR server: requests, output, and error messages."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cds_service.cases import request_of
from cds_service.cli.fhir_source import FhirSource, RateLimiter
from cds_service.errors import SetupError
from tests.support.fhir_peer import TOKEN, Exchange, Peer, resources_of, running_peer

ORDER = "uterine-fibroid-embolization"
ROW: dict[str, Any] = {
    "order": ORDER,
    "patient": {"birthDate": "1980-03-01", "gender": "female"},
    "conditions": ["icd-10-cm|D25.9", "icd-10-cm|F20.9"],
    "allergies": [{"code": "sct|395751002", "severity": "severe"}],
    "labs": [{"code": "loinc|777-3", "value": 40, "unit": "10*9/L"}, {"code": "loinc|6301-6", "value": 1, "unit": "1"}],
}
SIGN = ("--patient", "p1", "--hook", "order-sign", "--order", ORDER)


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A server that requires a token, with one patient and one order."""
    request = request_of(ROW, datetime.now().astimezone())
    order = request["context"]["draftOrders"]["entry"][0]["resource"] | {"id": "order-1", "status": "active"}
    with running_peer([*resources_of(request), order], token=TOKEN, page_size=1) as running:
        yield running


def ehr(peer: Peer, *arguments: str) -> list[str]:
    """Arguments of `invoke` for the peer."""
    return ["invoke", "--fhir-server", peer.base, "--token", TOKEN, *arguments]


def test_an_order_is_judged_at_a_server(run: Callable[..., Any], peer: Peer) -> None:
    """Patient, order and cards are printed; progress and the server's name go to standard error."""
    ran = run(*ehr(peer, *SIGN))
    assert ran.code == 0
    assert ran.out.startswith("Patient p1, female, 1980-03-01\nOrder ServiceRequest/draft-1: Embolization for uterine")
    assert "Severe reaction to" in ran.out
    assert "peer, FHIR 4.0.1" in ran.err
    assert "conditions: read" in ran.err


@pytest.mark.parametrize(
    ("hook", "order"),
    [
        ("order-select", "http://snomed.info/sct|225337009"),
        ("order-select", "procedure|" + ORDER),
        ("order-sign", "ServiceRequest/order-1"),
        ("order-dispatch", "ServiceRequest/order-1"),
        ("appointment-book", "ServiceRequest/order-1"),
        ("appointment-book", ORDER),
        ("patient-view", None),
    ],
)
def test_every_hook_can_be_played(run: Callable[..., Any], peer: Peer, hook: str, order: str | None) -> None:
    """Each hook can be called, with a context made from a draft or an order on the server."""
    ran = run(*ehr(peer, "--patient", "p1", "--hook", hook, *(("--order", order) if order else ()), "--json"))
    assert ran.code == 0
    answered = json.loads(ran.out)
    (entry,) = answered["extension"]["org.example.ir-cds"]["procedures"]
    if order is None or not order.startswith("http"):
        assert entry["procedure"] == ORDER
        assert {row["id"]: row["certainty"] for row in entry["contraindications"]}["iodine-allergy"] == "present"


def test_the_service_can_be_left_to_read_for_itself(run: Callable[..., Any], peer: Peer) -> None:
    """With --no-prefetch the response is the same, and the service reads the resources itself."""
    by_prefetch = json.loads(run(*ehr(peer, *SIGN, "--json")).out)
    peer.requests.clear()
    by_service = json.loads(run(*ehr(peer, *SIGN, "--json", "--no-prefetch")).out)
    assert by_service["extension"] == by_prefetch["extension"]
    assert len(peer.asked("Condition")) == 2


def test_a_request_is_kept_for_replay_without_its_token(run: Callable[..., Any], peer: Peer, tmp_path: Path) -> None:
    """A saved request has no token, and gives the same response without the server."""
    kept = tmp_path / "request.json"
    first = json.loads(run(*ehr(peer, *SIGN, "--json", "--save", str(kept))).out)
    assert TOKEN not in kept.read_text("utf-8")
    again = json.loads(run("invoke", "--request", kept, "--json").out)
    assert again["extension"] == first["extension"]


def test_what_was_not_had_is_not_sent(run: Callable[..., Any], peer: Peer, tmp_path: Path) -> None:
    """Data that the server refuses are left out of the request and reported; incomplete data are marked."""
    peer.faults = {
        "Condition": lambda exchange: exchange.outcome(403),
        "Observation": lambda x: peer.answer(x) if x.number == 1 else x.outcome(401),
    }
    kept = tmp_path / "request.json"
    ran = run(*ehr(peer, *SIGN, "--save", str(kept)))
    assert ran.code == 0
    assert "conditions: fhir-refused" in ran.err
    assert "could not be read" in ran.out
    prefetch = json.loads(kept.read_text("utf-8"))["prefetch"]
    assert "conditions" not in prefetch
    kinds = [entry["resource"]["resourceType"] for entry in prefetch["observations"]["entry"]]
    assert kinds == ["Observation", "OperationOutcome"]


def test_a_kept_request_without_prefetch_can_be_replayed_with_a_token(
    run: Callable[..., Any], peer: Peer, tmp_path: Path
) -> None:
    """A saved request without prefetch can be replayed with a token for its server, but not without one."""
    kept = tmp_path / "request.json"
    first = json.loads(run(*ehr(peer, *SIGN, "--json", "--no-prefetch", "--save", str(kept))).out)
    assert kept.stat().st_mode & 0o077 == 0
    again = json.loads(run("invoke", "--request", kept, "--token", TOKEN, "--json").out)
    assert again["extension"] == first["extension"]
    ran = run("invoke", "--request", kept)
    assert "Record could not be read" in ran.out
    assert "no FHIR server was available" in ran.out


# --- Errors ---

METADATA: dict[str, Any] = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: x.outcome(401), "the token is not accepted"),
        (lambda x: x.outcome(403), "the token does not allow this; ask for a scope"),
        (lambda x: x.outcome(404), "there is no FHIR server here; its base URL often ends in /fhir"),
        (lambda x: x.outcome(500), "500; try again, or see the server's log"),
        (lambda x: x.send(302, b"", Location="https://login.example.org/"), "302, it redirects to another URL"),
        (lambda x: x.send(200, b"<html>sign in</html>", "text/html"), "not FHIR JSON; give the base URL"),
        (lambda x: x.send_json({"a": 1}), "not FHIR JSON; give the base URL"),
        (lambda x: x.send_json({"resourceType": "Patient"}), "answered with a Patient"),
        (lambda x: x.send_json({"resourceType": "Conformance", "fhirVersion": "1.0.2"}), "FHIR 1.0.2 (DSTU2), but R4"),
        (lambda x: x.send_json(METADATA | {"fhirVersion": "3.0.2"}), "FHIR 3.0.2 (STU3), but R4"),
        (lambda x: x.send_json(METADATA | {"fhirVersion": "5.0.0"}), "FHIR 5.0.0 (R5), but R4"),
        (lambda x: x.raw(), "no server answers there; check the URL"),
    ],
)
@pytest.mark.parametrize("command", ["invoke", "doctor"])
def test_a_server_that_is_of_no_use_is_explained(
    run: Callable[..., Any], peer: Peer, answer: Callable[[Exchange], None], said: str, command: str
) -> None:
    """If a server can't be used, the message says why and what to do: exit code 2."""
    peer.faults["metadata"] = answer
    more = SIGN if command == "invoke" else ()
    ran = run(command, "--fhir-server", peer.base, "--token", TOKEN, *more)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert TOKEN not in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--patient", "p9", *SIGN[2:]), "404, there is no such resource; see"),
        (("--patient", "p1", "--hook", "order-sign"), "order-sign needs an order: give --order"),
        ((*SIGN[:4], "--order", "uterine"), "did you mean uterine-artery-embolization"),
        ((*SIGN[:4], "--order", "ServiceRequest/none"), "404, there is no such resource"),
        (("--patient", "p1", "--hook", "order-dispatch", "--order", ORDER), "give --order ServiceRequest/ID"),
        (("--hook", "order-sign"), "goes with --patient ID and --hook HOOK"),
        ((*SIGN, "--issuer", "https://ehr.example.org"), "--client-key and --issuer go together"),
        ((*SIGN, "--save", "/nowhere/request.json"), "can't be written"),
        ((*SIGN, "--token", "a token"), "the token has a blank"),
        ((*SIGN, "--service-url", "127.0.0.1:8080"), "is not a URL; write it with its scheme"),
    ],
)
def test_what_is_missing_is_said(run: Callable[..., Any], peer: Peer, arguments: tuple[str, ...], said: str) -> None:
    """A missing or wrong option is reported with what to write instead: exit code 2."""
    ran = run(*ehr(peer, *arguments))
    assert ran.code == 2
    assert said in ran.err


@pytest.mark.parametrize(
    "url", ["ehr.example.org/fhir", "ftp://ehr.example.org", "http://u@h/", "http://h:x/", "http:"]
)
def test_an_address_that_is_none(run: Callable[..., Any], url: str) -> None:
    """A malformed base URL is rejected before any request."""
    ran = run("invoke", "--fhir-server", url, *SIGN)
    assert ran.code == 2
    assert "is not the base URL of a FHIR server" in ran.err


def test_a_certificate_of_ones_own(run: Callable[..., Any], peer: Peer, tmp_path: Path) -> None:
    """An untrusted certificate is reported with the remedy, and the remedy works."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with running_peer(peer.resources, token=TOKEN, tls=context) as safe:
        assert safe.base.startswith("https://")
        ran = run(*ehr(safe, *SIGN))
        assert ran.code == 2
        assert "its certificate is not trusted; give the certificate of its CA with --ca" in ran.err
        assert safe.authorizations == []
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        assert run(*ehr(safe, *SIGN, "--ca", str(tmp_path / "ca.pem"))).code == 0
        assert run(*ehr(safe, *SIGN, "--ca", str(tmp_path / "ca.pem"), "--no-prefetch")).code == 0


# --- Signing ---


@pytest.mark.parametrize("form", ["pem", "jwk"])
@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_call_is_signed_for_its_url(
    run: Callable[..., Any], recorded_service: Any, tmp_path: Path, form: str, algorithm: str
) -> None:
    """With a key the call has a short-lived JWT of the given issuer for exactly the URL called."""
    key: Any = (
        ec.generate_private_key(ec.SECP384R1()) if algorithm == "ES384" else rsa.generate_private_key(65537, 2048)
    )
    file = tmp_path / "key"
    if form == "pem":
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    else:
        kind = jwt.algorithms.ECAlgorithm if algorithm == "ES384" else jwt.algorithms.RSAAlgorithm
        file.write_text(json.dumps(kind.to_jwk(key, as_dict=True) | {"kid": "k1"}), "utf-8")
    kept = tmp_path / "request.json"
    kept.write_text(json.dumps(request_of(ROW, datetime.now().astimezone())), "utf-8")
    url = f"http://127.0.0.1:{recorded_service.server_port}"
    kid = ("--kid", "k1") if form == "pem" else ()
    ran = run(
        *("invoke", "--request", kept, "--service-url", url, "--issuer", "https://ehr.example.org"),
        *("--client-key", file, *kid),
    )
    assert ran.code == 0
    token = recorded_service.authorizations[-1].removeprefix("Bearer ")
    called = f"{url}/cds-services/ir-order-sign"
    claims = jwt.decode(token, key.public_key(), algorithms=[algorithm], audience=called)
    assert (claims["iss"], claims["exp"] - claims["iat"]) == ("https://ehr.example.org", 300)
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    assert claims["jti"]


@pytest.mark.parametrize("content", [b"", b"no key", b'{"kty":"oct","k":"c2VjcmV0"}', b'{"kty":"RSA"}'])
def test_a_file_that_holds_no_key(run: Callable[..., Any], tmp_path: Path, content: bytes) -> None:
    """A file without a usable private key is rejected with what is needed instead."""
    (tmp_path / "key").write_bytes(content)
    arguments = ("--issuer", "https://ehr.example.org", "--client-key", tmp_path / "key")
    ran = run("invoke", "--request", "examples/bleeding-risk.json", *arguments)
    assert ran.code == 2
    assert "is not a private key for ES384 or RS384" in ran.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("client_id = ", "can't be read as TOML"),
        ('client_id = "a"\n', "key is missing"),
        ('client_id = "a"\nkey = "none.pem"\n', "can't be read"),
        ('client_id = "a"\nsecret = "x"\n', "secret; write only"),
        ('client_id = 7\nkey = "k"\n', "a value that is not text"),
    ],
)
def test_a_smart_client_that_is_incomplete(run: Callable[..., Any], tmp_path: Path, content: str, said: str) -> None:
    """An unusable SMART client file is reported with what is wrong in it."""
    (tmp_path / "client.toml").write_text(content, "utf-8")
    ran = run("doctor", "--fhir-server", "http://127.0.0.1:9", "--smart-client", tmp_path / "client.toml")
    assert ran.code == 2
    assert said in ran.err


# --- Rate limit ---


def test_a_guest_asks_slowly() -> None:
    """With a rate limit, the third request has waited two intervals."""
    limiter, started = RateLimiter(50), time.monotonic()
    for _ in range(3):
        limiter.wait()
    assert time.monotonic() - started >= 2 / 50


def test_only_servers_of_others_are_asked_slowly() -> None:
    """The default rate limit applies to remote servers, not to servers on this machine."""
    assert not FhirSource("https://hapi.fhir.org/baseR4").is_local
    assert FhirSource("http://127.0.0.1:8080/fhir").is_local
    with pytest.raises(SetupError):
        FhirSource("hapi.fhir.org/baseR4")


# --- doctor ---


def test_doctor_without_a_server_checks_the_installation(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a server, doctor prints the tables' version and the hospital's time; a misspelled setting gives 1."""
    ran = run("doctor")
    assert (ran.code, "all checks passed" in ran.out) == (0, True)
    monkeypatch.setenv("CDS_SIET", "typing error")
    ran = run("doctor")
    assert (ran.code, "CDS_SIET is not a setting" in ran.out) == (1, True)


def test_doctor_reads_the_codes_of_medications_where_they_stand(run: Callable[..., Any], peer: Peer) -> None:
    """In the request or in a Medication inside it, and not where a Medication of its own has it; words are told so."""
    rxnorm = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "314076"}]}
    order = {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
    order |= {"subject": {"reference": "Patient/p1"}}
    inside = [{"resourceType": "Medication", "id": "m", "code": rxnorm}]
    peer.resources[:] = [one for one in peer.resources if not one["resourceType"].startswith("Medication")] + [
        order | {"id": "coded", "medicationCodeableConcept": rxnorm},
        order | {"id": "contained", "contained": inside, "medicationReference": {"reference": "#m"}},
        order | {"id": "referred", "medicationReference": {"reference": "Medication/own"}},
        order | {"id": "words", "medicationCodeableConcept": {"text": "Aspirin 100"}},
        {"resourceType": "Medication", "id": "own", "code": rxnorm},
    ]
    said = run("doctor", "--fhir-server", peer.base, "--token", TOKEN, "--patient", "p1").out
    told = said.partition("\nMedicationRequest: ")[2].partition("\nProcedure: ")[0]
    assert "  2 x http://www.nlm.nih.gov/research/umls/rxnorm: read\n" in told
    assert "  1 x in words, without a code\n" in told
    assert "not a code system" not in told


def test_doctor_names_what_a_server_withholds(run: Callable[..., Any], peer: Peer) -> None:
    """Refused data, unknown code systems, unusable results and rows that stay unknown are reported: exit code 1."""
    peer.faults["AllergyIntolerance"] = lambda exchange: exchange.outcome(403)
    local = {"coding": [{"system": "urn:local", "code": "X1"}]}
    peer.resources.append(
        {"resourceType": "Condition", "id": "local", "code": local, "subject": {"reference": "Patient/p1"}}
    )
    for resource in peer.resources:
        if resource["resourceType"] == "Observation":
            resource.get("valueQuantity", {}).pop("unit", None)
    ran = run("doctor", "--fhir-server", peer.base, "--token", TOKEN, "--patient", "p1")
    assert ran.code == 1
    assert "the FHIR server refused access to the recorded allergies (status 403)" in ran.out
    assert "1 x urn:local: not a code system that the tables use" in ran.out
    assert "the result has no unit (1)" in ran.out or "the result has no unit" in ran.out
    assert "iodine-allergy" in ran.out
    assert "ir-condition-system" in ran.out
    assert "ir-unit-platelets" in ran.out
    assert "1970-03-01" not in ran.out


def test_doctor_counts_orders_by_how_they_are_recognized(run: Callable[..., Any], peer: Peer) -> None:
    """Orders on the server count by how they are recognized; unknown interventional ones are named to be mapped."""
    codes: list[dict[str, Any]] = [
        {"coding": [{"system": "http://snomed.info/sct", "code": "233445008"}]},
        {"text": "US guided liver biopsy"},
        {"coding": [{"system": "urn:local", "code": "X7"}], "text": "IR THING"},
        {"text": "IR THING"},
        {"text": "CBC"},
    ]
    subject = {"reference": "Patient/p1"}
    peer.resources = [r for r in peer.resources if r["resourceType"] != "ServiceRequest"]
    for number, code in enumerate(codes):
        order = {"resourceType": "ServiceRequest", "id": f"o{number}", "status": "active", "intent": "order"}
        peer.resources.append({**order, "code": code, "subject": subject})
    ran = run("doctor", "--fhir-server", peer.base, "--token", TOKEN, "--patient", "p1")
    assert "  1 x by code\n" in ran.out
    assert "  1 x by text\n" in ran.out
    assert "  2 x not: look like interventional radiology, no known procedure\n" in ran.out
    assert "  1 x not: any other order\n" in ran.out
    assert "  1 x to map: urn:local|X7 IR THING\n" in ran.out


def test_doctor_does_not_look_at_nobody(run: Callable[..., Any], peer: Peer) -> None:
    """An unknown patient or an empty sample is rejected, because it would look like no findings."""
    asked = ("doctor", "--fhir-server", peer.base, "--token", TOKEN)
    ran = run(*asked, "--patient", "nobody")
    assert (ran.code, "404, there is no such resource" in ran.err) == (2, True)
    assert run(*asked, "--sample", "0").code == 2


@pytest.mark.parametrize("option", [("--patient", "p1"), ("--no-prefetch",), ("--rate", "2")])
def test_what_needs_a_server_is_not_passed_over(run: Callable[..., Any], option: tuple[str, ...]) -> None:
    """With a saved request, an option that needs a FHIR server is rejected instead of ignored."""
    ran = run("invoke", "--request", "examples/bleeding-risk.json", *option)
    assert (ran.code, f"{option[0]} goes with --fhir-server" in ran.err) == (2, True)


def test_doctor_finds_patients_to_look_at(run: Callable[..., Any], peer: Peer) -> None:
    """Without --patient, doctor uses patients from the server; a server that lists none is reported with the remedy."""
    peer.habits.page_size = 100
    ran = run("doctor", "--fhir-server", peer.base, "--token", TOKEN)
    assert (ran.code, "patient 1 of 1" in ran.err) == (0, True)
    peer.resources.clear()
    ran = run("doctor", "--fhir-server", peer.base, "--token", TOKEN)
    assert (ran.code, "name some with --patient ID" in ran.err) == (2, True)


def test_doctor_says_what_only_the_service_itself_finds(run: Callable[..., Any], peer: Peer) -> None:
    """Templates are run once, as an EHR does: where only the service reads the further pages, doctor says so."""
    peer.habits.page_size = 1
    ran = run("doctor", "--fhir-server", peer.base, "--token", TOKEN, "--patient", "p1", "--json")
    found = json.loads(ran.out)["kinds"]
    assert ran.code == 1
    assert found["observations"]["template"] == {"goes on on further pages": 1}
    assert found["observations"]["by_fallback_only"] == 1
    assert found["patient"]["by_fallback_only"] == 0
    text = run("doctor", "--fhir-server", peer.base, "--token", TOKEN, "--patient", "p1").out
    assert "1 x its prefetch template, run once as an EHR does, goes on on further pages" in text
    assert "by prefetch" in text


def test_a_token_comes_from_a_variable(run: Callable[..., Any], peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is read from the environment variable that is named; one that is not there is said."""
    monkeypatch.setenv("OUR_TOKEN", TOKEN)
    asked = ("doctor", "--fhir-server", peer.base, "--patient", "p1")
    assert run(*asked, "--token-env", "OUR_TOKEN").code in (0, 1)
    ran = run(*asked, "--token-env", "NO_TOKEN")
    assert (ran.code, "no such environment variable" in ran.err) == (2, True)


def test_invoke_says_why_a_kind_was_refused(run: Callable[..., Any], peer: Peer) -> None:
    """Where the server refuses a kind of data, invoke says which and why, in words."""
    peer.faults["AllergyIntolerance"] = lambda exchange: exchange.outcome(403)
    asked = ("--fhir-server", peer.base, "--token", TOKEN, "--patient", "p1", "--hook", "order-sign", "--order", "tips")
    ran = run("invoke", *asked)
    assert "allergies: the FHIR server refused access to the recorded allergies (status 403)" in ran.err
