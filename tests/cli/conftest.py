"""Fixtures of the command line: exit code and output of a command, and a server with recorded responses."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cds_service.cases import SHIPPED_CASES
from cds_service.cli.main import main


@dataclass(frozen=True)
class Ran:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs `cds-service` with the given arguments, as in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("CDS_FHIR_DEADLINE", "60")

    def _run(*arguments: object) -> Ran:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse, on a wrong argument
            code = int(end.code or 0)
        return Ran(code, *capsys.readouterr())

    return _run


@pytest.fixture(scope="session")
def some_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file of the shipped cases: all of them take seconds."""
    folder = tmp_path_factory.mktemp("cases")
    shutil.copy(SHIPPED_CASES / "bleeding.toml", folder)
    return folder


class _Recorded(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.authorizations.append(self.headers["Authorization"])  # type: ignore[attr-defined]
        self.server.calls.append((self.path, self.headers["Content-Type"], body))  # type: ignore[attr-defined]
        status, answer = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def recorded_service() -> Iterator[HTTPServer]:
    """A server on loopback that records its `calls` and always responds with `answer`, a status and a body."""
    server = HTTPServer(("127.0.0.1", 0), _Recorded)
    server.calls = []  # type: ignore[attr-defined]
    server.authorizations = []  # type: ignore[attr-defined]
    server.answer = (200, b'{"cards": []}')  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
