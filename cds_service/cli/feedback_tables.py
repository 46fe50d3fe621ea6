"""The report on feedback for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from cds_service.cli.terminal import safe
from cds_service.storage.report import Report, Tally

HEADINGS = {"row": "Table row", "indicator": "Indicator", "client": "EHR", "service": "Service"}
"""What the report is broken down by, and the heading of each table."""


def show_report(found: Report, out: Console) -> None:
    """Print the report; where no card was given, that is said."""
    out.print(f"Cards given {period_in_words(found)}", style="bold")
    if not (found.total.shown or found.total.shadow or found.unknown_cards):
        out.print("None.")
        return
    for line in summary_lines(found):
        out.print(line)
    for kind, heading in HEADINGS.items():
        out.print(_table(heading, found.by[kind]))
    if found.reasons:
        table = Table()
        table.add_column("Override reason", overflow="fold")
        table.add_column("cards", justify="right")
        for reason, count in found.reasons.items():
            table.add_row(safe(reason), str(count))
        out.print(table)
    out.print(f"For review, overridden more than {found.review_above:g} % of the time:", style="bold")
    for row in found.review:
        tally = found.by["row"][row]
        out.print(f"  - {safe(row)}: {tally.overridden} of {tally.answered} ({tally.overridden_percent:g} %)")
    if not found.review:
        out.print("  none")


def period_in_words(found: Report) -> str:
    """`from ... up to ...`, as far as the period has ends."""
    since = f"since {found.since:%Y-%m-%d}" if found.since else "since records began"
    return f"{since}, before {found.until:%Y-%m-%d}" if found.until else since


def summary_lines(found: Report) -> list[str]:
    """The report in a few sentences."""
    total = found.total
    unanswered = max(0, total.shown - total.answered)
    lines = [
        f"{total.shown} shown, {total.shadow} judged in shadow and not shown.",
        f"{total.accepted} accepted, {total.overridden} overridden; {unanswered} without an answer, "
        "which says nothing: EHRs do not report cards that are ignored.",
    ]
    if found.median_seconds is not None:
        lines.append(f"Half of the answers came within {found.median_seconds:g} seconds.")
    if found.answers_before_card:
        lines.append(f"{found.answers_before_card} answers bear a time before their card: an EHR's clock is wrong.")
    if found.unknown_cards:
        lines.append(f"{found.unknown_cards} entries of feedback are about cards that are not remembered.")
    return lines


def shown_percent(tally: Tally) -> str:
    """The share of overridden among answered cards; empty where nobody answered."""
    return "" if tally.overridden_percent is None else f"{tally.overridden_percent:g} %"


def _table(heading: str, tallies: Mapping[str, Tally]) -> Table:
    table = Table()
    table.add_column(heading, overflow="fold")
    for name in ("shown", "shadow", "accepted", "overridden", "of answered"):
        table.add_column(name, justify="right")
    for name, tally in tallies.items():
        numbers = (tally.shown, tally.shadow, tally.accepted, tally.overridden)
        table.add_row(safe(name), *map(str, numbers), shown_percent(tally))
    return table
