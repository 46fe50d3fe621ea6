"""The alert rules for Prometheus: each can be evaluated, asks for what the service has, and is explained."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import promql_parser
import pytest
import yaml

from tests.support.server import REPOSITORY
from tests.test_deploy_dashboard import LABELS, exposed

(GROUP,) = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "alerts.yaml").read_text("utf-8"))["groups"]
RULES: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in GROUP["rules"]}
OF_PROMETHEUS = {"up": {"instance"}}
RUNBOOK = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_there(rule: dict[str, Any]) -> None:
    """The expression is PromQL, and its series and labels are those of the service or of every scrape."""
    promql_parser.parse(rule["expr"])
    known = exposed() | OF_PROMETHEUS
    names = set(re.findall(r"\b(?:cds_\w+|up)\b", rule["expr"]))
    assert names
    assert names <= known.keys()
    allowed = LABELS | {"instance"}
    allowed = allowed.union(*(known[name] for name in names))
    grouped = {label for labels in re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]) for label in labels.split(", ")}
    matched = set(re.findall(r"[{,](\w+)[=!]", rule["expr"]))
    assert (grouped | matched) - {""} <= allowed
    assert all(f'{name}{{job="ir-cds"' in rule["expr"] for name in names)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule["alert"])
def test_an_alert_is_explained(rule: dict[str, Any]) -> None:
    """The runbook has a section by the name of the alert: what it means, and what to do."""
    assert rule["labels"]["severity"] in {"page", "ticket"}
    (section,) = re.findall(rf"^### {rule['alert']}\n(.*?)(?=^##|\Z)", RUNBOOK, re.DOTALL | re.MULTILINE)
    assert "Do: " in section


def test_no_section_explains_an_alert_that_is_gone() -> None:
    """Every section of that kind in the runbook is of a rule."""
    assert set(re.findall(r"^### (Cds\w+)$", RUNBOOK, re.MULTILINE)) == RULES.keys()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed here (Debian: prometheus)")
def test_alerts_fire_when_they_should() -> None:
    """Prometheus' own tool: a healthy service raises nothing, and each trouble raises its alert."""
    rules = ["promtool", "test", "rules", REPOSITORY / "tests" / "alerts.test.yaml"]
    done = subprocess.run(rules, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
