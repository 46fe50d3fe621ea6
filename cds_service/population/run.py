"""One run from export to summary: plan, look ahead, partition, judge, add up.

Every step leaves files that are there whole or not at all, so a run that was killed goes on where it was, with the same
result. Totals come from the files of what is done, never from memory.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cds_service.errors import SetupError
from cds_service.population.bucket import SIDES, count_bucket, done_file, rows_file
from cds_service.population.coverage import Coverage, cover, read_coverage, write_coverage
from cds_service.population.export import Export, find_export
from cds_service.population.files import PLAN, locked, make_folder, remove_parts, whole_file, write_whole
from cds_service.population.medications import keep_medications
from cds_service.population.plan import WORK, Choices, Plan, check_unchanged, make_plan, read_plan
from cds_service.population.results import write_rows
from cds_service.population.spill import KINDS_READ, ORDER_TYPE, SplitDone, read_bad_lines, read_done, split_done
from cds_service.population.tally import Tally, add
from cds_service.population.wanted import gather_wanted, missed, read_seen, want_everybody
from cds_service.population.workers import JUDGE, LOOK_AHEAD, PARTITION, Outcome, Workers

COMPARED = "compared"
"""Folder of a run that holds the run of the other site; itself a finished run."""
_SUMMARY = "summary.json"
_MEMBERS = {
    "knowledgeVersion",
    "resultHash",
    "recognised",
    "setAside",
    "cards",
    "undated",
    "unread",
    "export",
    "choices",
}
"""What later steps read of it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is: `done` of `total`, in bytes of input or in batches of buckets."""

    step: str
    done: int
    total: int


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Screening:
    """What is to be run.

    `look_back_days` is the longest look-back of the tables, for the summary. `key` makes the pseudonyms.
    """

    exports: tuple[Path, ...]
    run: Path
    choices: Choices
    versions: tuple[str, ...]
    look_back_days: int
    key: bytes


def screen(task: Screening, workers: Workers, report: Report = lambda progress: None) -> dict[str, Any]:
    """Run to the end, or go on with what was begun; gives the summary.

    Raises:
        SetupError: the input can't be used or changed since the run began, or a part of it can't be read.
    """
    if task.run in {path.resolve() for path in task.exports}:
        raise SetupError(f"{task.run}: is the export; name another folder with --out")
    export = find_export(task.exports)
    make_folder(task.run)
    with locked(task.run):
        remove_parts(task.run)
        plan = _planned(task, export)
        if (summary := read_summary(task.run)) is not None:
            return summary
        make_folder(task.run / WORK)
        _keep_key(task)
        look_ahead_all(task.run, plan, workers, report)
        splits = partition_all(task.run, plan, workers, report)
        write_coverage(task.run, cover(export, plan, splits))
        judge_all(task.run, plan, workers, report)
        _planned(task, find_export(task.exports))  # nothing changed meanwhile
        summary = _finish(task, plan, export, splits)
        shutil.rmtree(task.run / WORK)
        return summary


def read_summary(run: Path) -> dict[str, Any] | None:
    """The summary of a finished run; None for one that is not.

    Raises:
        SetupError: it can't be read, or another release wrote it.
    """
    path = run / _SUMMARY
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise SetupError(f"{path}: can't be read ({error}); screen the export again into another folder") from None
    if gone := sorted(_MEMBERS - found.keys()):
        raise SetupError(f"{path}: is of another release, it has no {gone[0]}; screen the export again")
    return found


def summary_of(run: Path) -> dict[str, Any]:
    """The summary of a finished run.

    Raises:
        SetupError: it is not finished.
    """
    summary = read_summary(run)
    if summary is None:
        raise SetupError(f"{run}: no finished run here; make one with: cds-service screen run EXPORT --out {run}")
    return summary


def _planned(task: Screening, export: Export) -> Plan:
    names = [str(path.resolve()) for path in task.exports]
    plan, old = make_plan(names, export, task.choices, task.versions), read_plan(task.run)
    if old is None:
        write_whole(task.run / PLAN, msgspec.json.encode(plan))
    else:
        check_unchanged(old, plan, task.run)
    return plan


def _keep_key(task: Screening) -> None:
    """The key is kept while the run lasts only; one that a killed run made is used again."""
    path = task.run / WORK / "key"
    if not path.exists():
        write_whole(path, task.key)


def look_ahead_all(run: Path, plan: Plan, workers: Workers, report: Report) -> None:
    """Look at the orders of every split, and write whose records are to be kept.

    Raises:
        SetupError: as of `partition_all`.
    """
    _do_splits(LOOK_AHEAD, lambda number: read_seen(run, number) is not None, plan, workers, report)
    gather_wanted(run, plan)


def partition_all(run: Path, plan: Plan, workers: Workers, report: Report) -> list[SplitDone]:
    """Sort every split that is not done yet; gives what each held, in their order.

    Where the look ahead missed orders, because a file holds several types, all is sorted again and everything kept.

    Raises:
        SetupError: one can't be read; its lines may be anybody's, so nothing can be judged.
    """
    _do_splits(PARTITION, lambda number: read_done(run, number) is not None, plan, workers, report)
    splits = _read_splits(run, plan)
    if missed(run, [split.types.get(ORDER_TYPE, 0) for split in splits]):
        for number in range(len(plan.splits)):
            split_done(run, number).unlink()
        want_everybody(run)
        return partition_all(run, plan, workers, report)
    keep_medications(run, [split.shared for split in splits])
    return splits


def _do_splits(step: str, is_done: Callable[[int], bool], plan: Plan, workers: Workers, report: Report) -> None:
    waiting = [number for number in range(len(plan.splits)) if not is_done(number)]
    sizes = [_size(plan, number) for number in range(len(plan.splits))]
    done = sum(sizes) - sum(sizes[number] for number in waiting)
    report(Progress(step, done, sum(sizes)))
    for outcome in workers.do(step, waiting):
        if outcome.failure is not None:
            path = plan.inputs[plan.splits[outcome.number].input].path
            raise SetupError(f"{path}: can't be read ({outcome.failure}); correct it and start the same command again")
        done += sizes[outcome.number]
        report(Progress(step, done, sum(sizes)))


def _read_splits(run: Path, plan: Plan) -> list[SplitDone]:
    return [done for number in range(len(plan.splits)) if (done := read_done(run, number)) is not None]


def _size(plan: Plan, number: int) -> int:
    split = plan.splits[number]
    return (plan.inputs[split.input].size if split.end is None else split.end) - split.start


def judge_all(run: Path, plan: Plan, workers: Workers, report: Report) -> None:
    """Judge every batch of buckets that is not done yet; one that fails for good is set aside."""
    last, coverage = _sides(plan)[-1], read_coverage(run)
    waiting = [number for number in range(coverage.batches) if not done_file(run, number, last).exists()]
    done = coverage.batches - len(waiting)
    report(Progress(JUDGE, done, coverage.batches))
    for outcome in workers.do(JUDGE, waiting):
        if outcome.failure is not None:
            _set_aside(run, plan, coverage, outcome)
        done += 1
        report(Progress(JUDGE, done, coverage.batches))


def _set_aside(run: Path, plan: Plan, coverage: Coverage, outcome: Outcome) -> None:
    """Buckets that can't be judged cost their own orders, and that is told."""
    tally = count_bucket(run, outcome.number, plan, coverage)
    tally.failed = {str(outcome.number): outcome.failure or ""}
    for side in _sides(plan):
        write_whole(rows_file(run, outcome.number, side), b"")
        write_whole(done_file(run, outcome.number, side), msgspec.json.encode(tally))


