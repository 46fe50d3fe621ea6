"""`cds-service feedback`: reports on the feedback on cards, for those who maintain the tables."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from cds_service.cli.options import add_config, add_format, add_period, add_site, later

_REVIEW_ABOVE_PERCENT = 50.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("feedback", help="report on the feedback on cards", description=__doc__)
    add_period(parser)
    parser.add_argument("--month", type=_month, metavar="MONTH", help="a month, as 2026-11, in place of the two days")
    add_format(parser, ("text", "csv", "json", "html"), "text (default), csv, json, or html: a page for a committee")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write that page into a file")
    parser.add_argument(
        "--review-above",
        type=_percent,
        default=_REVIEW_ABOVE_PERCENT,
        metavar="PERCENT",
        help="list rows where more than this share of the answered cards was overridden (%(default)g)",
    )
    add_site(parser)
    add_config(parser)
    parser.set_defaults(run=later("feedback"))


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is no month; write one such as 2026-11') from None


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise argparse.ArgumentTypeError(f'"{text}" is not a percentage; write a number from 0 to 100')
    return percent
