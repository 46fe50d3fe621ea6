"""`summary`: from a saved request or a real server, as text, JSON or a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.cases import request_of
from cds_service.cli.commands.demo import EXAMPLES
from tests.support.calls import a_call
from tests.support.fhir_peer import TOKEN, Peer, resources_of, running_peer

BLEEDING = EXAMPLES / "bleeding-risk.json"
ORDER = "uterine-fibroid-embolization"
ROW: dict[str, Any] = {
    "order": ORDER,
    "patient": {"birthDate": "1980-03-01", "gender": "female"},
    "allergies": [{"code": "sct|395751002", "text": "Iohexol", "severity": "severe"}],
    "labs": [{"code": "loinc|777-3", "value": 40, "unit": "10*9/L"}],
}


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A server that requires a token, with one patient."""
    request = request_of(ROW, datetime.now().astimezone())
    with running_peer(resources_of(request), token=TOKEN) as running:
        yield running


def test_a_saved_request_is_summarized_for_people(run: Callable[..., Any]) -> None:
    """The terminal shows each section with its lines and what was not looked at, in the language that is asked for."""
    ran = run("summary", "--request", BLEEDING)
    assert (ran.code, ran.err) == (0, "")
    headings = ("Reason for the procedure", "Results", "Consent and capacity", "Pregnancy", "Not looked at")
    places = [ran.out.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)
    assert "38 × 10³/µL" in ran.out
    german = run("summary", "--request", BLEEDING, "--language", "de").out
    assert "Einwilligungsfähigkeit" in german
    assert not any(heading in german for heading in headings)


def test_json_is_all_that_is_printed(run: Callable[..., Any]) -> None:
    """--json prints one JSON object and nothing else."""
    body = json.loads(run("summary", "--request", BLEEDING, "--json").out)
    assert [order["procedure"] for order in body["orders"]] == ["hepatic-artery-chemoembolization", "liver-biopsy"]
    assert body == json.loads(run("summary", "--request", BLEEDING, "--format", "json").out) | {"made": body["made"]}


def test_the_page_is_one_file(run: Callable[..., Any]) -> None:
    """The page holds its styles, no script, and names no address from which something would be loaded."""
    page = run("summary", "--request", BLEEDING, "--format", "html").out
    assert page.lstrip().startswith("<!doctype html>")
    assert re.findall(r"(?:src|href)=|<script|url\(", page) == []


def test_a_patient_of_a_server_is_summarized(run: Callable[..., Any], peer: Peer) -> None:
    """Patient and order at a FHIR server; without prefetch the service reads for itself, and says the same."""
    asked = ("summary", "--fhir-server", peer.base, "--token", TOKEN, "--patient", "p1", "--order", ORDER, "--json")
    body = json.loads(run(*asked).out)
    (order,) = body["orders"]
    contrast = next(one for one in order["sections"] if one["id"] == "contrast")
    assert contrast["lines"][0]["level"] == "critical"
    again = json.loads(run(*asked, "--no-prefetch").out)
    assert again["orders"] == body["orders"]


def test_what_cannot_be_read_is_not_passed_over(run: Callable[..., Any], peer: Peer) -> None:
    """Allergies that the server refuses are not read, and no section says that none is recorded."""
    peer.faults = {"AllergyIntolerance": lambda exchange: exchange.outcome(403)}
    asked = ("summary", "--fhir-server", peer.base, "--token", TOKEN, "--patient", "p1", "--order", ORDER, "--json")
    body = json.loads(run(*asked).out)
    contrast = next(one for one in body["orders"][0]["sections"] if one["id"] == "contrast")
    assert contrast["state"] in ("not-read", "open")
    assert "could not be retrieved" in contrast["statement"]
    assert any("allergies" in line["text"] for line in body["notRead"]["lines"])


def test_what_is_wrong_is_said(run: Callable[..., Any], tmp_path: Path) -> None:
    """A request without an order, a missing option, an unknown language and a bad request: what, and what to do."""
    view = tmp_path / "view.json"
    view.write_text(json.dumps(a_call("ir-patient-view")), "utf-8")
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(a_call() | {"context": {}}), "utf-8")
    assert run("summary", "--request", view).code == 2
    assert "--patient ID" in run("summary", "--fhir-server", "http://127.0.0.1:9").err
    assert "no whole wording" in run("summary", "--request", BLEEDING, "--language", "xx").err
    assert "goes with --fhir-server" in run("summary", "--request", BLEEDING, "--order", "tips").err
    refused = run("summary", "--request", bad)
    assert (refused.code, refused.err.startswith("The request was refused (400)")) == (1, True)