def _sides(plan: Plan) -> Sequence[str]:
    return SIDES[: len(plan.versions)]


def _finish(task: Screening, plan: Plan, export: Export, splits: Sequence[SplitDone]) -> dict[str, Any]:
    """Everything that stays of a run; its summary last, since it says that the run is finished."""
    coverage = read_coverage(task.run)
    _write_bad_lines(task.run, plan, splits)
    summary: dict[str, Any] = {}
    for side, version in reversed(list(zip(_sides(plan), plan.versions, strict=True))):
        folder = task.run if side == SIDES[0] else task.run / COMPARED
        make_folder(folder)
        write_rows(folder, [rows_file(task.run, number, side) for number in range(coverage.batches)])
        tally = add(read_tallies(task.run, coverage, side))
        summary = _summary(task, export, coverage, splits, tally, version)
        write_whole(folder / _SUMMARY, msgspec.json.format(msgspec.json.encode(summary), indent=2))
    return summary


def read_tallies(run: Path, coverage: Coverage, side: str) -> Iterator[Tally]:
    """The counts of every batch."""
    for number in range(coverage.batches):
        yield msgspec.json.decode(done_file(run, number, side).read_bytes(), type=Tally)


def _write_bad_lines(run: Path, plan: Plan, splits: Sequence[SplitDone]) -> None:
    """Every bad line by file, line and reason; lines count from 1 in their file."""
    before: dict[int, int] = {}
    with whole_file(run / "bad_lines.ndjson") as file:
        for number, (split, done) in enumerate(zip(plan.splits, splits, strict=True)):
            offset = before.get(split.input, 0)
            before[split.input] = offset + done.lines
            name = plan.inputs[split.input].path
            for bad in read_bad_lines(run, number, done):
                entry = {"file": name, "line": offset + bad.line, "reason": bad.reason}
                file.write(msgspec.json.encode(entry) + b"\n")


