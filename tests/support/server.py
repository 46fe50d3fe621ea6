"""The production server as a separate process, with its log in a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE, until

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class RunningServer:
    """A running server."""

    process: subprocess.Popen[bytes]
    log_file: Path
    url: str

    def log(self) -> list[dict[str, Any]]:
        """Every whole line of its log so far; each must be a JSON object."""
        whole = self.log_file.read_text("utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines whose event starts with this text."""
        return [line for line in self.log() if line["event"].startswith(name)]

    def reload(self) -> None:
        """Send SIGHUP and wait until the log reports the result."""
        before = len(self.events("Reloaded")) + len(self.events("Not reloaded"))
        self.process.send_signal(signal.SIGHUP)
        until(lambda: len(self.events("Reloaded")) + len(self.events("Not reloaded")) > before)


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
        process.wait(timeout=PATIENCE)
