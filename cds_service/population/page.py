"""The report of a run: one page for a committee, and the same numbers as CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader

from cds_service.population.figures import (
    SMALL,
    Line,
    Table,
    cells,
    count_rows,
    shown,
    tables_of,
    that_add_up,
    without_rare,
)
from cds_service.population.files import write_whole
from cds_service.population.intervals import rate_of
from cds_service.population.plots import draw_rates
from cds_service.population.results import read_rows
from cds_service.population.run import summary_of
from cds_service.population.spill import ORDERS

_TEMPLATES = Path(__file__).parent / "templates"
_PLOTTED = ("interrupts", "told", "indicator", "procedure", "month", "unchecked")
_COLUMNS = ("table", "name", "count", "total", "per100", "low", "high")


def write_report(run: Path) -> Path:
    """Write `report.html`, `report.csv` and `report.json` into a finished run; gives the page's path.

    Raises:
        SetupError: the run is not finished, or a library is missing.
    """
    summary = summary_of(run)
    counts = count_rows(read_rows(run))
    tables = tables_of(counts, summary)
    headline = that_add_up(
        Line(name, rate_of(count, counts.orders))
        for name, count in (
            ("are interrupted (critical or warning)", counts.interrupted),
            ("are told something (info)", counts.told),
            ("bring no card", counts.silent),
        )
    )
    write_whole(run / "report.json", _as_json(summary, tables, headline))
    write_whole(run / "report.csv", _as_csv(tables).encode())
    write_whole(run / "report.html", _as_page(summary, tables, headline).encode())
    return run / "report.html"


def _as_json(summary: Mapping[str, Any], tables: Iterable[Table], headline: Iterable[Line]) -> bytes:
    content = {
        "knowledgeVersion": summary["knowledgeVersion"],
        "resultHash": summary["resultHash"],
        "headline": list(map(shown, headline)),
        "tables": {table.id: {"what": table.what, "lines": list(map(shown, table.lines))} for table in tables},
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


def _as_csv(tables: Iterable[Table]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        writer.writerows({"table": table.id, **shown(line)} | {"name": plain(line.name)} for line in table.lines)
    return text.getvalue()


def plain(text: str) -> str:
    """A text that a spreadsheet takes for a text, not for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _as_page(summary: Mapping[str, Any], tables: Iterable[Table], headline: Iterable[Line]) -> str:
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    drawn = [
        {
            "id": table.id,
            "title": table.title,
            "what": table.what[:1].upper() + table.what[1:],
            "lines": list(map(shown, table.lines)),
            "image": draw_rates(table.lines, upright=table.id == "month") if table.id in _PLOTTED else None,
        }
        for table in tables
    ]
    return environment.get_template("report.html").render(
        summary=summary,
        headline=list(map(shown, headline)),
        tables=drawn,
        warnings=list(_warnings(summary)),
        set_aside=list(cells(summary["setAside"]).items()),
        undated=[
            (row, _cell(ends["fewest"]), _cell(ends["most"]))
            for row, ends in summary["undated"].items()
            if ends["fewest"] < ends["most"]
        ],
        unread=list(_unread(summary["unread"])),
        small=SMALL,
    )


def _unread(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """What nobody reads, by reason, most frequent first; words of a few orders are put together."""
    reasons = dict.fromkeys(name.partition("|")[0] for name in counts)
    for reason in reasons:
        of = {name.partition("|")[2]: count for name, count in counts.items() if name.partition("|")[0] == reason}
        for detail, count in without_rare(of, of.keys() - {""}).most_common():
            yield f"{reason}: {detail}" if detail else reason, _cell(count)


def _cell(count: int) -> str:
    return f"<{SMALL}" if 0 < count < SMALL else str(count)


def _warnings(summary: Mapping[str, Any]) -> Iterator[str]:
    export = summary["export"]
    if export["kindsNotExported"]:
        yield f"No file of {', '.join(export['kindsNotExported'])}: what depends on it is unknown for everybody."
    if incomplete := [kind for kind in export["kindsIncomplete"] if kind != ORDERS]:
        yield f"A part of {', '.join(incomplete)} is missing: nothing of it is known to be absent."
    if ORDERS in export["kindsIncomplete"]:
        yield "A part of the orders is missing, and is counted nowhere on this page."
    for error in export["errors"]:
        yield f"The server said of its export: {error}."
    if summary["bucketsSetAside"]:
        yield f"{len(summary['bucketsSetAside'])} buckets could not be judged and are set aside; see summary.json."
    if summary["badLines"]:
        yield (
            f"Lines of the export that could not be used: {summary['badLines']}; bad_lines.ndjson lists them. "
            f"{summary['badLinesOfNoKnownPatient']} of them may be anybody's."
        )