def _summary(
    task: Screening, export: Export, coverage: Coverage, splits: Sequence[SplitDone], tally: Tally, version: str
) -> dict[str, Any]:
    no_patient = sum(split.no_patient for split in splits)
    set_aside = {**tally.set_aside, **({"no patient": no_patient} if no_patient else {})}
    return {
        "knowledgeVersion": version,
        "resultHash": _result_hash(tally, set_aside, coverage, version),
        "patients": tally.patients,
        "patientsWithoutRecord": tally.patients_without_record,
        "orders": tally.orders + no_patient,
        "judged": tally.judged,
        "recognised": tally.recognised,
        "setAside": dict(sorted(set_aside.items())),
        "cards": {
            "total": tally.total_cards,
            "ordersInterrupted": tally.interrupted,
            "ordersTold": tally.told,
            "ordersSilent": tally.silent,
            "byRow": _sorted(tally.by_row),
            "byIndicator": _sorted(tally.by_indicator),
            "byProcedure": _sorted(tally.by_procedure),
            "inShadow": _sorted(tally.shadow),
            "repeatedOnTheSameDay": _sorted(tally.repeats),
        },
        "undated": {row: {"fewest": tally.fewest.get(row, 0), "most": tally.most[row]} for row in sorted(tally.most)},
        "unread": _sorted(tally.unread),
        "lines": sum(split.lines for split in splits),
        "linesPassedOver": _sorted(_passed_over(splits)),
        "badLines": sum(split.bad for split in splits),
        "badLinesOfNoKnownPatient": sum(split.ownerless for split in splits),
        "bucketsSetAside": tally.failed,
        "export": {
            "firstDay": task.choices.data_start or coverage.first_day,
            "firstDayOf": dict(sorted(coverage.starts.items())),
            "lastDay": coverage.last_day,
            "transactionTime": coverage.now,
            "kindsNotExported": list(coverage.absent),
            "kindsIncomplete": list(coverage.incomplete),
            "errors": list(export.errors),
            "deleted": len(coverage.deleted),
        },
        "choices": {**msgspec.to_builtins(task.choices), "look_back_days": task.look_back_days},
    }


def _passed_over(splits: Sequence[SplitDone]) -> dict[str, int]:
    """Lines of resource types that nothing reads."""
    types = sum((Counter(split.types) for split in splits), Counter[str]())
    return {name: count for name, count in types.items() if name not in KINDS_READ}


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _result_hash(tally: Tally, set_aside: dict[str, int], coverage: Coverage, version: str) -> str:
    """The same for the same decisions, whoever made them, in whatever order, from whatever files."""
    gaps = (sorted(coverage.absent), sorted(coverage.incomplete))
    counted = (version, tally.digest, tally.patients, tally.orders, tally.judged, sorted(set_aside.items()), gaps)
    return hashlib.sha256(msgspec.json.encode(counted)).hexdigest()
