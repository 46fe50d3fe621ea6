"""`cds-service screen run`: judge every order of an export, resumable, on one core or on a cluster."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cds_service.cli.options import add_config, add_site, settings_of
from cds_service.cli.terminal import print_err, safe
from cds_service.population.bucket import load_tables
from cds_service.population.cluster import DaskCluster
from cds_service.population.judge import longest_look_back
from cds_service.population.plan import Choices
from cds_service.population.run import Progress as Step
from cds_service.population.run import Report, Screening, screen
from cds_service.population.workers import JUDGE, Processes, Workers
from cds_service.settings import Settings

_RESULT_LAG_HOURS = 4.0


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("run", help="judge every order of an export", description=__doc__)
    parser.add_argument("exports", nargs="+", type=Path, metavar="EXPORT", help="folders or files of NDJSON")
    parser.add_argument("--out", required=True, type=Path, metavar="RUN", help="folder for the results")
    add_site(parser)
    parser.add_argument("--compare", type=Path, metavar="DIR", help="another site folder, judged in the same pass")
    parser.add_argument(
        "--as-of",
        choices=("order", "export"),
        default="order",
        help="order: by what was known when it was written; export: by the whole record (%(default)s)",
    )
    parser.add_argument(
        "--undated",
        choices=("both", "with", "without"),
        default="both",
        help="whether data count of which it is not recorded when they became known (%(default)s, as a range)",
    )
    parser.add_argument(
        "--result-lag",
        type=_hours,
        default=_RESULT_LAG_HOURS,
        metavar="HOURS",
        help="a result without `issued` counts as known so long after it was taken (%(default)g)",
    )
    parser.add_argument("--data-start", type=_day, metavar="DATE", help="the first day with data, if not the one found")
    parser.add_argument("--with-text", action="store_true", help="keep the texts of orders in RUN")
    add_workers(parser)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON, nothing else")
    add_config(parser)
    parser.set_defaults(run=run)


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add who does the work: `--workers N` or `--dask ADDRESS`."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--workers", type=_count, metavar="N", help="processes (one for each core)")
    who.add_argument("--dask", metavar="tcp://HOST:PORT", help="scheduler of a Dask cluster, see deploy/dask.md")


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
        print_err("CDS_LOG_KEY is not set: pseudonyms of this run can't be compared with those of another")
    if settings.timezone is None:
        print_err("CDS_TIMEZONE is not set: times without an offset are taken as UTC")
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
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, auto_refresh=False, disable=not sys.stderr.isatty()) as bar:
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
    print(
        f"{summary['patients']} patients, {summary['orders']} orders: {summary['judged']} judged, {orders} recognised"
    )
    for reason, count in summary["setAside"].items():
        print(f"  set aside, {safe(reason)}: {count}")
    if orders:
        print(
            f"of 100 recognised orders {100 * cards['ordersInterrupted'] / orders:.1f} are interrupted, "
            f"{100 * cards['ordersTold'] / orders:.1f} told something, {100 * cards['ordersSilent'] / orders:.1f} not"
        )
    for row, count in cards["byRow"].items():
        print(f"  {safe(row)}: {count} cards")
    for bucket, reason in summary["bucketsSetAside"].items():
        print(f"bucket {bucket} was set aside after three tries: {safe(reason)}")
    kinds = [*summary["export"]["kindsNotExported"], *summary["export"]["kindsIncomplete"]]
    if kinds:
        print(f"not or not fully exported, so unknown for everybody: {', '.join(kinds)}")
    if summary["badLines"]:
        print(f"{summary['badLines']} bad lines, listed in {run / 'bad_lines.ndjson'}")
    print(f"{run}: result {summary['resultHash'][:16]}, tables {summary['knowledgeVersion']}")


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours <= 1000:
        raise argparse.ArgumentTypeError(f'"{text}"; write a number of hours from 0 to 1000')
    return hours


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is no date; write one such as 2024-11-01') from None


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError("write a whole number from 1 to 256")
    return int(text)
