"""Metrics: correct counts, labels from closed lists, and access control."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from cds_service.profiles.background import BackgroundValidator
from cds_service.web.metrics import Metrics
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.web.conftest import MakeApp

CALL = a_call(context=drafts(an_order("uterine fibroid embolization")), prefetch=NOTHING_RECORDED)
TOKEN = "s3cret"  # noqa: S105  of the test


def samples(client: FlaskClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of /metrics by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = list(text_string_to_metric_families(answer.text))
    assert len(families) == len({family.name for family in families})
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(client: FlaskClient, name: str, /, **labels: str) -> float:
    """One sample; 0 if it was never counted."""
    return samples(client).get((name, frozenset(labels.items())), 0.0)


def test_calls_are_counted_by_service_status_and_client(client: FlaskClient) -> None:
    """Each call counts once by service, status and client; unknown service ids share one label."""
    client.post("/cds-services/ir-order-sign", json=CALL)
    client.post("/cds-services/ir-order-sign", json={})
    client.post("/cds-services/Jane-Roe", json={})
    for service, status in (
        ("ir-order-sign", "200"),
        ("ir-order-sign", "400"),
        ("other", "404"),
    ):
        assert value(client, "cds_calls_total", service=service, status=status, client="open") == 1.0
    assert "Jane" not in client.get("/metrics").text


def test_cards_and_open_questions_are_counted(client: FlaskClient) -> None:
    """The cards of a call count by row and indicator, and its unknown answers by reason."""
    cards = client.post("/cds-services/ir-order-sign", json=CALL).get_json()["cards"]
    for card in cards:
        labels = {"row": card["source"]["topic"]["code"], "indicator": card["indicator"], "shown": "yes"}
        assert value(client, "cds_cards_total", **labels) == 1.0
    assert value(client, "cds_unknown_total", reason="no-result") > 0
    assert value(client, "cds_unavailable_total", data="observations", reason="not-sent") == 0
    client.post("/cds-services/ir-order-sign", json=CALL | {"prefetch": {"patient": None, "conditions": None}})
    assert value(client, "cds_unavailable_total", data="observations", reason="not-sent") == 1.0


def test_faults_of_what_calls_bring_are_counted(make_app: MakeApp) -> None:
    """With validation on, a fault in prefetch counts by resource type, rule and client."""
    metrics = Metrics()
    validator = BackgroundValidator(metrics.count_fault)
    client = make_app(metrics=metrics, validator=validator, validate=True).test_client()
    broken = dict(NOTHING_RECORDED) | {"patient": {"resourceType": "Patient", "id": "p", "gender": "f"}}
    client.post("/cds-services/ir-order-sign", json=CALL | {"prefetch": broken})
    validator.wait()
    labels = {"resource": "Patient", "rule": "binding", "client": "open"}
    assert value(client, "cds_validation_faults_total", **labels) == 1.0


@pytest.mark.parametrize("stage", ["hooks", "clinical_data", "facts", "findings", "cards", "response", "records"])
def test_each_stage_is_timed(client: FlaskClient, stage: str) -> None:
    """The duration of every stage of a call is observed."""
    client.post("/cds-services/ir-order-sign", json=CALL)
    assert value(client, "cds_stage_seconds_count", stage=stage) == 1.0
    assert 0 < value(client, "cds_stage_seconds_sum", stage=stage) < 60


def test_feedback_is_counted(client: FlaskClient) -> None:
    """New entries count by outcome, repeated ones and unknown cards separately, requests by status."""
    entry = {
        "card": "a5c1bf4b-3f0c-4b5f-9d0e-7f6f3f2c9d11",
        "outcome": "overridden",
        "outcomeTimestamp": "2026-11-23T19:00:00Z",
    }
    for body in ({"feedback": [entry, entry]}, {"feedback": [entry]}, {}):
        client.post("/cds-services/ir-order-sign/feedback", json=body)
    assert value(client, "cds_feedback_total", outcome="overridden", client="open") == 1.0
    assert value(client, "cds_feedback_repeated_total") == 2.0
    assert value(client, "cds_feedback_unknown_cards_total") == 1.0
    assert value(client, "cds_feedback_requests_total", status="200") == 2.0
    assert value(client, "cds_feedback_requests_total", status="400") == 1.0


def test_requests_to_fhir_servers_are_timed() -> None:
    """Requests to FHIR servers are timed by kind of data and outcome."""
    metrics = Metrics()
    metrics.observe_fhir("conditions", 0.2, "ok")
    metrics.observe_fhir("conditions", 3.0, "timeout")
    text = metrics.exposition(lambda: iter(()))[0].decode()
    assert 'cds_fhir_seconds_count{data="conditions",outcome="ok"} 1.0' in text
    assert 'cds_fhir_seconds_bucket{data="conditions",le="2.5",outcome="timeout"} 0.0' in text


def test_the_state_of_store_and_tables_is_there(client: FlaskClient, make_app: MakeApp, knowledge) -> None:
    """The metrics show whether the database answers, and which tables are in force."""
    assert value(client, "cds_store_up") == 1.0
    assert value(client, "cds_knowledge_info", version=knowledge.version) == 1.0
    away = make_app(database_url="postgresql://postgres@127.0.0.1:1/records").test_client()
    assert value(away, "cds_store_up") == 0.0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Bearer ", 401),
        ("Basic s3cret", 401),
        ("Bearer s3crét", 401),
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
    ],
)
def test_a_token_guards_the_metrics(make_app: MakeApp, sent: str | None, status: int) -> None:
    """With a token set, the metrics can be read only with it; the 401 reveals nothing else."""
    client = make_app(metrics_token=TOKEN).test_client()
    answer = client.get("/metrics", headers={"Authorization": sent.encode().decode("latin-1")} if sent else {})
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in answer.text


def test_a_count_that_can_not_be_kept_fails_no_call(make_app: MakeApp, tmp_path: Path) -> None:
    """If the folder of the counts is missing, a worker answers calls all the same."""
    gone = tmp_path / "gone"
    code = (
        "import sys; from pathlib import Path; from cds_service.settings import share_metrics;"
        "folder = Path(sys.argv[1]); folder.mkdir(); share_metrics(folder);"
        "from cds_service.web.metrics import Metrics; metrics = Metrics(folder);"
        "import os, shutil; shutil.rmtree(folder); child = os.fork();"
        "child or (metrics.count_call('ir-order-sign', 200, 'open'), print('went on', flush=True), os._exit(0));"
        "os.waitpid(child, 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(gone)], capture_output=True, text=True, check=False)
    assert done.stdout == "went on\n", done.stderr
    assert "a count was lost: FileNotFoundError" in done.stderr


def test_orders_are_counted_by_how_they_were_recognized(client: FlaskClient) -> None:
    """Orders count by how they were recognized, unknown interventional ones apart; no text of an order is a label."""
    texts = ["uterine fibroid embolization", "IR Zwetschgenwasser", "IR thing", "Chest X-ray"]
    orders = [an_order(text, f"draft-{number}") for number, text in enumerate(texts)]
    client.post("/cds-services/ir-order-sign", json=a_call(context=drafts(*orders), prefetch=NOTHING_RECORDED))
    counted = {how: value(client, "cds_orders_total", recognized_by=how) for how in ("text", "unknown", "none", "code")}
    assert counted == {"text": 1.0, "unknown": 2.0, "none": 1.0, "code": 0.0}
    assert "Zwetschgenwasser" not in client.get("/metrics").text


def test_a_site_may_do_without_the_card_for_unknown_orders(make_app: MakeApp) -> None:
    """With CDS_UNKNOWN_IR_ORDERS off no card tells of an unknown order; the decision still does."""
    body = a_call(context=drafts(an_order("IR thing")), prefetch=NOTHING_RECORDED)
    told = make_app().test_client().post("/cds-services/ir-order-sign", json=body).get_json()
    silent = make_app(unknown_ir_orders=False).test_client().post("/cds-services/ir-order-sign", json=body).get_json()
    assert [card["source"]["topic"]["code"] for card in told["cards"]] == ["unknown-order"]
    assert silent["cards"] == []
    assert silent["extension"] == told["extension"]
