"""`cds-service feedback`: how cards were received, for those who look after the tables."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from cds_service.cli.feedback_page import feedback_page
from cds_service.cli.feedback_tables import show_report
from cds_service.cli.options import add_config, add_period, open_store, period_of, settings_of
from cds_service.cli.terminal import complain, console
from cds_service.errors import SetupError, StoreUnavailable
from cds_service.storage.report import Report, Tally, build_report
from cds_service.storage.store import Store

_REVIEW_ABOVE_PERCENT = 50.0
_COLUMNS = ("by", "value", "shown", "in_shadow", "accepted", "overridden", "overridden_percent", "for_review")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("feedback", help="how cards were received", description=__doc__)
    add_period(parser)
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text", help="what is printed")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with plots, for a meeting")
    parser.add_argument(
        "--review-above",
        type=_percent,
        default=_REVIEW_ABOVE_PERCENT,
        metavar="PERCENT",
        help="list rows that are overridden more often than this, of the answered cards (%(default)g)",
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
    complain(f"from {store.display_url}")
    found = _found(args, *period_of(args, settings), store)
    _PRINT[args.format](found)
    if args.html:
        _write(args.html, feedback_page(found))
    return 0


def _found(args: argparse.Namespace, since: datetime | None, until: datetime | None, store: Store) -> Report:
    try:
        return build_report(store, since, until, review_above=args.review_above)
    except StoreUnavailable as error:
        raise SetupError(f"{store.display_url}: {error.message} Run it again when the database answers") from None
    finally:
        store.close()


def _as_json(found: Report) -> None:
    period = {"since": found.since, "until": found.until}
    content = {
        **{name: moment for name, moment in period.items() if moment},
        "total": _numbers(found.total),
        **{f"by_{kind}": {n: _numbers(tally) for n, tally in tallies.items()} for kind, tallies in found.by.items()},
        "override_reasons": found.reasons,
        "seconds_to_answer": {"median": found.median_seconds, "answers": len(found.seconds_to_answer)},
        "answers_before_card": found.answers_before_card,
        "unknown_cards": found.unknown_cards,
        "review_above_percent": found.review_above,
        "review": list(found.review),
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


def _as_csv(found: Report) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_csv_lines(found))
    sys.stdout.write(text.getvalue())


def _csv_lines(found: Report) -> Iterator[dict[str, Any]]:
    yield {"by": "total", "value": "", **_numbers(found.total)}
    for kind, tallies in found.by.items():
        for name, tally in tallies.items():
            review = {"for_review": "yes"} if kind == "row" and name in found.review else {}
            yield {"by": kind, "value": name, **_numbers(tally), **review}
    for reason, count in found.reasons.items():
        yield {"by": "reason", "value": reason, "overridden": count}


_PRINT: dict[str, Callable[[Report], None]] = {
    "text": lambda found: show_report(found, console()),
    "csv": _as_csv,
    "json": _as_json,
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
        raise argparse.ArgumentTypeError(f'"{text}" is no percentage; write a number from 0 to 100')
    return percent
