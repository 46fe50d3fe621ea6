"""The production server as a separate process, with its log in a file."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
_SECONDS = 30


@dataclass(frozen=True)
class RunningServer:
    """A running server."""

    process: subprocess.Popen[bytes]
    log_file: Path
    url: str

    def log(self) -> list[dict[str, Any]]:
        """Every log line so far; each must be a JSON object."""
        return [json.loads(line) for line in self.log_file.read_text("utf-8").splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines whose event starts with this text."""
        return [line for line in self.log() if line["event"].startswith(name)]

    def reload(self) -> None:
        """Send SIGHUP and wait until the log reports the result."""
        before = len(self.events("Reloaded")) + len(self.events("Not reloaded"))
        self.process.send_signal(signal.SIGHUP)
        until(lambda: len(self.events("Reloaded")) + len(self.events("Not reloaded")) > before)


def free_port() -> int:
    """A free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until(done: Callable[[], bool]) -> None:
    """Wait for a condition, with a timeout."""
    deadline = time.monotonic() + _SECONDS
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextmanager
def running_server(folder: Path, **settings: str) -> Iterator[RunningServer]:
    """A server on a free port of this machine, stopped at the end.

    Args:
        folder: for its log.
        settings: environment variables, such as `CDS_CLIENTS`.
    """
    log_file = folder / "server.log"
    environ = os.environ | {"CDS_PORT": "0", "CDS_WORKERS": "2"} | settings
    command = [sys.executable, "-m", "cds_service", "serve"]
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environ, stderr=log)
    try:
        until(lambda: b"Discovery: " in log_file.read_bytes() or process.poll() is not None)
        announced = log_file.read_text("utf-8").partition("Discovery: ")[2].partition("/cds-services")[0]
        assert announced, log_file.read_text("utf-8")
        yield RunningServer(process, log_file, announced)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)
