"""Who does the tasks of a run: processes of this machine, or a Dask cluster.

A task is a step and a number; its outcome is a file in the folder of the run, so whoever does it gives the same. A
task that fails, or whose process dies, is tried again; after three tries its failure is its outcome.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from traceback import extract_tb
from typing import Protocol

from cds_service.errors import SetupError
from cds_service.population.bucket import Judges, judge_bucket, load_judges, planned_tables
from cds_service.population.coverage import coverage_file
from cds_service.population.files import PLAN
from cds_service.population.listing import list_bucket
from cds_service.population.plan import Plan, read_plan
from cds_service.population.spill import partition
from cds_service.population.wanted import Wanted, look_ahead, read_wanted, wanted_file

TRIES = 3
LOOK_AHEAD, PARTITION, JUDGE = "look ahead", "partition", "judge"
_PROCESSES = get_context("fork") if "fork" in get_all_start_methods() else get_context("spawn")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One task that is done; `failure` says why where it failed for good."""

    number: int
    failure: str | None = None


class Workers(Protocol):
    """Somebody who does tasks."""

    def do(self, step: str, numbers: Sequence[int]) -> Iterator[Outcome]:
        """Do one step for every number; outcomes come as they are ready."""


def do_task(run: str, step: str, number: int) -> None:
    """One task, in whichever process; it reads what it needs from the folder of the run."""
    folder = Path(run)
    plan = _plan(run, _stamp(folder / PLAN))
    if step == LOOK_AHEAD:
        look_ahead(folder, plan, number, planned_tables(plan))
    elif step == PARTITION:
        partition(folder, plan, number, _wanted(run, _stamp(wanted_file(folder))))
    elif plan.choices.worklist is not None:
        list_bucket(folder, number, _judges(run, _stamp(coverage_file(folder))), plan.choices.worklist)
    else:
        judge_bucket(folder, number, _judges(run, _stamp(coverage_file(folder))))


def _stamp(path: Path) -> int:
    """Tells a file from one of an earlier run in the same place, for workers that outlive a run."""
    return path.stat().st_mtime_ns


@lru_cache(maxsize=1)
def _plan(run: str, stamp: int) -> Plan:
    plan = read_plan(Path(run))
    if plan is None:
        raise SetupError(f"{run}: no plan here; is the folder shared with this machine?")
    return plan


@lru_cache(maxsize=1)
def _wanted(run: str, stamp: int) -> Wanted:
    return read_wanted(Path(run))


@lru_cache(maxsize=1)
def _judges(run: str, stamp: int) -> Judges:
    judges = load_judges(Path(run), _plan(run, _stamp(Path(run) / PLAN)))
    _leave_alone()
    return judges


def _leave_alone() -> None:
    """Have the collector look at what is made from now on, not at the tables again and again."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _try(task: Callable[[int], None], number: int) -> str | None:
    """Why a task failed, in a word; never what the record says."""
    try:
        task(number)
    except Exception as error:  # noqa: BLE001 - whatever a bucket does to us, the others go on and it is reported
        return place_of(error)
    return None


def place_of(error: BaseException) -> str:
    """The kind of an error and where it was raised; its message may hold what the record says."""
    frames = extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


@dataclass(slots=True)
class _Worker:
    """A process, and the task that it has."""

    process: BaseProcess
    connection: Connection
    number: int | None = None

    def takes(self, number: int) -> bool:
        """Give it a task; False where it died while it had none."""
        try:
            self.connection.send(number)
        except OSError:
            return False
        self.number = number
        return True


@dataclass(frozen=True, slots=True)
class Processes:
    """Does tasks in processes of this machine; one that dies costs its task one try.

    `task` is what a process does with folder, step and number.
    """

    run: Path
    count: int
    task: Callable[[str, str, int], None] = do_task

    def do(self, step: str, numbers: Sequence[int]) -> Iterator[Outcome]:
        """As of `Workers`."""
        if step == LOOK_AHEAD:
            planned_tables(_plan(str(self.run), _stamp(self.run / PLAN)))
        if step == JUDGE:
            _judges(str(self.run), _stamp(coverage_file(self.run)))  # read once, and inherited by every process
        open_tasks, tries = list(reversed(numbers)), dict.fromkeys(numbers, 0)
        workers: list[_Worker] = []
        try:
            while open_tasks or any(worker.number is not None for worker in workers):
                while len(workers) < min(self.count, len(open_tasks) + len(workers)):
                    workers.append(self._start(step))
                for worker in workers:
                    if worker.number is None and open_tasks and worker.takes(open_tasks[-1]):
                        open_tasks.pop()
                for worker, failure in _ready(workers):
                    number = worker.number
                    worker.number = None
                    if failure is _DIED:
                        worker.process.join()
                        workers.remove(worker)
                    if number is None:
                        continue
                    tries[number] += failure is not None
                    if failure is not None and tries[number] < TRIES:
                        open_tasks.append(number)
                    else:
                        yield Outcome(number, failure)
        finally:
            for worker in workers:
                worker.connection.close()
                worker.process.terminate()
                worker.process.join()

    def _start(self, step: str) -> _Worker:
        ours, theirs = _PROCESSES.Pipe()
        process = _PROCESSES.Process(
            target=_work, args=(theirs, ours, partial(self.task, str(self.run), step)), daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)


_DIED = "the process died"


def _ready(workers: Sequence[_Worker]) -> Iterator[tuple[_Worker, str | None]]:
    """Workers that have finished their task, and why it failed if it did."""
    connections = {worker.connection: worker for worker in workers}
    for connection in wait(list(connections)):
        worker = connections[connection]  # type: ignore[index]  # only connections are waited for
        try:
            yield worker, worker.connection.recv()
        except (EOFError, OSError):
            yield worker, _DIED


def _work(connection: Connection, of_parent: Connection, task: Callable[[int], None]) -> None:
    """A process: tasks in, failures out, until the driver is gone."""
    of_parent.close()
    _leave_alone()
    while True:
        try:
            number = connection.recv()
            connection.send(_try(task, number))
        except (EOFError, OSError):
            return
