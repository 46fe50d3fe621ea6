"""`cds-service explain`: why a card came, from what the service has stored."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.snapshot import take_snapshot
from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.storage.records import read_calls
from cds_service.storage.schema import SNAPSHOTS
from cds_service.storage.snapshots import keep_snapshot
from cds_service.storage.store import Store
from cds_service.web.app import create_app
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.kept import flush_records
from tests.support.tables import put

DAY = date(2026, 11, 24)
RECORDED = "Iohexol, told by the sister"
REASONS = "https://example.org/ir-cds/fhir/CodeSystem/override-reasons"


@pytest.fixture
def card(knowledge: Knowledge, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The first card of a call with an allergy to contrast and 20 platelets, overridden by the clinician."""
    url = f"sqlite:///{tmp_path}/records.db"
    monkeypatch.setenv("CDS_DATABASE_URL", url)
    monkeypatch.setenv("CDS_TIMEZONE", "Asia/Shanghai")
    client = create_app(Settings(database_url=url, keep_references=True), knowledge, lambda: now).test_client()
    platelets = {
        "resourceType": "Observation",
        "id": "plt-7",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "effectiveDateTime": now.isoformat(),
        "valueQuantity": {"value": 20, "unit": "10*9/L"},
    }
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "al-3",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "395751002"}], "text": RECORDED},
    }
    prefetch = NOTHING_RECORDED | {
        "observations": {"resourceType": "Bundle", "entry": [{"resource": platelets}]},
        "allergies": {"resourceType": "Bundle", "entry": [{"resource": allergy}]},
    }
    call = a_call(context=drafts(an_order("TIPS")), prefetch=prefetch)
    cards = client.post("/cds-services/ir-order-sign", json=call).get_json()["cards"]
    first: dict[str, Any] = next(card for card in cards if "Platelets" in card["summary"] or "plt" in str(card))
    entry = {
        "card": first["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": now.isoformat(),
        "overrideReason": {"reason": {"code": "accepted-by-operator", "system": REASONS}},
    }
    assert client.post("/cds-services/ir-order-sign/feedback", json={"feedback": [entry]}).status_code == 200
    return first


def test_a_card_is_explained(run, card: dict[str, Any], knowledge: Knowledge) -> None:
    """The rows, the limit and source of that day, the resources read, and the answer are told, without a value."""
    ran = run("explain", card["uuid"])
    assert (ran.code, ran.err) == (0, "")
    for part in (
        knowledge.version,
        "Order: tips, recognized by text",
        "* bleeding-tendency / platelets-",
        "found in Observation/plt-7",
        "10*9/L; SIR 2019",
        "allergies 1 (prefetch)",
        "Answer: overridden, 2026-11-24 03:00:00 CST, reason: Accepted by the operator",
    ):
        assert part in ran.out
    assert RECORDED not in ran.out


def test_the_explanation_is_one_document(run, card: dict[str, Any]) -> None:
    """`--json` prints what is stored of the card, its call and the answer as one JSON document."""
    found = json.loads(run("explain", card["uuid"], "--json").out)
    assert found["card"]["uuid"] == card["uuid"]
    assert found["feedback"][0]["outcome"] == "overridden"
    rows = {answer["row"] for order in found["call"]["orders"] for answer in order["answers"]}
    assert {"bleeding-tendency", "iodine-allergy"} <= rows
    assert RECORDED not in json.dumps(found)


def test_a_site_may_keep_no_resource_ids(knowledge: Knowledge, now: datetime, tmp_path: Path) -> None:
    """Unless CDS_KEEP_REFERENCES is on, the records hold the types of resources and no id."""
    url = f"sqlite:///{tmp_path}/others.db"
    condition = {
        "resourceType": "Condition",
        "id": "c-99",
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F20.0"}]},
    }
    prefetch = NOTHING_RECORDED | {"conditions": {"resourceType": "Bundle", "entry": [{"resource": condition}]}}
    for keep in (False, True):
        store = Store(url)
        client = create_app(Settings(database_url=url, keep_references=keep), knowledge, lambda: now).test_client()
        call = a_call(context=drafts(an_order("TIPS")), prefetch=prefetch)
        assert client.post("/cds-services/ir-order-sign", json=call).status_code == 200
        flush_records()
        stored = [str(record["orders"]) for record in read_calls(store, None, None)]
        assert any("psychosis" in orders for orders in stored)
        assert any("c-99" in orders for orders in stored) is keep
        assert any("'Condition'" in orders for orders in stored)
        store.close()


def test_a_card_that_is_not_stored_is_said(run, card: dict[str, Any]) -> None:
    """For a UUID of no stored card the command ends with 1 and says so."""
    ran = run("explain", "00000000-0000-4000-8000-000000000000")
    assert ran.code == 1
    assert "is stored in" in ran.err


def test_a_call_is_explained_by_its_hook_instance(run, card: dict[str, Any], knowledge: Knowledge) -> None:
    """The hookInstance that the EHR sent leads to the call and every card of it, with the answers."""
    hook = str(a_call()["hookInstance"])
    ran = run("explain", hook.upper())
    assert (ran.code, ran.err) == (0, "")
    assert "service ir-order-sign" in ran.out
    assert f"Card {card['uuid']}: " in ran.out
    assert "Answer: overridden" in ran.out
    found = json.loads(run("explain", hook, "--json").out)
    assert [call["hook_instance"] for call in found["calls"]] == [hook]


def test_the_tables_of_that_day_are_kept(run, card: dict[str, Any], knowledge: Knowledge, tmp_path: Path) -> None:
    """Where the tables of the version are kept, `explain` says how to see them, and they are listed and compared."""
    store = Store(f"sqlite:///{tmp_path}/records.db")
    put(tmp_path / "site" / "not_connected.toml", "")
    site = load_knowledge(tmp_path / "site", today=DAY)
    for version, folder in ((knowledge.version, None), (site.version, tmp_path / "site")):
        for _ in range(2):
            keep_snapshot(store, take_snapshot(version, folder, DAY), datetime(2026, 11, 24, tzinfo=UTC))
    with store.transaction(5.0) as connection:
        assert len(connection.execute(sa.select(SNAPSHOTS.c.sha256)).all()) == 2, "the shipped files are kept once"
    store.close()
    assert (
        f"Tables: {knowledge.version} (cds-service tables --of {knowledge.version})" in run("explain", card["uuid"]).out
    )
    assert run("tables", "--versions").out.count("first answered 2026-11-24") == 2
    assert "platelets-high-risk" in run("tables", "--of", site.version, "--format", "csv").out
    assert run("tables", "--of", site.version, "--export", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "site" / "not_connected.toml").exists()
    missing = run("diff", "shipped", "2026.11+00000000")
    assert missing.code == 2
    assert "tables --versions lists them" in missing.err
