"""`cds-service screen report`, `diff` and `worklist`: what a finished run says."""

from __future__ import annotations

import argparse
import csv
import sys
from functools import partial
from typing import Any

import msgspec

from cds_service.cli.screen_run import shown_progress, workers_in
from cds_service.cli.terminal import counted, print_err, safe
from cds_service.errors import SetupError
from cds_service.population.diff import Difference, compare
from cds_service.population.page import plain, write_report
from cds_service.population.run import COMPARED
from cds_service.population.worklist import make_worklist


def run_report(args: argparse.Namespace) -> int:
    """Write the page of a run and print its path; always 0."""
    page = write_report(args.run_folder)
    print(f"{page}, with the same numbers in report.csv and report.json")
    return 0


def run_diff(args: argparse.Namespace) -> int:
    """Print what differs between two runs; always 0.

    Raises:
        SetupError: there is no second run.
    """
    second = args.second or args.first / COMPARED
    if args.second is None and not second.exists():
        raise SetupError(f"{args.first}: was run without --compare; name a second run")
    found = compare(args.first, second)
    if args.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        _show(found)
    return 0


def _show(found: Difference) -> None:
    print(f"{counted(found.orders, 'order')} judged by both, from tables {found.versions[0]} to {found.versions[1]}")
    if found.options:
        print(f"  the runs differ in more than their tables: {', '.join(found.options)}")
    if found.only_first or found.only_second:
        print(f"  judged by one alone: {found.only_first} by the first, {found.only_second} by the second")
    if found.other_procedure.orders:
        _show_change("recognized as another procedure", found.other_procedure)
    for row, changes in found.changes.items():
        for how, change in changes.items():
            _show_change(f"{row}: {how}", change)
    if not found.changes:
        print("  no card changes")


def _show_change(what: str, change: Any) -> None:
    print(f"  {safe(what)}: {counted(change.orders, 'order')}, such as {safe(', '.join(change.examples))}")


def run_worklist(args: argparse.Namespace) -> int:
    """Print the patients with an indication, as CSV; 1 where some could not be judged."""
    with shown_progress() as report:
        found = make_worklist(args.run_folder.resolve(), args.procedure, partial(workers_in, args=args), report)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("patient", "status", "indications", "against", "unknown"))
    for one in found.patients:
        rows = (" ".join(part) for part in (one.indications, one.against, one.unknown))
        writer.writerow((plain(one.patient), one.status, *rows))
    if found.failed:
        print_err(f"{found.failed} buckets could not be judged; their patients are not on the list")
    for reason, count in found.set_aside.items():
        print_err(f"{counted(count, 'patient')} not on the list: {reason}")
    return 1 if found.failed or found.set_aside else 0
