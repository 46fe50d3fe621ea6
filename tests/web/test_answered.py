"""Answered is answered: what was shown while an order was written is not shown again at signing, unless it is news."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.web.conftest import MakeApp

LOINC = "http://loinc.org"
ANAPHYLAXIS = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": {"reference": "Patient/pat-1"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "395751002"}], "text": "Iohexol"},
    "reaction": [{"manifestation": [{"text": "anaphylaxis"}], "severity": "severe"}],
}
ORDER = an_order("CT-guided liver biopsy")
EMBOLIZATION = an_order("Uterine fibroid embolization")


def a_result(code: str, value: float, unit: str, number: int = 1, day: str = "2026-11-20") -> dict[str, Any]:
    """A result of the patient."""
    return {
        "resourceType": "Observation",
        "id": f"{code}-{number}",
        "status": "final",
        "subject": {"reference": "Patient/pat-1"},
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectiveDateTime": day,
        "valueQuantity": {"value": value, "code": unit, "system": "http://unitsofmeasure.org"},
    }


def found(*resources: dict[str, Any]) -> dict[str, Any]:
    """A search result."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


NORMAL = (a_result("6301-6", 1.0, "1"), a_result("777-3", 250, "10*9/L"), a_result("2160-0", 0.8, "mg/dL"))
LOW = (a_result("6301-6", 1.0, "1"), a_result("777-3", 22, "10*9/L"), a_result("2160-0", 0.8, "mg/dL"))


@pytest.fixture
def ehr(make_app: MakeApp) -> FlaskClient:
    """An EHR that calls the service with a store."""
    return make_app(log_key=b"0123456789abcdef").test_client()


def ask(ehr: FlaskClient, hook: str, order: dict[str, Any] = ORDER, of: str = "pat-1", **kinds: Any) -> Any:
    """The response to a call about one draft."""
    service = f"ir-{hook}"
    prefetch = NOTHING_RECORDED | {"observations": found(*LOW)} | kinds
    call = a_call(service, context=drafts(order) | {"patientId": of}, prefetch=prefetch)
    response = ehr.post(f"/cds-services/{service}", json=call)
    assert response.status_code == 200
    return response.get_json()


def cards(response: Any) -> list[str]:
    """What the cards are about, and how loudly."""
    return [f"{card['indicator']} {card['source']['topic']['code']}" for card in response["cards"]]


def override(ehr: FlaskClient, response: Any, hook: str) -> None:
    """Override every card of a response."""
    given = [
        {
            "card": card["uuid"],
            "outcome": "overridden",
            "overrideReason": {"reason": {"system": "urn:x", "code": "emergency"}},
            "outcomeTimestamp": "2026-11-23T19:00:00Z",
        }
        for card in response["cards"]
    ]
    assert ehr.post(f"/cds-services/ir-{hook}/feedback", json={"feedback": given}).status_code == 200


def test_a_warning_is_not_shown_again_at_signing(ehr: FlaskClient) -> None:
    """Same draft, same problem, same evidence: shown while ordering, not again at signing; the decision says so."""
    first = ask(ehr, "order-select")
    assert "warning bleeding" in cards(first)
    second = ask(ehr, "order-sign")
    assert "warning bleeding" not in cards(second)
    decision = second["extension"]["org.example.ir-cds"]
    assert "bleeding" in decision["answered"]
    rows = [row for one in decision["procedures"] for row in one["contraindications"]]
    assert any(row["certainty"] == "present" for row in rows)


def test_while_an_order_is_written_cards_stay(ehr: FlaskClient) -> None:
    """A client replaces the cards of a hook with those of the next call, so the same hook gives them again."""
    assert cards(ask(ehr, "order-select")) == cards(ask(ehr, "order-select"))


def test_a_critical_card_repeats_until_it_is_answered(ehr: FlaskClient) -> None:
    """A critical card that nobody answered is shown again at signing; once it is answered, it is not."""
    allergy = {"allergies": found(ANAPHYLAXIS), "observations": found(*NORMAL)}
    first = ask(ehr, "order-select", EMBOLIZATION, **allergy)
    assert "critical contrast-reaction" in cards(first)
    second = ask(ehr, "order-sign", EMBOLIZATION, **allergy)
    assert "critical contrast-reaction" in cards(second)
    override(ehr, second, "order-sign")
    assert "critical contrast-reaction" not in cards(ask(ehr, "order-sign", EMBOLIZATION, **allergy))


