"""The production server as a separate process, with access to its worker processes."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.support.waiting import PATIENCE, until

REPOSITORY = Path(__file__).parents[2]
_URL = re.compile(r"Discovery: (\S+)/cds-services")


def workers_of(server: subprocess.Popen[Any]) -> list[psutil.Process]:
    """The worker processes of a server that run now."""
    return [worker for worker in psutil.Process(server.pid).children() if _is_alive(worker)]


def _is_alive(worker: psutil.Process) -> bool:
    try:
        return worker.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Serving:
    """A server on a free port. Its output goes to a file, so that it never waits for a reader.

    Args:
        folder: of the test; for the server's output.
        settings: environment variables.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._log = folder / "server.log"
        environ = os.environ | {"CDS_PORT": "0", "PYTHONUNBUFFERED": "1", "CDS_LOG_KEY": "0123456789abcdef"} | settings
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cds_service", "serve"], cwd=REPOSITORY, env=environ, stderr=log, stdout=log
            )
        self.url = self._wait_for_url()

    @property
    def said(self) -> str:
        """Everything that the server and its workers have written so far."""
        return self._log.read_text("utf-8")

    def workers(self) -> list[psutil.Process]:
        """The worker processes that run now."""
        return workers_of(self.process)

    def kill_a_worker(self, choose: random.Random) -> bool:
        """Kill one worker with SIGKILL; False if there was none."""
        workers = self.workers()
        if not workers:
            return False
        try:
            choose.choice(workers).kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)

    def _wait_for_url(self) -> str:
        until(lambda: self.process.poll() is not None or _URL.search(self.said) is not None, "the server")
        found = _URL.search(self.said)
        assert found, f"the server did not start: {self.said}"
        return found[1]
