"""The report for a committee as one HTML page: no scripts, no external resources.

Its plots need matplotlib, which the extra `report` installs; a page without them has the same numbers.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader

from cds_service.cli.feedback_tables import HEADINGS, period_in_words, shown_percent, summary_lines
from cds_service.kinds import CLINICAL
from cds_service.knowledge.override_reasons import reason_in_words, reasons_by_kind
from cds_service.knowledge.tables import Knowledge
from cds_service.publishing.rule_book import KINDS, RuleBook
from cds_service.storage.month import Period
from cds_service.storage.report import Report, Tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TEMPLATES = Path(__file__).parent / "templates"
_MAX_ROWS = 20
_INCHES = 9.0
_MOST = 10
_CHANGE_SHOWN = 90
"""Characters of a change beside a row; the table of all changes has the whole of it."""
ANSWERS_NEEDED = 5
"""Answers to the cards of a row before its share of overridden ones says anything."""
_CLINICAL_TABLES = ("thresholds", "holds", "contraindications", "procedures")
"""Files of a site folder that change what a card says of a patient."""
_OLD, _ENDS_SOON = timedelta(days=365), timedelta(days=60)
WHOSE = {
    "useful": "the card helped (another agent, a test or a consult was planned)",
    "wrong": "the record was wrong or old, for the records staff",
    "data-gap": "something was not in the record that the EHR sent, for the integrator",
    "limit": "the limit did not fit, for this committee",
    "urgency": "it could not wait: was the order marked as urgent?",
    "other": "another reason, or one of the EHR's own",
}
"""How a report counts a reason -> what it says, and to whom."""
_COLORS = {"accepted": "#2a7f62", "overridden": "#c2543d", "no answer": "#c9c9c9", "in shadow": "#7d8cc4"}


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot; `image` is a data URL."""

    title: str
    image: str


def feedback_page(report: Report, period: Period, knowledge: Knowledge, today: date) -> str:
    """The page as HTML: first what a committee decides on, the numbers behind it further down.

    Args:
        report: cards and answers.
        period: calls and what was not read, of the same period.
        knowledge: names of rows and reasons, and the changes of the site.
        today: the hospital's day, by which a change of the site is old.
    """
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)
    rules, book = report.by["rule"], RuleBook(knowledge)
    names = row_names(knowledge)
    return environment.get_template("feedback.html").render(
        report=report,
        period=period,
        when=period_in_words(report),
        summary=summary_lines(report),
        headings={kind: heading for kind, heading in HEADINGS.items() if kind != "rule"},
        percent=shown_percent,
        name=lambda row: names.get(row, row),
        local=lambda row: local_changes(book, row),
        site=[change for change in knowledge.changes if change.get("table") in _CLINICAL_TABLES],
        reason=lambda key: reason_in_words(key, knowledge.override_reasons),
        shown=_most(rules, lambda tally: tally.shown),
        overridden=_most(rules, lambda tally: tally.overridden),
        answers_needed=ANSWERS_NEEDED,
        review=[row for row in report.review if rules[row].answered >= ANSWERS_NEEDED],
        changes=list(due_changes(knowledge, today)),
        kinds=reasons_by_kind(report.reasons, knowledge.reason_kinds),
        whose=WHOSE,
        clinical=[kind.key for kind in CLINICAL],
        most=_MOST,
        most_words=_CHANGE_SHOWN,
        plots=list(_plots(report)) if can_plot() else [],
        version=knowledge.version,
        other_versions=[] if knowledge.version in period.versions else sorted(period.versions),
    )


def _most(rules: Mapping[str, Tally], of: Callable[[Tally], int]) -> list[tuple[str, Tally]]:
    """The rules with the most of something, at most as many as are read."""
    counted = [(row, tally) for row, tally in rules.items() if of(tally)]
    return sorted(counted, key=lambda item: (-of(item[1]), item[0]))[:_MOST]


def row_names(knowledge: Knowledge) -> dict[str, str]:
    """Id of a row -> its name: contraindications, procedures and indications."""
    indications = {i.id: i.label for p in knowledge.procedures.values() for i in p.indications}
    procedures = {p.id: p.label for p in knowledge.procedures.values()}
    return indications | procedures | {row.id: row.label for row in knowledge.contraindications}


