"""The same tasks on a real Dask cluster: a scheduler and two workers over TCP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from cds_service.errors import SetupError
from cds_service.population.cluster import DaskCluster
from tests.population.exports import run_of
from tests.population.test_run import generated
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed (extra `dask`)")


def started(*arguments: str) -> subprocess.Popen[bytes]:
    """A process of the cluster."""
    command = [sys.executable, "-m", "dask", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, started as deploy/dask.md says."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    where = ("--host", "127.0.0.1")
    processes = [started("scheduler", *where, "--port", "0", "--no-dashboard", "--scheduler-file", str(file))]
    options = ("--nthreads", "1", "--no-dashboard", "--local-directory", str(folder), "--scheduler-file", str(file))
    processes += [started("worker", *where, *options) for _ in range(2)]
    try:
        yield address_of(file)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(PATIENCE)


def address_of(file: Path) -> str:
    """The address, as soon as two workers are there."""
    import json

    from distributed import Client

    until(lambda: file.exists() and bool(file.read_text()), "the scheduler")
    address: str = json.loads(file.read_text())["address"]
    with Client(address, timeout=PATIENCE) as client:
        client.wait_for_workers(2, timeout=PATIENCE)
    return address


def test_a_cluster_gives_the_same_result(scheduler, tmp_path):
    """Two workers over TCP give the hash that one process gives."""
    export = generated(tmp_path / "export", 40)
    alone = run_of(export, tmp_path / "alone")
    run = tmp_path / "cluster"
    assert run_of(export, run, by=DaskCluster(run, scheduler))["resultHash"] == alone["resultHash"]
    again = tmp_path / "again"
    assert run_of(export, again, by=DaskCluster(again, scheduler))["resultHash"] == alone["resultHash"]


def test_a_split_that_cannot_be_read_stops_the_run(scheduler, tmp_path):
    """What a worker can't read stops the run with the file's name, as on one machine."""
    export = generated(tmp_path / "export", 20)
    run = tmp_path / "run"
    (run / "work").mkdir(parents=True)
    for number in range(10):
        (run / f"work/split-{number:06}-0000.spill").mkdir()  # in the way of the worker's own file
    with pytest.raises(SetupError, match="can't be read"):
        run_of(export, run, by=DaskCluster(run, scheduler))


@pytest.mark.parametrize("address", ["tcp://localhost", "http://localhost:80"])
def test_an_address_that_is_none_is_refused(address, tmp_path):
    """A mistake in the address is told with how one is written, before anything is waited for."""
    export = generated(tmp_path / "export", 2)
    with pytest.raises(SetupError, match="write tcp://HOST:PORT"):
        run_of(export, tmp_path / "run", by=DaskCluster(tmp_path / "run", address))


def test_a_scheduler_that_does_not_answer_is_named(tmp_path):
    """The message says which address was tried and where to read on."""
    export = generated(tmp_path / "export", 5)
    with pytest.raises(SetupError, match=r"no scheduler answers.*deploy/dask.md"):
        run_of(export, tmp_path / "run", by=DaskCluster(tmp_path / "run", "tcp://127.0.0.1:9", seconds=1))
