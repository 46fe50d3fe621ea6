"""The cost of records over HTTP: CPU of a worker per call of 20 kB, and records lost under contention.

Run by `make bench`; `--compare REV` does the same with another commit, in turns, and prints the ratio.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

import psutil
import requests
import sqlalchemy as sa
from floor import NOW
from synthetic import build_request

REPOSITORY = Path(__file__).parents[1]
BODY = build_request(20, NOW.date())
SINGLE_CALLS, ROUNDS = 300, 5
CALLERS, CALLS_EACH, WORKERS = 16, 45, 4


@contextmanager
def serving(checkout: Path, database_url: str, workers: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """A server of one checkout: its URL and its workers; it is stopped with SIGTERM at the end."""
    options = {"CDS_PORT": "0", "CDS_WORKERS": str(workers), "CDS_RATE_LIMIT": "off", "CDS_LOG_KEY": "0123456789abcdef"}
    with tempfile.NamedTemporaryFile("r") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "cds_service", "serve"],
            cwd=checkout,
            env=os.environ | options | {"CDS_DATABASE_URL": database_url},
            stderr=log.fileno(),
        )
        try:
            while not (found := re.search(r"Discovery: (\S+?)/cds-services", Path(log.name).read_text("utf-8"))):
                time.sleep(0.1)
                assert server.poll() is None, Path(log.name).read_text("utf-8")
            while len(children := psutil.Process(server.pid).children()) < workers:
                time.sleep(0.1)
            yield found[1], children
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def send(session: requests.Session, url: str) -> None:
    """One call about a new patient."""
    body = BODY.replace(b"bench", uuid4().hex.encode())
    answer = session.post(
        f"{url}/cds-services/ir-order-sign", data=body, headers={"Content-Type": "application/json"}, timeout=60
    )
    assert answer.status_code == 200, answer.text


def cpu_per_call(url: str, worker: psutil.Process) -> float:
    """CPU seconds of the worker per call, writing of the records included."""
    with requests.Session() as session:
        before = worker.cpu_times()
        for _ in range(SINGLE_CALLS):
            send(session, url)
        time.sleep(0.5)  # until the last records are written
    after = worker.cpu_times()
    return (after.user + after.system - before.user - before.system) / SINGLE_CALLS


def lost_of(checkout: Path, database_url: str) -> tuple[int, int]:
    """Calls without a record, and calls, of many callers at once."""

    def calls(url: str) -> None:
        with requests.Session() as session:
            for _ in range(CALLS_EACH):
                send(session, url)

    with serving(checkout, database_url, WORKERS) as (url, _):
        callers = [threading.Thread(target=calls, args=(url,)) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    engine = sa.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM calls").scalar_one()
    return CALLERS * CALLS_EACH - stored, CALLERS * CALLS_EACH


def measure(checkouts: dict[str, Path], folder: Path) -> None:
    """Print both numbers for each checkout."""
    cpu: dict[str, list[float]] = {name: [] for name in checkouts}
    for turn in range(ROUNDS):
        for name, checkout in checkouts.items():
            with serving(checkout, f"sqlite:///{folder}/{name}-{turn}.db", 1) as (url, (worker,)):
                cpu_per_call(url, worker)  # until it is warm
                cpu[name].append(cpu_per_call(url, worker))
    medians = {name: median(times) for name, times in cpu.items()}
    print("\nrecords of calls of 20 kB over HTTP, SQLite:")
    for name, checkout in checkouts.items():
        lost, calls = lost_of(checkout, f"sqlite:///{folder}/{name}-lost.db")
        print(
            f"{name:>10} {medians[name] * 1e6:>6.0f} us CPU per call; "
            f"{lost} of {calls} lost with {CALLERS} callers and {WORKERS} workers"
        )
    first, *others = medians.values()
    for name, other in zip(list(medians)[1:], others, strict=True):
        print(f"{'':>10} {first / other:.2f}x the CPU of {name}")


def main() -> None:
    """Measure this checkout, and another commit if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compare", metavar="REV", help="also measure this commit, in turns")
    rev = parser.parse_args().compare
    with tempfile.TemporaryDirectory() as folder:
        if rev is None:
            return measure({"now": REPOSITORY}, Path(folder))
        other = Path(folder) / "other"
        git = ["git", "-C", str(REPOSITORY), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(other), rev], check=True)
        try:
            measure({"now": REPOSITORY, rev: other}, Path(folder))
        finally:
            subprocess.run([*git, "remove", "--force", str(other)], check=True)
    return None


if __name__ == "__main__":
    main()
