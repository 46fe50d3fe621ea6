"""`cds-service screen run`: judge every order of an export, resumable, on one core or on a cluster."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cds_service.cli.options import settings_of
from cds_service.cli.terminal import counted, is_quiet, remark, safe
from cds_service.population.bucket import load_tables
from cds_service.population.cluster import DaskCluster
from cds_service.population.look_back import longest_look_back
from cds_service.population.plan import Choices
from cds_service.population.run import Progress as Step
from cds_service.population.run import Report, Screening, screen
from cds_service.population.spill import ORDERS
from cds_service.population.workers import JUDGE, Processes, Workers
from cds_service.settings import Settings


def run(args: argparse.Namespace) -> int:
    """Run, and show the summary; 1 where a bucket had to be set aside."""
    settings = settings_of(args)
    task = _task(args, settings)
    with shown_progress() as report:
        summary = screen(task, workers_in(task.run, args), report)
    if args.json:
        sys.stdout.write((args.out / "summary.json").read_text("utf-8") + "\n")
    else:
        _show(summary, args.out)
    return 1 if summary["bucketsSetAside"] else 0


def _task(args: argparse.Namespace, settings: Settings) -> Screening:
    sites = [settings.site, *([args.compare] if args.compare else [])]
    tables = [load_tables(str(site.resolve()) if site else None) for site in sites]
    if settings.log_key is None:
        remark("CDS_LOG_KEY is not set: pseudonyms of this run can't be compared with those of another")
    if settings.timezone is None:
        remark("CDS_TIMEZONE is not set: times without an offset are taken as UTC")
    return Screening(
        exports=tuple(args.exports),
        run=args.out.resolve(),
        choices=_choices(args, settings),
        versions=tuple(knowledge.version for knowledge in tables),
        look_back_days=max(map(longest_look_back, tables)),
        key=settings.log_key or secrets.token_bytes(),
    )


def _choices(args: argparse.Namespace, settings: Settings) -> Choices:
    return Choices(
        site=str(settings.site.resolve()) if settings.site else None,
        compare=str(args.compare.resolve()) if args.compare else None,
        as_of=args.as_of,
        undated=args.undated,
        zone=settings.timezone.key if settings.timezone else "UTC",
        result_lag_hours=args.result_lag,
        data_start=args.data_start,
        with_text=args.with_text,
    )


def workers_in(folder: Path, args: argparse.Namespace) -> Workers:
    """Who works in a folder, by the options of `add_workers`."""
    if args.dask:
        return DaskCluster(folder, args.dask)
    return Processes(folder, args.workers or len(os.sched_getaffinity(0)))


@contextmanager
def shown_progress() -> Iterator[Report]:
    """A bar with rate and time left on standard error, while a person waits.

    Drawn only when there is news: a thread that draws would be in the way of the processes of the run.
    """
    if is_quiet() or not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        tasks: dict[str, Any] = {}

        def report(step: Step) -> None:
            if step.step not in tasks:
                tasks[step.step] = bar.add_task(step.step, total=step.total, rate="")
            shown = next(task for task in bar.tasks if task.id == tasks[step.step])
            rate = f"{shown.speed / 1e6:.1f} MB/s" if step.step != JUDGE and shown.speed else ""
            bar.update(tasks[step.step], completed=step.done, rate=rate, refresh=True)

        yield report


def _show(summary: dict[str, Any], run: Path) -> None:
    cards, orders = summary["cards"], summary["recognised"]
    patients, read = counted(summary["patients"], "patient"), counted(summary["orders"], "order")
    print(f"{patients}, {read}: {summary['judged']} judged, {orders} recognized")
    for reason, count in summary["setAside"].items():
        print(f"  set aside, {safe(reason)}: {count}")
    if orders:
        print(
            f"of 100 recognized orders {100 * cards['ordersInterrupted'] / orders:.1f} are interrupted, "
            f"{100 * cards['ordersTold'] / orders:.1f} told something, {100 * cards['ordersSilent'] / orders:.1f} not"
        )
    for row, count in cards["byRow"].items():
        print(f"  {safe(row)}: {counted(count, 'card')}")
    for bucket, reason in summary["bucketsSetAside"].items():
        print(f"bucket {bucket} was set aside after three tries: {safe(reason)}")
    kinds = [*summary["export"]["kindsNotExported"], *summary["export"]["kindsIncomplete"]]
    if unknown := [kind for kind in kinds if kind != ORDERS]:
        print(f"not or not fully exported, so unknown for everybody: {', '.join(unknown)}")
    if ORDERS in kinds:
        print("a part of the orders is missing in the export, and is not counted")
    if summary["badLines"]:
        print(f"{counted(summary['badLines'], 'bad line')}, listed in {run / 'bad_lines.ndjson'}")
    print(f"{run}: result {summary['resultHash'][:16]}, tables {summary['knowledgeVersion']}")
