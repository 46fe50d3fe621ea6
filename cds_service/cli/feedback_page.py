"""The feedback report as one HTML page with plots: no scripts, no external resources.

The plots need matplotlib, which the extra `report` installs.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader

from cds_service.cli.feedback_tables import HEADINGS, period_in_words, shown_percent, summary_lines
from cds_service.errors import SetupError
from cds_service.storage.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TEMPLATES = Path(__file__).parent / "templates"
_MAX_ROWS = 20
_INCHES = 9.0
_COLORS = {"accepted": "#2a7f62", "overridden": "#c2543d", "no answer": "#c9c9c9", "in shadow": "#7d8cc4"}


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot; `image` is a data URL."""

    title: str
    image: str


def feedback_page(report: Report) -> str:
    """The page as HTML.

    Raises:
        SetupError: matplotlib is not installed.
    """
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    return environment.get_template("feedback.html").render(
        report=report,
        period=period_in_words(report),
        summary=summary_lines(report),
        headings=HEADINGS,
        percent=shown_percent,
        plots=list(_plots(report)),
    )


def _plots(report: Report) -> Iterator[Plot]:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise SetupError(
            "the page needs matplotlib for its plots: install the extra `report`, or leave --html out"
        ) from None
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