def test_an_answered_card_is_reopened_by_a_worse_result(ehr: FlaskClient) -> None:
    """Select, override, sign: silent. A new result is news."""
    override(ehr, ask(ehr, "order-select"), "order-select")
    assert "warning bleeding" not in cards(ask(ehr, "order-sign"))
    worse = found(*LOW, a_result("777-3", 15, "10*9/L", 2, "2026-11-23"))
    assert "warning bleeding" in cards(ask(ehr, "order-sign", observations=worse))


def test_an_answered_card_is_reopened_by_another_day(ehr: FlaskClient) -> None:
    """A procedure that comes nearer is news."""
    override(ehr, ask(ehr, "order-select", ORDER | {"occurrenceDateTime": "2026-12-20"}), "order-select")
    again = ask(ehr, "order-sign", ORDER | {"occurrenceDateTime": "2026-12-20"})
    assert "warning bleeding" not in cards(again)
    assert "warning bleeding" in cards(ask(ehr, "order-sign", ORDER | {"occurrenceDateTime": "2026-11-30"}))


@pytest.mark.parametrize(
    ("order", "patient"),
    [(ORDER | {"id": "draft-2"}, "pat-1"), (an_order("TIPS"), "pat-1"), (ORDER, "pat-2")],
    ids=["another draft", "another procedure", "another patient"],
)
def test_an_answer_holds_for_its_order_and_patient(order: dict[str, Any], patient: str, ehr: FlaskClient) -> None:
    """What was answered for one order of one patient is shown for any other."""
    override(ehr, ask(ehr, "order-select"), "order-select")
    other = order | {"subject": {"reference": f"Patient/{patient}"}}
    results = [one | {"subject": {"reference": f"Patient/{patient}"}} for one in LOW]
    kinds = {"observations": found(*results), "patient": {"resourceType": "Patient", "id": patient}}
    assert "warning bleeding" in cards(ask(ehr, "order-sign", other, patient, **kinds))


def test_what_could_not_be_read_is_told_until_it_is_answered(ehr: FlaskClient) -> None:
    """A list that could not be read was not seen by being shown once: it is told at signing again."""
    refused = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
    kinds = {"allergies": refused, "observations": found(*NORMAL)}
    first = ask(ehr, "order-select", EMBOLIZATION, **kinds)
    assert first["cards"]
    assert cards(ask(ehr, "order-sign", EMBOLIZATION, **kinds))


def test_without_a_decision_the_response_says_that_cards_were_held_back(make_app: MakeApp) -> None:
    """No cards must not read as all clear, also for clients that get no decision."""
    ehr = make_app(decision_extension=False).test_client()
    ask(ehr, "order-select")
    assert set(ask(ehr, "order-sign")["extension"]["org.example.ir-cds"]) == {"knowledgeVersion", "answered"}


def test_without_a_store_everything_is_shown(make_app: MakeApp) -> None:
    """Where nobody can tell what was answered, every card is shown."""
    ehr = make_app(database_url="").test_client()
    assert cards(ask(ehr, "order-select")) == cards(ask(ehr, "order-sign"))


def test_a_store_that_is_away_hides_nothing(make_app: MakeApp, tmp_path: Path) -> None:
    """A database that can't be read keeps no card back."""
    first = ask(make_app().test_client(), "order-select")
    (tmp_path / "no-database").write_text("this is no database, but a file of some length\n" * 50)
    again = ask(make_app(database_url=f"sqlite:///{tmp_path}/no-database").test_client(), "order-sign")
    assert "warning bleeding" in cards(first)
    assert "warning bleeding" in cards(again)
    assert "answered" not in again["extension"]["org.example.ir-cds"]


def test_in_shadow_mode_nothing_was_shown(make_app: MakeApp) -> None:
    """What was recorded in shadow mode, nobody has seen."""
    ask(make_app(shadow=True).test_client(), "order-select")
    assert "warning bleeding" in cards(ask(make_app().test_client(), "order-sign"))


def test_cards_of_before_a_key_rotation_are_known(make_app: MakeApp) -> None:
    """With the former key in CDS_LOG_KEY_OLD, what was shown or answered by it is not shown again."""
    before = make_app(log_key=b"0123456789abcdef").test_client()
    shown, answered = ask(before, "order-select"), ask(before, "order-select", EMBOLIZATION)
    override(before, answered, "order-select")
    assert "warning bleeding" in cards(shown)
    forgetful = make_app(log_key=b"another key of 16").test_client()
    assert cards(ask(forgetful, "order-sign")) == cards(shown)
    rotated = make_app(log_key=b"a third key of 16", log_key_old=(b"0123456789abcdef",)).test_client()
    assert "warning bleeding" not in cards(ask(rotated, "order-sign"))
    assert not set(cards(answered)) & set(cards(ask(rotated, "order-sign", EMBOLIZATION)))
