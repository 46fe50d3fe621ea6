"""The production server as a separate process, with access to its worker processes."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[2]
_START_SECONDS = 30
_STOP_SECONDS = 40


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
        """The current worker processes."""
        return psutil.Process(self.process.pid).children()

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
        return self.process.wait(timeout=_STOP_SECONDS)

    def _wait_for_url(self) -> str:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            if found := re.search(r"Discovery: (\S+)/cds-services", self.said):
                return found[1]
            time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.said}")
