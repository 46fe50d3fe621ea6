"""Raw connections to the real server: early answers arrive whole, and who sends slowly keeps nobody waiting."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from tests.support.calls import NOTHING_RECORDED, a_call, as_json
from tests.support.server import RunningServer, running_server
from tests.support.serving import workers_of
from tests.support.waiting import PATIENCE, until

BODY = as_json(a_call(prefetch=NOTHING_RECORDED))
CALL = "POST /cds-services/ir-order-sign HTTP/1.1"
JSON = "Content-Type: application/json"
MANY = 150


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One worker with four threads."""
    settings = {"CDS_WORKERS": "1", "CDS_THREADS": "4", "CDS_MAX_BODY": "1000000", "CDS_RATE_LIMIT": "off"}
    with running_server(tmp_path_factory.mktemp("server"), **settings) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def late(server: RunningServer) -> Iterator[dict[str, socket.socket]]:
    """Connections with half a request, opened first, so that the last test hardly waits for what becomes of them."""
    with ExitStack() as waiting:
        opened = {name: waiting.enter_context(closing(connected(server))) for name in ("head", "nothing", "body")}
        opened["head"].sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        opened["body"].sendall(head(server, CALL, JSON, "Content-Length: 5000") + b"{")
        yield opened


def connected(server: RunningServer) -> socket.socket:
    """A connection to the server."""
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE)


def head(server: RunningServer, first: str, *lines: str) -> bytes:
    """The head of a request."""
    return "\r\n".join([first, f"Host: {urlsplit(server.url).netloc}", *lines, "", ""]).encode()


def exchange(server: RunningServer, *parts: bytes) -> tuple[int, bytes]:
    """Status and body of what the server answers until it closes the connection, in stages: no reset."""
    with connected(server) as connection:
        for part in parts:
            connection.sendall(part)
        return answered(everything(connection))


