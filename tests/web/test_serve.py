"""The production server as a separate process: start, answers, errors and draining."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from cds_service.errors import SettingError
from cds_service.settings import Settings
from cds_service.web.serve import _listener, serve
from tests.support.calls import NOTHING_RECORDED, a_call, as_json
from tests.support.serving import workers_of
from tests.support.waiting import PATIENCE, until

REPOSITORY = Path(__file__).parents[2]
START = (
    "from cds_service.settings import environment, load_settings; from cds_service.web import worker; "
    "from cds_service.web.serve import serve; "
    f"worker.BODY_SECONDS = {PATIENCE}; "  # how busy the machine is ends no call here; see test_slow_senders.py
    "serve(load_settings(environment()))"
)
BODY = as_json(a_call(prefetch=NOTHING_RECORDED))


@dataclass
class Server:
    """A running server and its output at start."""

    process: subprocess.Popen[str]
    url: str
    said: str


def started(**settings: str) -> Server:
    """A server on a free port, after it has logged its URL."""
    environ = os.environ | {"CDS_PORT": "0", "CDS_MAX_BODY": "100000", "PYTHONUNBUFFERED": "1"} | settings
    process = subprocess.Popen(
        [sys.executable, "-c", START], cwd=REPOSITORY, env=environ, stderr=subprocess.PIPE, text=True
    )
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if found := re.search(r"Discovery: (\S+)/cds-services", line):
            return Server(process, found[1], said)
    raise AssertionError(f"the server did not start: {said}")


def stopped(server: Server) -> int:
    """The exit code of the server after SIGTERM."""
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(timeout=PATIENCE)
    assert server.process.stderr is not None
    server.process.stderr.close()
    return code


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server shared by several tests."""
    running = started(CDS_SIET="typing error")
    yield running
    assert stopped(running) == 0


def connected(server: Server) -> socket.socket:
    """A socket connected to the server."""
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE)


def head(server: Server, *lines: str) -> bytes:
    """The request line and headers of a call with these header lines."""
    address = urlsplit(server.url).netloc
    call = ["POST /cds-services/ir-order-sign HTTP/1.1", f"Host: {address}", "Content-Type: application/json", *lines]
    return "\r\n".join([*call, "", ""]).encode()


