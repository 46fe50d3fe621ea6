"""Prints cards in a terminal of 80 columns: worst first, detail rendered, choices listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from cds_service.cli.terminal import badge, safe

_INDICATOR_ORDER = ("critical", "warning", "info")
_BORDER = {"critical": "red", "warning": "yellow", "info": "blue"}


def show_cards(cards: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the `cards` of a CDS Hooks response, or that there are none."""
    if not cards:
        console.print("No cards: looked, found nothing.")
    for card in sorted(cards, key=_indicator_rank):
        console.print(_panel(card))


def _indicator_rank(card: Mapping[str, Any]) -> int:
    """Sort key of the card; an unknown indicator comes first, so that nobody misses it."""
    indicator = card.get("indicator")
    return _INDICATOR_ORDER.index(indicator) + 1 if indicator in _INDICATOR_ORDER else 0


def _panel(card: Mapping[str, Any]) -> RenderableType:
    indicator = str(card.get("indicator", "?"))
    return Panel(
        Group(*_parts(card)),
        title=badge(indicator),
        title_align="left",
        border_style=_BORDER.get(indicator, "none"),
    )


def _parts(card: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield Text(safe(card.get("summary", "(no summary)")), style="bold")
    if card.get("detail"):
        yield Padding(Markdown(safe(card["detail"]), hyperlinks=False), (1, 0, 0, 0))
    suggestions = [_suggestion(suggestion) for suggestion in card.get("suggestions", ())]
    if suggestions:
        yield Text("\nYou can:", style="italic")
        yield from (Padding(Text(f"- {label}"), (0, 0, 0, 2)) for label in suggestions)
    reasons = [safe(reason.get("display", "?")) for reason in card.get("overrideReasons", ())]
    if reasons:
        yield Text("\nTo go on, give a reason: ", style="italic").append(" | ".join(reasons), style="not italic")
    yield Text(f"\nSource: {safe(_source(card.get('source', {})))}", style="dim")


def _suggestion(suggestion: Mapping[str, Any]) -> str:
    recommended = " (recommended)" if suggestion.get("isRecommended") else ""
    return safe(suggestion.get("label", "?")) + recommended


def _source(source: Mapping[str, Any]) -> str:
    return " ".join(str(source[key]) for key in ("label", "url") if source.get(key))
