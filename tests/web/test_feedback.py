"""Feedback from EHRs: what is accepted, what is rejected, and what happens while the database is down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.storage.report import Tally, build_report
from cds_service.storage.schema import FEEDBACK
from cds_service.storage.store import Store
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.kept import close_writers
from tests.web.conftest import MakeApp

CALL = a_call(context=drafts(an_order("uterine fibroid embolization")), prefetch=NOTHING_RECORDED)
CARD = "a5c1bf4b-3f0c-4b5f-9d0e-7f6f3f2c9d11"
AWAY = "postgresql://postgres@127.0.0.1:1/records"


def an_entry(card: str = CARD, **changes: Any) -> dict[str, Any]:
    """An override without a reason; members changed to None are left out."""
    entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-23T19:00:30Z"} | changes
    return {name: value for name, value in entry.items() if value is not None}


def post(client: FlaskClient, *entries: Any, service_id: str = "ir-order-sign") -> TestResponse:
    """The response to a batch of feedback."""
    return client.post(f"/cds-services/{service_id}/feedback", json={"feedback": list(entries)})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store of the application under test, opened again."""
    opened = Store(f"sqlite:///{tmp_path}/records.db")
    yield opened
    opened.close()


def kept(store: Store) -> list[dict[str, Any]]:
    """All stored feedback."""
    with store.transaction(1.0) as connection:
        return [dict(row) for row in connection.execute(sa.select(FEEDBACK)).mappings()]