def everything(connection: socket.socket) -> bytes:
    """Everything the server sends until it closes the connection."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def test_the_server_answers_and_says_who_can_reach_it(server: Server) -> None:
    """At start the server logs that only this machine can reach it, and the discovery URL; then it answers."""
    assert server.url.startswith("http://127.0.0.1:")
    assert "Open to every program on this machine" in server.said
    response = requests.post(f"{server.url}/cds-services/ir-order-sign", data=BODY, headers=JSON, timeout=PATIENCE)
    assert (response.status_code, response.json()["cards"]) == (200, [])


JSON = {"Content-Type": "application/json"}


def test_a_misspelled_setting_is_warned_of(server: Server) -> None:
    """A misspelled setting in the environment is logged at start."""
    warning = next(orjson.loads(line) for line in server.said.splitlines() if "CDS_SIET" in line)
    assert warning["level"] == "warning"
    assert warning["event"].startswith("CDS_SIET is not a setting")


def test_a_chunked_call_is_answered(server: Server) -> None:
    """A chunked request without Content-Length is answered."""
    parts = (BODY[start : start + 100] for start in range(0, len(BODY), 100))
    response = requests.post(f"{server.url}/cds-services/ir-order-sign", data=parts, headers=JSON, timeout=PATIENCE)
    assert response.status_code == 200


@pytest.mark.parametrize("chunked", [True, False])
def test_an_oversized_call_is_refused(server: Server, chunked: bool) -> None:
    """A body over the limit gets a 413 that the client can read, with or without Content-Length."""
    size = 150_000
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b" " * size) if chunked else b" " * size
    with connected(server) as connection:
        connection.sendall(head(server, framing, "Connection: close") + body)
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert orjson.loads(answer.split(b"\r\n\r\n", 1)[1])["resourceType"] == "OperationOutcome"


def test_deep_json_does_not_bring_a_worker_down(server: Server) -> None:
    """An extremely nested body gets a 400, and the server goes on."""
    deep = b'{"prefetch":{"conditions":' + b"[" * 40_000 + b"]" * 40_000 + b"}}"
    for _ in range(4):
        response = requests.post(f"{server.url}/cds-services/ir-order-sign", data=deep, headers=JSON, timeout=PATIENCE)
        assert response.status_code == 400
    assert requests.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200


def test_a_log_that_nobody_reads_holds_no_call_up() -> None:
    """If the log reader has stopped, calls are still answered, and the number of lost lines is logged later."""
    server = started(CDS_RATE_LIMIT="off", CDS_WORKERS="1")
    with requests.Session() as session:
        for _ in range(600):
            assert session.get(f"{server.url}/cds-services", timeout=PATIENCE).status_code == 200
    assert server.process.stderr is not None
    os.read(server.process.stderr.fileno(), 1_000_000)
    assert requests.get(f"{server.url}/cds-services", timeout=PATIENCE).status_code == 200
    server.process.send_signal(signal.SIGTERM)
    assert "lines_lost" in server.process.stderr.read()
    server.process.stderr.close()
    assert server.process.wait(timeout=PATIENCE) == 0


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_call_under_way_is_answered_before_the_server_stops(told: signal.Signals) -> None:
    """On SIGTERM and SIGINT the server takes no more calls but answers the one whose body is still arriving."""
    server = started(CDS_WORKERS="2")
    until(lambda: len(workers_of(server.process)) == 2, "the workers")
    with connected(server) as connection:
        connection.sendall(head(server, f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY[:50])
        for process in (*workers_of(server.process), server.process):  # as a terminal does
            process.send_signal(told)
        until(lambda: len(workers_of(server.process)) == 1, "the idle worker to go")
        connection.sendall(BODY[50:])
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"}")
    assert server.process.wait(timeout=PATIENCE) == 0
    assert server.process.stderr is not None
    server.process.stderr.close()


def test_a_stopping_server_answers_the_calls_that_wait_and_refuses_later_ones() -> None:
    """Who has connected gets an answer. Who comes later is refused at once, so that a proxy may ask another server."""
    server = started(CDS_WORKERS="1")
    assert requests.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200
    (worker,) = workers_of(server.process)
    worker.suspend()
    waiting = [connected(server) for _ in range(8)]
    for connection in waiting:
        connection.sendall(head(server, f"Content-Length: {len(BODY)}") + BODY[:50])
    for process in (worker, server.process):
        process.send_signal(signal.SIGTERM)
    worker.resume()
    until(lambda: _refuses(server), "the socket to be closed")
    for connection in waiting:
        connection.sendall(BODY[50:])
        assert everything(connection).startswith(b"HTTP/1.1 200 ")
        connection.close()
    assert server.process.wait(timeout=PATIENCE) == 0
    assert server.process.stderr is not None
    server.process.stderr.close()


def _refuses(server: Server) -> bool:
    try:
        connected(server).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "ehr.example.org"])  # noqa: S104  rejected
def test_an_open_address_needs_a_word(host: str) -> None:
    """An address that other machines can reach is rejected with the remedy, unless --insecure is given."""
    with pytest.raises(SettingError, match="--insecure"):
        serve(Settings(host=host, port=0))


def test_a_port_in_use_is_named() -> None:
    """A port in use stops the start with the setting and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingError, match=rf"CDS_PORT {port}: can't listen there .* --port"):
            serve(Settings(port=port))


def test_no_call_is_let_in_before_signals_are_handled():
    """The address is taken at once, so that its owner is told; it listens when gunicorn handles signals."""
    listener = _listener(Settings(host="127.0.0.1", port=0))
    with listener, socket.socket() as caller:
        assert not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        with pytest.raises(ConnectionRefusedError):
            caller.connect(listener.getsockname())
