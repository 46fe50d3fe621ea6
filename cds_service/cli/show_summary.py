"""Shows a pre-procedure summary: in the terminal, or as one HTML file without outside resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

import cds_service.web
from cds_service.cli.terminal import INDICATOR_STYLE, safe
from cds_service.summary.document import Drug, Fact, Line, OrderList, Result, Section, Summary

_WEB = Path(cds_service.web.__file__).parent
_UNKNOWN_STYLE = "bold yellow"


def summary_page(summary: Summary) -> str:
    """The page as HTML, its styles in it."""
    environment = Environment(loader=FileSystemLoader(_WEB / "templates"), autoescape=True)
    style = (_WEB / "pages.css").read_text("utf-8")
    return environment.get_template("summary.html").render(summary=summary, style=style)


def show_summary(summary: Summary, out: Console) -> None:
    """Print it, section by section."""
    out.print(safe(summary.title), style="bold")
    out.print(_facts(summary.patient))
    out.print(safe(summary.from_record), style="dim")
    for order in summary.orders:
        _show_order(order, summary, out)
    out.print(Rule(style="dim"))
    _show_section(summary.not_read, summary, out)


def _show_order(order: OrderList, summary: Summary, out: Console) -> None:
    out.print()
    out.print(Rule(safe(order.title), align="left"))
    if order.facts:
        out.print(_facts(order.facts))
    for section in order.sections:
        _show_section(section, summary, out)


def _facts(facts: Sequence[Fact]) -> Text:
    return Text(safe("; ".join(f"{fact.name}: {fact.value}" for fact in facts)))


def _show_section(section: Section, summary: Summary, out: Console) -> None:
    out.print(f"\n{safe(section.title)}", style="bold")
    if section.drugs:
        out.print(_drugs(section.drugs, summary))
    if section.results:
        out.print(_results(section.results, summary))
    for line in section.lines:
        out.print(Text("  ").append_text(_badge(line, summary)).append(safe(line.text)))
    if section.statement:
        out.print(Text(f"  {safe(section.statement)}", style="italic"))
    for step in section.steps:
        out.print(Text(f"  → {safe(step)}"))


def _badge(line: Line | Result | Drug, summary: Summary) -> Text:
    """How loud a line is, in the words of the summary; nothing for a remark."""
    if line.level:
        return Text(f" {safe(summary.words[line.level])} ", style=INDICATOR_STYLE.get(line.level, "reverse")).append(
            " "
        )
    unknown = getattr(line, "certainty", "") == "unknown"
    return Text(f"{safe(summary.words['unknown'])}: ", style=_UNKNOWN_STYLE) if unknown else Text()


def _drugs(drugs: Iterable[Drug], summary: Summary) -> Table:
    table = _table(summary, "drug", "do", "last-dose", "restart")
    for drug in drugs:
        do = _badge(drug, summary).append(safe(drug.do))
        table.add_row(safe(drug.name), do, safe(drug.when), safe(drug.restart))
    return table


def _results(results: Iterable[Result], summary: Summary) -> Table:
    table = _table(summary, "result", "value", "says", "date", "limit")
    for result in results:
        says = _badge(result, summary).append(safe(result.says))
        table.add_row(safe(result.name), safe(result.value), says, safe(result.when), safe("; ".join(result.limits)))
    return table


def _table(summary: Summary, *columns: str) -> Table:
    return Table(*(safe(summary.words[name]) for name in columns), box=None, padding=(0, 2, 0, 0))