def test_feedback_finds_the_row_that_spoke(client: FlaskClient, store: Store) -> None:
    """Feedback on a card is counted for the table row of that card."""
    cards = client.post("/cds-services/ir-order-sign", json=CALL).get_json()["cards"]
    card = next(card for card in cards if card.get("suggestions"))
    accepted = {"outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}
    answer = post(client, an_entry(card["uuid"], **accepted))
    assert (answer.status_code, answer.data, "Content-Type" in answer.headers) == (200, b"", False)
    found = build_report(store, None, None, review_above=50)
    assert found.by["rule"]["bleeding-tendency"] == Tally(shown=1, accepted=1)
    assert (found.total.shown, found.unknown_cards) == (len(cards), 0)


def test_the_example_in_the_guide_is_kept(client: FlaskClient, store: Store) -> None:
    """The feedback example in the guide is accepted."""
    guide = (Path(__file__).parents[2] / "docs" / "feedback.md").read_text("utf-8")
    body = guide.partition("-d '")[2].partition("'\n")[0]
    answer = client.post("/cds-services/ir-order-sign/feedback", data=body, content_type="application/json")
    assert answer.status_code == 200
    (line,) = kept(store)
    assert line["reason_code"] == "benefit-outweighs-risk"


def test_a_batch_of_many_is_kept_once(client: FlaskClient, store: Store) -> None:
    """A batch may have any number of entries, several on one card, and be sent again: each counts once."""
    entries = [an_entry(outcomeTimestamp=f"2026-11-23T19:{minute:02d}:00.5Z") for minute in range(60)]
    for _ in range(2):
        assert post(client, *entries, entries[0]).status_code == 200
    assert len(kept(store)) == 60


def test_times_are_the_same_moment_in_any_zone(client: FlaskClient, store: Store) -> None:
    """A time with an offset is the same entry as that time in UTC."""
    post(client, an_entry(), an_entry(outcomeTimestamp="2026-11-24T03:00:30.000+08:00"), an_entry(CARD.upper()))
    assert len(kept(store)) == 1


def test_feedback_for_any_service_may_name_any_card(client: FlaskClient) -> None:
    """Feedback on an unknown card is accepted, because the client can't correct it."""
    assert post(client, an_entry(), service_id="ir-patient-view").status_code == 200


@pytest.mark.parametrize("keep", [True, False])
def test_a_comment_is_kept_only_by_setting(make_app: MakeApp, store: Store, keep: bool) -> None:
    """Free text is stored only if the hospital's setting allows it."""
    client = make_app(keep_comments=keep).test_client()
    override = {"reason": {"code": "emergency", "system": "urn:x", "display": None}, "userComment": "Jane agreed\0"}
    assert post(client, an_entry(overrideReason=override)).status_code == 200
    (line,) = kept(store)
    assert (line["reason_system"], line["reason_code"]) == ("urn:x", "emergency")
    assert (line["commented"], line["comment"]) == (True, "Jane agreed" if keep else None)


WRONG = [
    (an_entry(card=None), "/feedback/1/card is missing"),
    (an_entry("Jane Roe"), "/feedback/1/card is not valid"),
    (an_entry(card=5), "/feedback/1/card is a number"),
    (an_entry(outcome="ignored"), "/feedback/1/outcome is not valid: send accepted or overridden"),
    (an_entry(outcome=None), "/feedback/1/outcome is missing"),
    (an_entry(outcome="accepted"), "/feedback/1/acceptedSuggestions is missing"),
    (an_entry(outcome="accepted", acceptedSuggestions=[]), "/feedback/1/acceptedSuggestions is not valid"),
    (an_entry(outcome="accepted", acceptedSuggestions=[{}]), "/feedback/1/acceptedSuggestions/0/id is missing"),
    (an_entry(outcomeTimestamp=None), "/feedback/1/outcomeTimestamp is missing"),
    (an_entry(outcomeTimestamp="2026-11-23"), "/feedback/1/outcomeTimestamp is not valid"),
    (an_entry(outcomeTimestamp="2026-11-23T19:00:00"), "/feedback/1/outcomeTimestamp is not valid"),
    (an_entry(outcomeTimestamp="2026-02-30T19:00:00Z"), "/feedback/1/outcomeTimestamp is not a time"),
    (an_entry(overrideReason={"reason": {"code": "x"}}), "/feedback/1/overrideReason/reason/system is missing"),
    (
        an_entry(overrideReason={"reason": {"code": "J R", "system": "u"}}),
        "/feedback/1/overrideReason/reason/code is not valid",
    ),
    (an_entry(overrideReason="because"), "/feedback/1/overrideReason is text"),
    ("overridden", "/feedback/1 is text"),
    (None, "/feedback/1 is null"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_one_wrong_entry_refuses_the_batch(client: FlaskClient, store: Store, wrong: Any, message: str) -> None:
    """A batch with a mistake is a 400 with its JSON pointer; nothing is stored and no value is quoted."""
    answer = post(client, an_entry(), wrong)
    assert answer.status_code == 400
    diagnostics = answer.get_json()["issue"][0]["diagnostics"]
    assert message in diagnostics
    assert "Jane" not in diagnostics
    assert kept(store) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is empty"),
        (b"[]", "not a JSON object"),
        (b"{}", "/feedback is missing"),
        (b'{"feedback": {}}', "/feedback is an object"),
        (b'{"feedback": null}', "/feedback is missing"),
        (b'{"feedback": 5}', "/feedback is a number"),
        (b'{"feedback": [], "feedback": []}', "sent more than once"),
        (
            b'{"feedback": [' + b"[" * 900 + b"]" * 900 + b"]}",
            "/feedback/0 ",
        ),  # how deep is too deep depends on the Python
        (b'{"feedback": [1e999]}', "/feedback/0 can't be read"),
    ],
)
def test_what_is_no_feedback_is_refused(client: FlaskClient, body: bytes, message: str) -> None:
    """A body that is not feedback is a 400 that says what to send."""
    answer = client.post("/cds-services/ir-order-sign/feedback", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert message in answer.get_json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/cds-services/ir-unknown/feedback", {"json": {"feedback": []}}, 404),
        ("/cds-services/ir-order-sign/feedback", {"data": b"{}", "content_type": "text/plain"}, 415),
        ("/cds-services/ir-order-sign/feedback", {"data": b" " * 1_048_577, "content_type": "application/json"}, 413),
        ("/cds-services/ir-order-sign/feedback", {"method": "GET"}, 405),
    ],
)
def test_the_protocol_is_kept(client: FlaskClient, path: str, options: dict[str, Any], status: int) -> None:
    """An unknown service, another content type, a body over 1 MiB and another method get their own status."""
    assert client.open(path, **{"method": "POST"} | options).status_code == status


def test_while_the_store_is_away_feedback_is_refused_and_calls_are_answered(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """While the database is down, calls are judged, feedback gets 503; records lost in the end are logged."""
    client = make_app(database_url=AWAY).test_client()
    first, second = (client.post("/cds-services/ir-order-sign", json=CALL) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.get_json()["cards"]
    refused = post(client, an_entry())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert "send it again" in refused.get_json()["issue"][0]["diagnostics"]
    ready = client.get("/readyz")
    assert (ready.status_code, "store" in ready.get_json()["issue"][0]["diagnostics"]) == (503, True)
    assert "cds_records_lost_total 0.0" in client.get("/metrics").text
    close_writers()
    assert "cds_records_lost_total 2.0" in client.get("/metrics").text
    assert sum("was not stored" in record.getMessage() for record in caplog.records) == 2


def test_without_a_database_no_feedback_is_acknowledged(make_app: MakeApp) -> None:
    """Without a database, feedback gets 503 with the name of the setting."""
    refused = post(make_app(database_url=None).test_client(), an_entry())
    assert refused.status_code == 503
    assert "CDS_DATABASE_URL" in refused.get_json()["issue"][0]["diagnostics"]
