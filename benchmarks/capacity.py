"""What one process takes in: calls per second of a core, memory, and disk for a million calls.

One worker of the service with its records in a SQLite file, called by four callers with bodies of three sizes about
patients that are new each time. Calls per second of a core are from the CPU time of the worker, so that what else the
machine does matters less; memory is its own (unique) and shared memory after the calls.

Run by `make bench`.
"""

from __future__ import annotations

import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import requests
from floor import NOW
from records import REPOSITORY, serving
from synthetic import build_request

SIZES = {32: 600, 307: 200, 3040: 40}
"""Resources of a body -> calls."""
CALLERS = 4


def main() -> None:
    """Measure and print a table."""
    empty = size_without_calls()
    print("| body | calls per second of a core | memory of a worker | disk for a million calls |")
    print("|---|---|---|---|")
    for resources, calls in SIZES.items():
        print(line(build_request(resources, NOW.date()), calls, empty), flush=True)


def size_without_calls() -> int:
    """Bytes of a database that holds the tables of the release and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "records.db")
        with serving(REPOSITORY, f"sqlite:///{file}", workers=1):
            pass
        return size_of(file)


def size_of(file: Path) -> int:
    """Bytes of a database after its log is written into it."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.stat().st_size


def line(body: bytes, calls: int, empty: int) -> str:
    """One line of the table; `empty` is in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "records.db")
        with serving(REPOSITORY, f"sqlite:///{file}", workers=1) as (url, (worker,)):
            call(url, body, CALLERS)
            before = sum(worker.cpu_times()[:2])
            call(url, body, calls)
            seconds = sum(worker.cpu_times()[:2]) - before
            memory = worker.memory_full_info()
        kilobytes = (size_of(file) - empty) / 1000 / (calls + CALLERS)
    own, whole = (number / 1e6 for number in (memory.uss, memory.rss))
    return (
        f"| {len(body) / 1000:,.0f} kB | {calls / seconds:,.0f} | {whole:.0f} MB, {own:.0f} MB of it its own "
        f"| {kilobytes:.1f} GB |"
    )


def call(url: str, body: bytes, count: int) -> None:
    """Some calls, each about a new patient."""
    with requests.Session() as session, ThreadPoolExecutor(CALLERS) as pool:

        def one(_: int) -> int:
            return session.post(
                f"{url}/cds-services/ir-order-sign",
                data=body.replace(b"bench", uuid4().hex.encode()),
                headers={"Content-Type": "application/json"},
                timeout=120,
            ).status_code

        assert set(pool.map(one, range(count))) == {200}


if __name__ == "__main__":
    main()
