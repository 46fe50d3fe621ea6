"""The feedback report for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from cds_service.cli.terminal import counted, safe
from cds_service.knowledge.override_reasons import reason_in_words
from cds_service.knowledge.tables import Knowledge
from cds_service.storage.report import OFTEN, OddFeedback, Report, Tally

HEADINGS = {
    "row": "Problem on the card",
    "rule": "Table row",
    "indicator": "Indicator",
    "client": "EHR",
    "service": "Service",
}
"""The breakdowns of the report, with the heading of each table."""


def show_report(report: Report, knowledge: Knowledge, out: Console) -> None:
    """Print the report with the words of the tables for its reasons, or that no card was given."""
    out.print(f"Cards given {period_in_words(report)}", style="bold")
    if not (report.total.shown or report.total.shadow or report.unknown_cards):
        out.print("None.")
        return
    for line in summary_lines(report):
        out.print(line)
    for kind, heading in HEADINGS.items():
        out.print(_table(heading, report.by[kind]))
    if report.reasons:
        table = Table()
        table.add_column("Override reason", overflow="fold")
        table.add_column("cards", justify="right")
        for reason, count in report.reasons.items():
            table.add_row(safe(reason_in_words(reason, knowledge.override_reasons)), str(count))
        out.print(table)
    out.print(f"For review, overridden more than {report.review_above:g} % of the time:", style="bold")
    for row in report.review:
        tally = report.by["rule"][row]
        out.print(f"  - {safe(row)}: {tally.overridden} of {tally.answered} ({tally.overridden_percent:g} %)")
    if not report.review:
        out.print("  none")


def period_in_words(report: Report) -> str:
    """`since ..., before ...`, without the bounds that are not set; a whole month by its name."""
    if report.since and report.until and report.since.day == report.until.day == 1:
        days = (report.until - report.since).days
        if 28 <= days <= 31:
            return f"of {report.since:%B %Y}"
    since = f"since {report.since:%Y-%m-%d}" if report.since else "since records began"
    return f"{since}, before {report.until:%Y-%m-%d}" if report.until else since


def summary_lines(report: Report) -> list[str]:
    """The report in a few sentences."""
    total = report.total
    unanswered = max(0, total.shown - total.answered)
    lines = [
        f"{total.shown} shown, {total.shadow} judged in shadow and not shown.",
        f"{total.accepted} accepted, {total.overridden} overridden; {unanswered} without an answer, "
        "which means nothing: EHRs do not report ignored cards.",
    ]
    if report.median_seconds is not None:
        lines.append(f"Median time to an answer: {report.median_seconds:g} seconds.")
    if report.answers_before_card:
        early = counted(report.answers_before_card, "answer is", "answers are")
        lines.append(f"{early} dated before the card: an EHR's clock is wrong.")
    if report.unknown_cards:
        unknown = counted(report.unknown_cards, "feedback entry is", "feedback entries are")
        lines.append(f"{unknown} about unknown cards.")
    lines += [f"Check the feedback of {client}: {odd_in_words(odd)}." for client, odd in report.odd.items()]
    return lines


def odd_in_words(odd: OddFeedback) -> str:
    """What is odd about the feedback of one EHR."""
    counts = {
        "entries on cards that it did not receive": odd.unknown_cards,
        f"cards answered more than {OFTEN} times": odd.changed_cards,
        "comments that were cut": odd.cut_comments,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def shown_percent(tally: Tally) -> str:
    """The share of overridden among answered cards; empty if none was answered."""
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
