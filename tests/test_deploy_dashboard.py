"""The Grafana dashboard, read and held against the metrics that the service really has. It is not run in a Grafana."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cds_service.web.metrics import Metrics

ROOT = Path(__file__).parents[1]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text("utf-8"))
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
AT_THE_MOMENT = {"cds_store_up", "cds_knowledge_info"}
LABELS = {"job", "le", "version"}


def exposed() -> dict[str, set[str]]:
    """Every series of the service with its labels."""
    metrics = Metrics()
    found: dict[str, set[str]] = {name: set() for name in AT_THE_MOMENT}
    for collector in metrics._registry._collector_to_names:
        for metric in collector.describe() if hasattr(collector, "describe") else ():
            endings = ("_bucket", "_count", "_sum") if metric.type == "histogram" else ("_total",)
            found |= {metric.name + ending: set(collector._labelnames) for ending in endings}
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_a_panel_asks_for_what_is_there(query: str) -> None:
    """Each query names series and labels of this service, and its brackets close."""
    known = exposed()
    names = set(re.findall(r"\bcds_\w+", query))
    assert names
    assert names <= known.keys()
    allowed = LABELS.union(*(known[name] for name in names))
    grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", query) for label in labels.split(",")}
    matched = set(re.findall(r"[{,](\w+)[=!]", query))
    assert grouped | matched <= allowed
    assert all(query.count(opening) == query.count(closing) for opening, closing in ("()", "[]", "{}"))


def test_every_series_is_on_a_panel() -> None:
    """Nothing that the service counts is left out of the dashboard."""
    asked = set(re.findall(r"\bcds_\w+", " ".join(QUERIES)))
    stems = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in asked}
    assert {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in exposed()} - stems == set()


def test_every_series_is_documented() -> None:
    """docs/metrics.md names every series with its labels."""
    lines = (ROOT / "docs" / "metrics.md").read_text("utf-8").splitlines()
    for name, labels in exposed().items():
        stem = re.sub(r"_(bucket|count|sum)$", "", name)
        (line,) = [line for line in lines if f"`{stem}`" in line and line.startswith("|")]
        assert labels <= set(re.findall(r"\w+", line))


def test_panels_do_not_overlap() -> None:
    """Each panel has a place of its own on a grid of 24 columns, and an id of its own."""
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