def local_changes(book: RuleBook, row: str) -> list[str]:
    """What the hospital changed of a row, its limits and holds: `platelets-high-risk: value 50 → 75 (Protocol 7)`."""
    rules = (rule for kind in KINDS if (rule := book.rule(kind, row)) is not None)
    return [_in_words(change) for rule in rules for change in rule.changes]


def _in_words(change: Mapping[str, str]) -> str:
    said = f"{change['id']}: {change.get('what') or change['reason']}"
    return f"{said} ({source})" if (source := change.get("source")) else said


def due_changes(knowledge: Knowledge, today: date) -> Iterator[tuple[Mapping[str, str], str]]:
    """Changes of the site that are to be looked at again, each with why: approved long ago, or about to end."""
    for change in knowledge.changes:
        until = change.get("until")
        if change.get("state") == "over":
            yield change, f"no longer counts since {until}; remove it"
        elif until and date.fromisoformat(until) - today <= _ENDS_SOON:
            yield change, f"counts until {until}"
        elif change["date"] and today - date.fromisoformat(change["date"]) > _OLD:
            yield change, f"approved {change['date']}, more than a year ago"


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib.figure  # noqa: F401  only whether it is there
    except ModuleNotFoundError:
        return False
    return True


def _plots(report: Report) -> Iterator[Plot]:
    from matplotlib.figure import Figure

    if report.by["rule"]:
        rows = min(len(report.by["rule"]), _MAX_ROWS)
        figure = Figure(figsize=(_INCHES, 1.2 + 0.4 * rows), layout="constrained")
        _draw_rows(figure.subplots(), report)
        yield Plot("Cards by table row and answer", _image(figure))
    if report.reasons:
        figure = Figure(figsize=(_INCHES, 1.2 + 0.4 * min(len(report.reasons), _MAX_ROWS)), layout="constrained")
        _draw_reasons(figure.subplots(), report)
        yield Plot("Why cards were overridden", _image(figure))
    if report.seconds_to_answer:
        figure = Figure(figsize=(_INCHES, 3.0), layout="constrained")
        _draw_times(figure.subplots(), report)
        yield Plot("Time from card to answer", _image(figure))


def _draw_rows(axes: Axes, report: Report) -> None:
    tallies = dict(list(report.by["rule"].items())[:_MAX_ROWS])
    parts = {
        "accepted": [tally.accepted for tally in tallies.values()],
        "overridden": [tally.overridden for tally in tallies.values()],
        "no answer": [max(0, tally.shown - tally.answered) for tally in tallies.values()],
        "in shadow": [tally.shadow for tally in tallies.values()],
    }
    left = [0] * len(tallies)
    for name, counts in parts.items():
        axes.barh(list(tallies), counts, left=left, label=name, color=_COLORS[name])
        left = [start + count for start, count in zip(left, counts, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("cards")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(parts), frameon=False)


def _draw_reasons(axes: Axes, report: Report) -> None:
    """Reasons by code alone, for readability; the tables of the page have the code systems."""
    codes: Counter[str] = Counter()
    for reason, count in report.reasons.items():
        codes[reason.rpartition("|")[2]] += count
    most = dict(codes.most_common(_MAX_ROWS))
    axes.bar_label(axes.barh(list(most), list(most.values()), color=_COLORS["overridden"]))
    axes.invert_yaxis()
    axes.set_xlabel("overridden cards")


def _draw_times(axes: Axes, report: Report) -> None:
    """Cumulative share of answers over time."""
    from matplotlib.ticker import StrMethodFormatter

    seconds = [max(second, 0.1) for second in report.seconds_to_answer]
    axes.step(seconds, [100 * place / len(seconds) for place in range(1, len(seconds) + 1)], where="post")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_ylim(0, 102)
    axes.set_xlabel("seconds, by the clocks of service and EHR")
    axes.set_ylabel("% of answers")


def _image(figure: Figure) -> str:
    from matplotlib import rc_context

    drawn = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # text as text, so that it can be searched and read by screen readers
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{b64encode(drawn.getvalue()).decode()}"
