"""Patients with an indication for a procedure, from the export of a finished run: by reference; nothing is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cds_service.errors import SetupError
from cds_service.knowledge.load import load_knowledge
from cds_service.near_names import did_you_mean
from cds_service.population.bucket import SIDES, rows_file
from cds_service.population.coverage import Coverage, cover, write_coverage
from cds_service.population.export import find_export
from cds_service.population.files import PLAN, locked, make_folder, write_whole
from cds_service.population.listing import Listed
from cds_service.population.plan import WORK, Choices, Plan, make_plan, read_plan
from cds_service.population.run import Report, judge_all, partition_all, read_tallies, summary_of
from cds_service.population.tally import add
from cds_service.population.wanted import want_everybody
from cds_service.population.workers import Workers


@dataclass(frozen=True, slots=True)
class Worklist:
    """The patients found.

    Not on the list are the patients of `failed` buckets that could not be judged, and those `set_aside`, by reason.
    """

    patients: tuple[Listed, ...]
    failed: int
    set_aside: dict[str, int]


def make_worklist(
    run: Path, procedure: str, workers: Callable[[Path], Workers], report: Report = lambda progress: None
) -> Worklist:
    """List the patients who have a recorded indication as of the export.

    Args:
        run: a finished run; its export must still be there, unchanged.
        procedure: id of a procedure that the tables offer.
        workers: who works in a folder.
        report: is told how far it is.

    Raises:
        SetupError: the run is not finished, its export changed, or no such procedure is offered.
    """
    summary_of(run)
    old = read_plan(run)
    if old is None:
        raise SetupError(f"{run}: its plan.json is gone; start a new run with --out")
    _check_procedure(old, procedure)
    folder = run / f"worklist-{procedure}"
    make_folder(folder)
    with locked(folder):
        choices = msgspec.structs.replace(old.choices, worklist=procedure, compare=None, as_of="export")
        export = find_export([Path(one) for one in old.exports])
        plan = make_plan(old.exports, export, choices, old.versions[:1])
        if plan.inputs != old.inputs:
            raise SetupError(f"{run}: the input changed since this run; start a new run with --out")
        write_whole(folder / PLAN, msgspec.json.encode(plan))
        make_folder(folder / WORK)
        write_whole(folder / WORK / "key", b"no pseudonym is kept")
        want_everybody(folder)
        splits = partition_all(folder, plan, workers(folder), report)
        coverage = cover(export, plan, splits)
        write_coverage(folder, coverage)
        judge_all(folder, plan, workers(folder), report)
        found = _read(folder, coverage)
    shutil.rmtree(folder)
    return found


def _check_procedure(plan: Plan, procedure: str) -> None:
    knowledge = load_knowledge(_site(plan.choices))
    if knowledge.version != plan.versions[0]:
        raise SetupError("the tables changed since this run; start a new run with --out")
    offered = [one.id for one in knowledge.procedures.values() if one.offered and one.indications]
    if procedure not in offered:
        named = did_you_mean(procedure, offered, f"write one of {', '.join(sorted(offered))}")
        raise SetupError(f'--procedure "{procedure}": is not a procedure with indications that is offered; {named}')


def _site(choices: Choices) -> Path | None:
    return Path(choices.site) if choices.site else None


def _read(folder: Path, coverage: Coverage) -> Worklist:
    listed = [
        msgspec.json.decode(line, type=Listed)
        for number in range(coverage.batches)
        for line in rows_file(folder, number, SIDES[0]).read_bytes().splitlines()
    ]
    tallies = list(read_tallies(folder, coverage, SIDES[0]))
    set_aside = add(tallies).set_aside
    return Worklist(tuple(sorted(listed)), sum(bool(tally.failed) for tally in tallies), set_aside)
