"""The production server with registered clients: several processes, reloads, and the log."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from cds_service.errors import SettingError
from cds_service.settings import Settings
from cds_service.web.serve import serve
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, as_json, drafts
from tests.support.ehr import PUBLIC_URL, Ehr, private_key, register
from tests.support.server import RunningServer, running_server
from tests.support.serving import workers_of
from tests.support.waiting import PATIENCE, until

NORTH = Ehr()
SOUTH = Ehr("https://south.example.org", "key-1", "RS384", private_key("RSA"))
PATIENT = {
    "resourceType": "Patient",
    "id": "pat-7391",
    "name": [{"family": "Featherstonehaugh", "given": ["Clementine"]}],
    "birthDate": "1981-04-02",
    "telecom": [{"value": "+1-555-0142"}],
}
ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": {"reference": "Patient/pat-7391"},
    "code": {"text": "Zanzibarine", "coding": [{"system": "http://snomed.info/sct", "code": "395751002"}]},
    "note": [{"text": "told by her sister Ottoline"}],
}
ORDER = an_order("uterine fibroid embolization") | {"subject": {"reference": "Patient/pat-7391"}}
CALL = as_json(
    a_call(
        context=drafts(ORDER) | {"patientId": "pat-7391"},
        prefetch=NOTHING_RECORDED
        | {"patient": PATIENT, "allergies": {"resourceType": "Bundle", "entry": [{"resource": ALLERGY}]}},
        fhirServer="https://ehr.example.org/fhir",
        fhirAuthorization={
            "access_token": "opensesame-6f1c",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "subject": "cds",
        },
    )
)
MAY = 'name = "north"\nfhir_servers = ["https://ehr.example.org/fhir"]'
SECRETS = (
    "pat-7391",
    "Featherstonehaugh",
    "Clementine",
    "1981-04-02",
    "555-0142",
    "Zanzibarine",
    "Ottoline",
    "opensesame",
)
THRESHOLD = """
[[threshold]]
id = "platelets-high-risk"
value = {value}
change = {{ reason = "local protocol", approver = "Head of department", date = "2026-11-02", source = "IR-07" }}
"""


@contextmanager
def started(folder: Path) -> Iterator[RunningServer]:
    """A server with two processes, only NORTH registered, and an empty site folder."""
    (folder / "site").mkdir()
    clients = register(folder, (NORTH, MAY))
    settings = {"CDS_CLIENTS": str(clients), "CDS_PUBLIC_URL": PUBLIC_URL, "CDS_SITE": str(folder / "site")}
    with running_server(folder, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Such a server, shared by several tests."""
    with started(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[RunningServer]:
    """One of its own, for a test that looks through the whole log."""
    with started(tmp_path) as running:
        yield running


@pytest.fixture
def folder(server: RunningServer) -> Iterator[Path]:
    """Its folder, for a test that changes clients or tables: afterwards all of its processes are as they were."""
    yield server.log_file.parent
    register(server.log_file.parent, (NORTH, MAY))
    (server.log_file.parent / "site" / "thresholds.toml").unlink(missing_ok=True)
    before = {worker.pid for worker in workers_of(server.process)}
    server.reload()
    until(lambda: before.isdisjoint(worker.pid for worker in workers_of(server.process)), "the processes from before")


def post(server: RunningServer, headers: dict[str, str], body: bytes = CALL) -> requests.Response:
    """The response to an order-sign call."""
    url = f"{server.url}/cds-services/ir-order-sign"
    return requests.post(url, data=body, headers={"Content-Type": "application/json"} | headers, timeout=PATIENCE)


def knowledge_version(server: RunningServer) -> str:
    """The tables that the server answers by."""
    version: str = requests.get(f"{server.url}/readyz", timeout=PATIENCE).json()["knowledgeVersion"]
    return version


def test_a_token_counts_once_in_all_server_processes(server: RunningServer) -> None:
    """A token sent many times at once to a server with several processes is accepted once."""
    headers = NORTH.bearer(jti="sent many times")
    with ThreadPoolExecutor(8) as pool:
        answers = [answer.status_code for answer in pool.map(lambda _: post(server, headers), range(40))]
    assert (answers.count(200), answers.count(401)) == (1, 39)
    assert "sent many times" in {line["jti"] for line in server.events("token refused")}


@pytest.mark.parametrize("lines", [["Authorization: Bearer {0}", "Authorization: Bearer {1}"]])
def test_a_header_sent_twice_does_not_count(server: RunningServer, lines: list[str]) -> None:
    """A request with two Authorization headers, each with a valid token, is rejected."""
    address = urlsplit(server.url)
    head = [
        "GET /cds-services HTTP/1.1",
        f"Host: {address.netloc}",
        "Connection: close",
        *(line.format(*(NORTH.token(f"{PUBLIC_URL}/cds-services") for _ in range(2))) for line in lines),
    ]
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 4")


def test_a_giant_token_is_refused(server: RunningServer) -> None:
    """A huge header is rejected early, and the server goes on."""
    assert post(server, {"Authorization": f"Bearer {'x' * 20_000}"}).status_code in {400, 401, 431}
    assert post(server, NORTH.bearer()).status_code == 200


def test_a_client_registered_while_the_server_runs_gets_in(server: RunningServer, folder: Path) -> None:
    """After SIGHUP a new client is accepted and a removed one rejected; running calls are answered."""
    assert post(server, SOUTH.bearer()).status_code == 401
    register(folder, (NORTH, MAY), (SOUTH, ""))
    done = threading.Event()

    def call_on() -> list[int]:
        answers = []
        while not done.wait(0.01):  # between two calls: others want to use the machine, too
            answers.append(post(server, NORTH.bearer()).status_code)
        return answers

    with ThreadPoolExecutor(2) as pool:
        callers = [pool.submit(call_on) for _ in range(2)]
        try:
            server.reload()
            until(lambda: post(server, SOUTH.bearer(), as_json(a_call(prefetch=NOTHING_RECORDED))).status_code == 200)
        finally:
            done.set()
        answers = [status for caller in callers for status in caller.result()]
    assert set(answers) == {200}
    register(folder, (SOUTH, ""))
    server.reload()
    until(lambda: post(server, NORTH.bearer()).status_code == 401)


def test_a_broken_file_changes_nothing(server: RunningServer, folder: Path) -> None:
    """A mistake in the clients or the tables is logged at SIGHUP, and the server goes on unchanged."""
    version = knowledge_version(server)
    register(folder, (SOUTH, 'max_lifetime = "1h"'))
    server.reload()
    register(folder, (SOUTH, ""))
    (folder / "site" / "thresholds.toml").write_text(THRESHOLD.format(value='"many"'), "utf-8")
    server.reload()
    first, second = (line["event"] for line in server.events("Not reloaded"))
    assert "clients.toml line 4: client 1, max_lifetime" in first
    assert 'thresholds.toml: threshold "platelets-high-risk", value is "many"' in second
    assert post(server, NORTH.bearer()).status_code == 200
    assert post(server, SOUTH.bearer()).status_code == 401
    assert knowledge_version(server) == version


def test_tables_changed_while_the_server_runs_come_into_force(alone: RunningServer, tmp_path: Path) -> None:
    """After SIGHUP every process uses the changed tables; used tokens stay used, pseudonyms stay the same."""
    headers, version = NORTH.bearer(), knowledge_version(alone)
    assert post(alone, headers).status_code == 200
    (tmp_path / "site" / "thresholds.toml").write_text(THRESHOLD.format(value=75), "utf-8")
    alone.reload()
    until(lambda: all(knowledge_version(alone) != version for _ in range(10)))
    assert post(alone, headers).status_code == 401
    assert post(alone, NORTH.bearer()).status_code == 200
    patients = [line["patient"] for line in alone.events("call") if line["status"] == 200]
    assert len(patients) == 2
    assert len(set(patients)) == 1


def test_the_log_has_one_line_per_call_and_nothing_of_the_patient(alone: RunningServer) -> None:
    """The log line of a call has client, path, time and pseudonym, but no name, date, text, patient id or token."""
    good, replayed = NORTH.bearer(), NORTH.bearer()
    assert post(alone, good).json()["cards"]
    assert [post(alone, replayed).status_code for _ in range(2)] == [200, 401]
    broken = CALL.replace(b'"hook":"order-sign"', b'"hook":7')
    elsewhere = CALL.replace(b"https://ehr.example.org/fhir", b"https://evil.example/pat-7391")
    refused = [post(alone, NORTH.bearer(), body).status_code for body in (broken, elsewhere, CALL[:-9])]
    assert refused == [400, 403, 400]
    requests.get(f"{alone.url}/Patient/pat-7391?name=Featherstonehaugh", headers=NORTH.bearer(), timeout=PATIENCE)
    requests.get(f"{alone.url}/cds-services/Clementine", headers=good, timeout=PATIENCE)
    text = alone.log_file.read_text("utf-8")
    tokens = [headers["Authorization"].split()[1] for headers in (good, replayed)]
    assert [secret for secret in (*SECRETS, *tokens, tokens[0].split(".")[2]) if secret in text] == []
    # The year as a word, not as part of a fraction of a second or of a pseudonym.
    assert not re.search(r"(?<![\w.])1981(?!\w)", text)
    lines = alone.events("call")
    assert [line["status"] for line in lines] == [200, 200, 401, 400, 403, 400, 401, 401]
    first = lines[0]
    assert (first["client"], first["hook"], first["path"]) == ("north", "order-sign", "/cds-services/<service_id>")
    assert len(first["patient"]) == 32
    assert first["cards"] == ["warning", "info"]
    assert first["milliseconds"] > 0
    (replay,) = [line for line in alone.events("token refused") if line["reason"] == "the token was used before"]
    assert (replay["iss"], replay["kid"]) == (NORTH.issuer, "key-1")


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """When the server has stopped, its folder of used tokens is deleted."""
    clients = register(tmp_path, (NORTH, MAY))
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    settings = {"CDS_CLIENTS": str(clients), "CDS_PUBLIC_URL": PUBLIC_URL, "TMPDIR": str(scratch)}
    with running_server(tmp_path, **settings) as server:
        assert post(server, NORTH.bearer()).status_code == 200
        assert list(scratch.glob("cds-service-*/used-tokens.sqlite3"))
        server.reload()
    assert list(scratch.glob("cds-service-*")) == []


@pytest.mark.server
def test_with_clients_another_address_than_this_machine_may_be_served(tmp_path: Path) -> None:
    """With registered clients any address is allowed; this one fails only because it is not of this machine."""
    settings = Settings(host="192.0.2.1", port=0, clients=register(tmp_path, (NORTH, MAY)), public_url=PUBLIC_URL)
    with pytest.raises(SettingError, match="can't listen there"):
        serve(settings)
