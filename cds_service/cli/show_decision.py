"""Prints the decision extension row by row: question, answer and evidence.

Shape of the decision: docs/integration.md, "The decision beside the cards".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from cds_service.cli.terminal import CERTAINTY_STYLE, badge, safe


def show_decision(decision: Mapping[str, Any], console: Console) -> None:
    """Print every procedure with the rows of both tables that apply to it, and the data that could not be read."""
    console.print(f"\nDecision of the tables, version {safe(decision.get('knowledgeVersion', '?'))}", style="bold")
    for procedure in decision.get("procedures", ()):
        console.print(_procedure(procedure))
    for gap in decision.get("unavailable", ()):
        where = safe(gap.get("reference") or gap.get("data", "?"))
        console.print(Text(f"could not be read: {where}: {safe(gap.get('reason', '?'))}", style="yellow"))


def unknown_orders(decision: Mapping[str, Any]) -> list[str]:
    """References of the orders without a recognized procedure, which were not judged."""
    orders = [entry for entry in decision.get("procedures", ()) if "procedure" not in entry]
    return [safe(entry.get("order", "an order")) for entry in orders]


def _procedure(entry: Mapping[str, Any]) -> Tree:
    order = safe(entry.get("order", "this patient"))
    tree = Tree(Text(f"{order}: {safe(entry.get('procedure', 'not a procedure of the tables'))}", style="bold"))
    for title in ("indications", "contraindications"):
        if entry.get(title):
            branch = tree.add(title)
            for row in entry[title]:
                _add_row(branch, row)
    return tree


def _add_row(branch: Tree, row: Mapping[str, Any]) -> None:
    node = branch.add(_line(row))
    for evidence in row.get("evidence", ()):
        node.add(Text(_evidence(evidence)))
    for criterion in row.get("criteria", ()):
        _add_row(node, criterion)


def _line(row: Mapping[str, Any]) -> Text:
    certainty = str(row.get("certainty", "?"))
    line = Text(f"{safe(row.get('id', '?'))}  ")
    line.append(safe(certainty), style=CERTAINTY_STYLE.get(certainty, ""))
    if row.get("indicator"):
        line.append("  ").append_text(badge(str(row["indicator"])))
    if row.get("reason"):
        line.append(f"  {safe(row['reason'])}", style="italic")
    return line


def _evidence(evidence: Mapping[str, Any]) -> str:
    coding = evidence.get("coding") or {}
    code = f"({coding.get('system')}|{coding.get('code')})" if coding.get("code") else None
    value = " ".join(str(evidence[key]) for key in ("value", "unit") if evidence.get(key) is not None)
    words = (evidence.get("text") or coding.get("display"), code, value, evidence.get("date"), evidence.get("note"))
    return safe("  ".join(str(part) for part in (evidence.get("reference"), *words) if part))
