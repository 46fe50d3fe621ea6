"""`cds-service feedback`: reports on the feedback on cards, for those who maintain the tables."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from cds_service.cli.feedback_page import feedback_page
from cds_service.cli.feedback_tables import show_report
from cds_service.cli.options import add_config, add_period, open_store, period_of, settings_of
from cds_service.cli.terminal import console, print_err
from cds_service.errors import SetupError, StoreUnavailable
from cds_service.knowledge.override_reasons import reasons_by_kind
from cds_service.storage.report import Report, Tally, build_report
from cds_service.storage.store import Store

_REVIEW_ABOVE_PERCENT = 50.0
_COLUMNS = ("by", "value", "shown", "in_shadow", "accepted", "overridden", "overridden_percent", "for_review")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("feedback", help="report on the feedback on cards", description=__doc__)
    add_period(parser)
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text", help="output format")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write an HTML page with plots")
    parser.add_argument(
        "--review-above",
        type=_percent,
        default=_REVIEW_ABOVE_PERCENT,
        metavar="PERCENT",
        help="list rows where more than this share of the answered cards was overridden (%(default)g)",
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report.

    Raises:
        SetupError: the database can't be reached, or the page can't be written.
    """
    settings = settings_of(args)
    store = open_store(settings)
    print_err(f"from {store.display_url}")
    report = _load_report(args, *period_of(args, settings), store)
    _PRINT[args.format](report)
    if args.html:
        _write(args.html, feedback_page(report))
    return 0


def _load_report(args: argparse.Namespace, since: datetime | None, until: datetime | None, store: Store) -> Report:
    try:
        return build_report(store, since, until, review_above=args.review_above)
    except StoreUnavailable as error:
        raise SetupError(f"{store.display_url}: {error.message} Run it again when the database answers") from None
    finally:
        store.close()


def _print_json(report: Report) -> None:
    period = {"since": report.since, "until": report.until}
    content = {
        **{name: moment for name, moment in period.items() if moment},
        "total": _numbers(report.total),
        **{f"by_{kind}": {n: _numbers(tally) for n, tally in tallies.items()} for kind, tallies in report.by.items()},
        "override_reasons": report.reasons,
        "override_kinds": reasons_by_kind(report.reasons),
        "seconds_to_answer": {"median": report.median_seconds, "answers": len(report.seconds_to_answer)},
        "answers_before_card": report.answers_before_card,
        "unknown_cards": report.unknown_cards,
        "odd_feedback": {client: asdict(odd) for client, odd in report.odd.items()},
        "review_above_percent": report.review_above,
        "review": list(report.review),
    }
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")


def _numbers(tally: Tally) -> dict[str, Any]:
    return {
        "shown": tally.shown,
        "in_shadow": tally.shadow,
        "accepted": tally.accepted,
        "overridden": tally.overridden,
        "overridden_percent": tally.overridden_percent,
    }


def _print_csv(report: Report) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_csv_lines(report))
    sys.stdout.write(text.getvalue())


def _csv_lines(report: Report) -> Iterator[dict[str, Any]]:
    yield {"by": "total", "value": "", **_numbers(report.total)}
    for kind, tallies in report.by.items():
        for name, tally in tallies.items():
            review = {"for_review": "yes"} if kind == "row" and name in report.review else {}
            yield {"by": kind, "value": name, **_numbers(tally), **review}
    for reason, count in report.reasons.items():
        yield {"by": "reason", "value": reason, "overridden": count}
    for kind, count in reasons_by_kind(report.reasons).items():
        yield {"by": "kind", "value": kind, "overridden": count}


_PRINT: dict[str, Callable[[Report], None]] = {
    "text": lambda report: show_report(report, console()),
    "csv": _print_csv,
    "json": _print_json,
}


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        raise SetupError(f"{path}: can't be written ({error.strerror}); name another file") from None


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise argparse.ArgumentTypeError(f'"{text}" is not a percentage; write a number from 0 to 100')
    return percent