def everything(connection: socket.socket) -> bytes:
    """All that the server sends until it closes the connection."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def answered(received: bytes) -> tuple[int, bytes]:
    """Status and body."""
    first, _, rest = received.partition(b"\r\n")
    return int(first.split()[1]), rest.partition(b"\r\n\r\n")[2]


def calls_are_answered(server: RunningServer) -> bool:
    """Whether a probe and a call are answered."""
    answers = [
        requests.get(f"{server.url}/healthz", timeout=5),
        requests.post(
            f"{server.url}/cds-services/ir-order-sign",
            data=BODY,
            headers={"Content-Type": "application/json"},
            timeout=5,
        ),
    ]
    return [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /cds-serv",
        f"{CALL}\r\nHost: x\r\n".encode(),
        f"{CALL}\r\nHost: localhost\r\n{JSON}\r\nContent-Length: 5000\r\n\r\n{{".encode(),
        f"{CALL}\r\nHost: localhost\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{".encode(),
        f"{CALL}\r\nHost: localhost\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n5".encode(),
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half a chunk", "half a size"],
)
def test_who_sends_half_a_request_keeps_nobody_waiting(server: RunningServer, sent: bytes) -> None:
    """Beside many connections that wait for the rest of a request, probes and calls are answered."""
    with ExitStack() as waiting:
        for _ in range(MANY):
            waiting.enter_context(closing(connected(server))).sendall(sent)
        assert all(calls_are_answered(server) for _ in range(3))


def outcome(body: bytes) -> str:
    """The issue type of an OperationOutcome."""
    read = orjson.loads(body)
    assert read["resourceType"] == "OperationOutcome"
    return str(read["issue"][0]["code"])


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize(
    ("path", "content_type", "size", "status"),
    [
        ("/nothing", "application/json", 900_000, 404),
        ("/cds-services/none", "application/json", 900_000, 404),
        ("/cds-services/ir-order-sign", "text/plain", 900_000, 415),
        ("/cds-services/ir-order-sign", "application/json", 7_000_000, 413),
        ("/healthz", "application/json", 900_000, 405),
    ],
)
def test_an_early_answer_arrives_whole(
    server: RunningServer, path: str, content_type: str, size: int, status: int, framing: str
) -> None:
    """A client that first sends its whole body, then reads, gets the answer and no reset."""
    said = f"Content-Length: {size}" if framing == "length" else "Transfer-Encoding: chunked"
    body = b" " * size if framing == "length" else b"%x\r\n%s\r\n0\r\n\r\n" % (size, b" " * size)
    start = head(server, f"POST {path} HTTP/1.1", f"Content-Type: {content_type}", said, "Connection: close")
    got, answer = exchange(server, start, body)
    assert got == status
    assert outcome(answer)


def test_a_connection_is_kept_after_an_early_answer(server: RunningServer) -> None:
    """What was not read of one request is not taken for the next."""
    with requests.Session() as session:
        for _ in range(3):
            refused = session.post(f"{server.url}/nothing", data=b"x" * 500_000, timeout=PATIENCE)
            assert refused.status_code == 404
            assert session.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200


def test_a_body_without_end_is_not_read_for_ever(server: RunningServer) -> None:
    """After an early answer the rest of a body is discarded up to a bound, then the connection ends."""
    with connected(server) as connection:
        connection.sendall(head(server, "POST /nothing HTTP/1.1", "Content-Length: 900000000"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        sent = 0
        with suppress(OSError):
            while sent < 200_000_000:
                sent += connection.send(b" " * 65536)
    assert sent < 100_000_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\nHost: localhost\n\n", 400),
        (b"GET /healthz HTTP/9.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nX-No-Host: x\r\n\r\n", 400),
        (b"POST /validate HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /validate HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"POST /validate HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /validate HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /validate HTTP/1.1\r\nTransfer-Encoding: own, chunked\r\n\r\n", 501),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"a" * 90_000, 414),
        (b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 200 + b"\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nExpect: the unexpected\r\n\r\n", 417),
    ],
)
def test_wrong_framing_is_an_operation_outcome(server: RunningServer, sent: bytes, status: int) -> None:
    """A request that is not HTTP gets a status that fits and an OperationOutcome, and its connection ends."""
    got, body = exchange(server, sent)
    assert (got, bool(outcome(body))) == (status, True)


def test_a_body_that_ends_early_is_not_judged(server: RunningServer) -> None:
    """What arrives is a whole JSON value, but not all that was announced: nobody knows what was cut off."""
    with connected(server) as connection:
        connection.sendall(head(server, CALL, JSON, f"Content-Length: {len(BODY) + 100}") + BODY)
        connection.shutdown(socket.SHUT_WR)
        got, answer = answered(everything(connection))
    assert (got, outcome(answer)) == (400, "invalid")


def damaged(request: bytes, chance: random.Random) -> bytes:
    """A request with a few bytes changed, dropped or put in."""
    content = bytearray(request)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content))
        match chance.randrange(4):
            case 0:
                content[at] = chance.randrange(256)
            case 1:
                del content[at : at + chance.randint(1, 5)]
            case 2:
                content[at:at] = chance.randbytes(chance.randint(1, 5))
            case _:
                content[at:at] = chance.choice((b"\r\n", b"\n", b": ", b"\0", b"Content-Length: 3\r\n", b"Host: x\r\n"))
    return bytes(content)


def test_a_damaged_request_is_answered_or_the_connection_ends(server: RunningServer) -> None:
    """Of 200 damaged requests none fails in the service, hangs or gets a reset; a refusal is an OperationOutcome."""
    chance = random.Random(20261126)  # noqa: S311  which bytes are damaged, not a secret
    wrong = []
    for number in range(200):
        body, framing = ((BODY, "length"), (b"{}", "length"), (BODY[:40], "chunked"))[number % 3]
        said = f"Content-Length: {len(body)}" if framing == "length" else "Transfer-Encoding: chunked"
        sent = body if framing == "length" else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        request = damaged(head(server, CALL, JSON, said), chance) + sent
        with connected(server) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            received = everything(connection)  # raises on a reset, or where nothing comes
        if received:
            status, answer = answered(received)
            if status not in (501, *range(200, 500)) or (status >= 400 and b"OperationOutcome" not in answer):
                wrong.append((request, received))
    assert wrong == []
    assert calls_are_answered(server)


@pytest.mark.parametrize("body", [b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3;\x00\r\nabc\r\n0\r\n\r\n"])
def test_wrong_chunks_are_the_fault_of_the_caller(server: RunningServer, body: bytes) -> None:
    """A body whose chunks are malformed is answered with 400, and its connection ends."""
    start = head(server, CALL, JSON, "Transfer-Encoding: chunked")
    got, answer = exchange(server, start, body)
    assert (got, outcome(answer)) == (400, "invalid")


def test_nothing_of_a_malformed_request_is_logged(server: RunningServer) -> None:
    """The log names the kind of a framing error and nothing of what was sent."""
    exchange(server, b"GET /healthz HTTP/1.1\r\nAuthorization secret-token\r\n\r\n")
    log = Path(server.log_file).read_text("utf-8")
    assert "A request was refused with 400" in log
    assert "secret-token" not in log


def test_requests_in_one_packet_are_answered_in_order(server: RunningServer) -> None:
    """Pipelined requests, the last one cut in two, are all answered on one connection."""
    one, last = head(server, "GET /healthz HTTP/1.1"), head(server, "GET /nothing HTTP/1.1", "Connection: close")
    with connected(server) as connection:
        connection.sendall(one + one + last[:20])
        time.sleep(0.2)
        connection.sendall(last[20:])
        received = everything(connection)
    assert [received.count(b"HTTP/1.1 200 "), received.count(b"HTTP/1.1 404 ")] == [2, 1]


@pytest.mark.parametrize(("what", "status"), [("head", 408), ("body", 408), ("nothing", None)])
def test_who_is_late_is_told_so(late: dict[str, socket.socket], what: str, status: int | None) -> None:
    """Half a request is answered with 408 and its connection ends; one without any request ends without an answer."""
    received = everything(late[what])
    if status is None:
        assert received == b""
    else:
        got, body = answered(received)
        assert (got, outcome(body)) == (status, "timeout")


def test_more_connections_than_fit_end_the_oldest(server: RunningServer) -> None:
    """Where more connections are open than a worker keeps, the next caller is still answered."""
    with ExitStack() as waiting:
        for _ in range(1100):
            waiting.enter_context(closing(connected(server)))
        assert calls_are_answered(server)


def test_large_calls_at_once_stay_within_memory(tmp_path: Path) -> None:
    """Four calls of 44 MB at once are all answered, and their process stays under 600 MB."""
    body = as_json(a_call(prefetch=NOTHING_RECORDED | {"observations": many_results(44_000_000)}))
    peak = 0
    with running_server(tmp_path, CDS_WORKERS="1", CDS_RATE_LIMIT="off") as server:
        until(lambda: bool(workers_of(server.process)))
        worker = workers_of(server.process)[0]
        with ThreadPoolExecutor(4) as pool:
            url, headers = f"{server.url}/cds-services/ir-order-sign", {"Content-Type": "application/json"}
            answers = [pool.submit(requests.post, url, data=body, headers=headers, timeout=PATIENCE) for _ in range(4)]
            while not all(answer.done() for answer in answers):
                peak = max(peak, worker.memory_info().rss)
                time.sleep(0.01)
    # On a slow machine those that wait for room may be asked to come again.
    assert {answer.result().status_code for answer in answers} <= {200, 503}
    assert 200 in {answer.result().status_code for answer in answers}
    assert peak < 600_000_000


def many_results(size: int) -> dict[str, Any]:
    """A Bundle of about `size` bytes of results that no table reads."""
    code = {"coding": [{"system": "http://loinc.org", "code": "2093-3", "display": "Cholesterol"}]}
    result = {"resourceType": "Observation", "status": "final", "code": code, "valueString": "x" * 3_500}
    entries = [
        {"resource": result | {"id": f"o{place}", "subject": {"reference": "Patient/pat-1"}}}
        for place in range(size // 3_800)
    ]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}
