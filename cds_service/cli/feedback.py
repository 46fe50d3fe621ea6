"""What `cds-service feedback` does; its options are in `commands/feedback.py`."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from cds_service.cli.feedback_page import can_plot, feedback_page
from cds_service.cli.feedback_tables import show_report
from cds_service.cli.options import local_now, open_store, period_of, settings_of
from cds_service.cli.terminal import console, remark
from cds_service.errors import SetupError, StoreUnavailable
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.override_reasons import reasons_by_kind
from cds_service.knowledge.tables import Knowledge
from cds_service.storage.month import Period, read_period
from cds_service.storage.report import Report, Tally, build_report
from cds_service.storage.store import Store

_COLUMNS = ("by", "value", "shown", "in_shadow", "accepted", "overridden", "overridden_percent", "for_review")


def run(args: argparse.Namespace) -> int:
    """Print the report.

    Raises:
        SetupError: the database can't be reached, or the page can't be written.
    """
    settings = settings_of(args)
    if args.month:
        if args.since or args.until:
            raise SetupError("--month stands in place of --since and --until; leave them out")
        args.since = args.month
        args.until = (args.month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    knowledge = load_knowledge(settings.site)
    store = open_store(settings)
    remark(f"from {store.display_url}")
    report, period = _load(args, *period_of(args, settings), store)
    today = local_now(settings).date()
    if (args.format == "html" or args.html) and not can_plot():
        remark("the page has no plots: they need matplotlib, which the extra `report` installs (docs/feedback.md)")
    if args.format == "html":
        sys.stdout.write(feedback_page(report, period, knowledge, today))
    else:
        _PRINT[args.format](report, knowledge)
    if args.html:
        _write(args.html, feedback_page(report, period, knowledge, today))
    return 0


def _load(
    args: argparse.Namespace, since: datetime | None, until: datetime | None, store: Store
) -> tuple[Report, Period]:
    try:
        report = build_report(store, since, until, review_above=args.review_above)
        return report, read_period(store, since, until)
    except StoreUnavailable as error:
        raise SetupError(f"{store.display_url}: {error.message} Run it again when the database answers") from None
    finally:
        store.close()


def _print_json(report: Report, knowledge: Knowledge) -> None:
    period = {"since": report.since, "until": report.until}
    content = {
        **{name: moment for name, moment in period.items() if moment},
        "total": _numbers(report.total),
        **{f"by_{kind}": {n: _numbers(tally) for n, tally in tallies.items()} for kind, tallies in report.by.items()},
        "override_reasons": report.reasons,
        "override_kinds": reasons_by_kind(report.reasons, knowledge.reason_kinds),
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


def _print_csv(report: Report, knowledge: Knowledge) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_csv_lines(report, knowledge))
    sys.stdout.write(text.getvalue())


def _csv_lines(report: Report, knowledge: Knowledge) -> Iterator[dict[str, Any]]:
    yield {"by": "total", "value": "", **_numbers(report.total)}
    for kind, tallies in report.by.items():
        for name, tally in tallies.items():
            review = {"for_review": "yes"} if kind == "rule" and name in report.review else {}
            yield {"by": kind, "value": name, **_numbers(tally), **review}
    for reason, count in report.reasons.items():
        yield {"by": "reason", "value": reason, "overridden": count}
    for kind, count in reasons_by_kind(report.reasons, knowledge.reason_kinds).items():
        yield {"by": "kind", "value": kind, "overridden": count}


_PRINT: dict[str, Callable[[Report, Knowledge], None]] = {
    "text": lambda report, knowledge: show_report(report, knowledge, console()),
    "csv": _print_csv,
    "json": _print_json,
}


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        raise SetupError(f"{path}: can't be written ({error.strerror}); name another file") from None
