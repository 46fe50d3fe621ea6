"""Calling a running service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from werkzeug.serving import BaseWSGIServer, make_server

from cds_service.cli.call import call_in_process, call_service, outcome_text
from cds_service.errors import SetupError
from cds_service.saved_request import read_saved_request, service_for
from cds_service.settings import Settings
from cds_service.web.app import create_app
from tests.support.ports import closed_port
from tests.support.shipped import shipped_knowledge

NOW = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
KNOWLEDGE = shipped_knowledge()
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.json"))


@pytest.fixture
def running_service() -> Iterator[BaseWSGIServer]:
    """The web service on loopback, with its clock fixed at NOW."""
    app = create_app(Settings(), KNOWLEDGE, clock=lambda: NOW)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def without_ids(answer: bytes) -> object:
    """A response without its UUIDs, which differ each time."""
    return json.loads(answer, object_hook=lambda members: {k: v for k, v in members.items() if k != "uuid"})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_judged_here_or_by_the_running_service_is_the_same(running_service, path: Path):
    """The command line and the web service give the same response, including the decision."""
    body = read_saved_request(path, NOW.date())
    here = call_in_process(body, service_for(body), KNOWLEDGE, NOW)
    there = call_service(body, service_for(body), f"http://127.0.0.1:{running_service.server_port}")
    assert (here.status, there.status) == (200, 200)
    assert without_ids(here.body) == without_ids(there.body)


def test_a_refusal_reads_the_same_here_and_there(running_service):
    """The command line and the web service reject an invalid call with the same message."""
    body = b'{"hook": "order-sign"}'
    here = call_in_process(body, "ir-order-sign", KNOWLEDGE, NOW)
    there = call_service(body, "ir-order-sign", f"http://127.0.0.1:{running_service.server_port}")
    assert (here.status, here.error) == (there.status, there.error) == (400, here.error)
    assert here.error


@pytest.mark.parametrize("ending", ["", "/", "/cds-services", "/cds-services/"])
def test_the_url_may_be_the_base_or_the_discovery_url(recorded_service, ending: str):
    """The base URL and the discovery URL of a service are both accepted."""
    port = recorded_service.server_port
    reply = call_service(b"{}", "ir-order-sign", f"http://127.0.0.1:{port}{ending}")
    assert (reply.status, reply.body) == (200, b'{"cards": []}')
    assert recorded_service.calls == [("/cds-services/ir-order-sign", "application/json", b"{}")]


def test_a_refusal_is_told_in_the_words_of_the_service(recorded_service):
    """A 412 is reported with the text of its OperationOutcome."""
    recorded_service.answer = (412, b'{"resourceType": "OperationOutcome", "issue": [{"diagnostics": "no data"}]}')
    reply = call_service(b"{}", "ir-order-sign", f"http://127.0.0.1:{recorded_service.server_port}")
    assert (reply.status, reply.error) == (412, "no data")


def test_a_redirect_is_not_followed(recorded_service):
    """A redirect is reported, not followed, because it would break browser clients."""
    recorded_service.answer = (308, b"")
    reply = call_service(b"{}", "ir-order-sign", f"http://127.0.0.1:{recorded_service.server_port}")
    assert reply.status == 308


def test_a_service_that_does_not_answer_is_no_finding():
    """If no service answers, the command could not run, and the message says how to start a service."""
    with closed_port() as port, pytest.raises(SetupError, match="cds-service serve"):
        call_service(b"{}", "ir-order-sign", f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"issue": [{"diagnostics": "a"}, {"details": {"text": "b"}}, {"code": "invalid"}]}', "a; b; invalid"),
        (b'{"issue": []}', "the OperationOutcome has no text"),
        (b'{"issue": [7]}', "the answer is not an OperationOutcome"),
        (b'{"issue": [{"details": "x"}]}', "the answer is not an OperationOutcome"),
        (b'["issue"]', "the answer is not an OperationOutcome"),
        (b"<html>", "the answer is not an OperationOutcome"),
    ],
)
def test_any_error_body_becomes_words(body: bytes, said: str):
    """Any error body gives a message, never a crash."""
    assert outcome_text(body) == said
