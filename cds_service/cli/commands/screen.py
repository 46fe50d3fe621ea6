"""`cds-service screen`: before go-live, how often the cards would interrupt whom, from a hospital's own export.

`run` judges every order of a Bulk Data export by what was known when it was written; the other commands read what it
leaves. See docs/population.md.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from cds_service.cli.options import add_config, add_site, later, whole

_RESULT_LAG_HOURS = 4.0
_ITEMS = 100


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command with its own commands."""
    parser = commands.add_parser(
        "screen", help="the tables over a whole population, before go-live", description=__doc__
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="COMMAND")
    for add in (_add_run, _add_results, _add_review):
        add(steps)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("run", help="judge every order of an export")
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
    _add_workers(parser)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON, nothing else")
    add_config(parser)
    parser.set_defaults(run=later("screen_run"))


def _add_workers(parser: argparse.ArgumentParser) -> None:
    """Who does the work: `--workers N` or `--dask ADDRESS`."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--workers", type=whole(1, 256), metavar="N", help="processes (one for each core)")
    who.add_argument("--dask", metavar="tcp://HOST:PORT", help="scheduler of a Dask cluster, see deploy/dask.md")


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


def _add_results(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = commands.add_parser("report", help="a page with plots for a committee, and its numbers as CSV and JSON")
    report.add_argument("run_folder", type=Path, metavar="RUN")
    report.set_defaults(run=later("screen_results", "run_report"))
    diff = commands.add_parser("diff", help="which cards appear, disappear or change level between two runs")
    diff.add_argument("first", type=Path, metavar="RUN_A")
    diff.add_argument("second", type=Path, nargs="?", metavar="RUN_B", help="the site of `run --compare`, if not given")
    diff.add_argument("--json", action="store_true", help="print JSON, nothing else")
    diff.set_defaults(run=later("screen_results", "run_diff"))
    worklist = commands.add_parser("worklist", help="patients with an indication for a procedure, by reference")
    worklist.add_argument("run_folder", type=Path, metavar="RUN")
    worklist.add_argument("--procedure", required=True, metavar="ID", help="id of a procedure of the table")
    _add_workers(worklist)
    worklist.set_defaults(run=later("screen_results", "run_worklist"))


def _add_review(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sample = commands.add_parser("sample", help="a blinded sheet of orders for two reviewers and an adjudicator")
    sample.add_argument("run_folder", type=Path, metavar="RUN")
    sample.add_argument(
        "-n", dest="size", type=whole(1, 10_000), default=_ITEMS, metavar="N", help="items (%(default)s)"
    )
    sample.add_argument("--seed", default="1", metavar="TEXT", help="another text draws another sample (%(default)s)")
    sample.set_defaults(run=later("screen_review", "run_sample"))
    score = commands.add_parser("score", help="how often a card was right or missing, by a filled-in sheet")
    score.add_argument("sheet", type=Path, metavar="SHEET")
    score.add_argument("--key", type=Path, metavar="FILE", help="key of the sample, if not beside the sheet")
    score.set_defaults(run=later("screen_review", "run_score"))
