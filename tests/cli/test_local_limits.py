"""A hospital's own limit and hold are told as its own wherever one reads them, with its source."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.knowledge.load import load_knowledge
from cds_service.settings import Settings
from cds_service.web.app import create_app
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.kept import flush_records
from tests.support.tables import put

BY = 'approver = "Head of interventional radiology", date = "2026-11-02"'
LIMIT = '[[threshold]]\nid = "{}"\nvalue = {}\nchange = {{ reason = "as we do it", {}, source = "{}" }}\n'
PLATELETS, METFORMIN, APIXABAN = "Protocol IR-07", "Protocol IR-08", "Protocol IR-11"
HOLD = "apixaban-high-30-49-sir-2019"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with two limits and a hold of its own: of a question with one limit, with several, and with holds."""
    folder = tmp_path / "site"
    limits = [("platelets-high-risk", 75, BY, PLATELETS), ("egfr-metformin", 45, BY, METFORMIN)]
    put(folder / "thresholds.toml", "".join(LIMIT.format(*limit) for limit in limits))
    change = f'{{ reason = "as we do it", {BY}, source = "{APIXABAN}" }}'
    put(folder / "holds.toml", f'[[hold]]\nid = "{HOLD}"\nleast = 8\nmost = 8\nchange = {change}\n')
    return folder


@pytest.fixture
def client(site: Path, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The service with the site and a database of its own, which the commands use as well."""
    monkeypatch.setenv("CDS_SITE", str(site))
    monkeypatch.setenv("CDS_DATABASE_URL", url := f"sqlite:///{tmp_path}/records.db")
    knowledge = load_knowledge(site, today=now.date())
    return create_app(Settings(site=site, database_url=url), knowledge, lambda: now).test_client()


@pytest.fixture
def cards(client: FlaskClient, now: datetime) -> list[dict[str, Any]]:
    """The cards of a patient on apixaban and metformin with platelets of 60 and an eGFR of 40."""
    results = [_result("777-3", 60, "10*9/L", now), _result("62238-1", 40, "mL/min/{1.73_m2}", now)]
    drugs = [_drug(name, now) for name in ("apixaban 5 mg", "metformin 500 mg")]
    prefetch = NOTHING_RECORDED | {"observations": _bundle(results), "medications": _bundle(drugs)}
    call = a_call(context=drafts(an_order("uterine fibroid embolization")), prefetch=prefetch)
    found: list[dict[str, Any]] = client.post("/cds-services/ir-order-sign", json=call).get_json()["cards"]
    flush_records()
    return found


def _bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}


def _result(code: str, value: float, unit: str, now: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"lab-{code}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": now.isoformat(),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def _drug(name: str, now: datetime) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": name.split()[0],
        "status": "active",
        "intent": "order",
        "authoredOn": now.isoformat(),
        "medicationCodeableConcept": {"text": name},
    }


def test_cards_name_the_hospitals_own_source(cards: list[dict[str, Any]]) -> None:
    """The card of each names the hospital's limit and source."""
    detail = "\n".join(f"{card['summary']}\n{card['detail']}" for card in cards)
    assert {source for source in (PLATELETS, METFORMIN, APIXABAN) if source not in detail} == set()
    assert "Platelets below 75" in detail
    assert "eGFR below 45" in detail


def test_an_explanation_names_the_limits_and_holds_of_that_day(run, cards: list[dict[str, Any]]) -> None:
    """`explain` tells which limit and which row of the holds an answer rested on, each with the hospital's source."""
    hook = str(a_call()["hookInstance"])
    ran = run("explain", hook)
    assert "limit platelets < 75 10*9/L; Protocol IR-07" in ran.out
    assert "limit egfr < 45 mL/min/{1.73_m2}; Protocol IR-08" in ran.out
    assert "limit apixaban hold 8 doses" in ran.out
    assert f"Protocol IR-11, row {HOLD}" in ran.out


def test_pages_and_packages_name_it(client: FlaskClient, run, site: Path, tmp_path: Path) -> None:
    """The pages of row and limit, the whole table, `tables` and the FHIR package name the hospital's source."""
    pages = [
        ("contraindications/bleeding-tendency", PLATELETS, "value 50 → 75"),
        ("limits/platelets-high-risk", PLATELETS, "below 75"),
        ("contraindications/metformin", METFORMIN, "value 30 → 45"),
        ("contraindications/antithrombotic-medication", APIXABAN, "least 6 → 8"),
        ("tables", METFORMIN, "75"),
    ]
    for path, source, change in pages:
        text = client.get(f"/knowledge/{path}").text
        assert source in text, path
        assert change in text, path
    listed = run("tables", "--format", "csv").out
    assert all(source in listed for source in (PLATELETS, METFORMIN, APIXABAN))
    assert run("package", "build", "--site", site, "--out", tmp_path / "package").code == 0
    plan = json.loads((tmp_path / "package/plan_definitions/uterine-fibroid-embolization.json").read_text("utf-8"))
    assert all(source in json.dumps(plan) for source in (PLATELETS, METFORMIN, APIXABAN))
    about = json.loads((tmp_path / "package/package.json").read_text("utf-8"))
    assert about["version"].startswith("2026."), about
    assert about["version"].endswith(load_knowledge(site).version.partition("+")[2])


def test_the_committee_sees_it(run, cards: list[dict[str, Any]], tmp_path: Path) -> None:
    """The page for the committee names the change beside the row whose cards it counts, and lists every change."""
    page = tmp_path / "report.html"
    assert run("feedback", "--html", page).code == 0
    text = page.read_text("utf-8")
    shown = text[text.index("<h2>Most shown</h2>") : text.index("<h2>Most overridden")]
    assert f"here platelets-high-risk: value 50 → 75 ({PLATELETS})" in shown
    assert f"<td>{APIXABAN}</td>" in text[text.index("What this hospital decides otherwise") :]
