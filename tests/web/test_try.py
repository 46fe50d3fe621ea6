"""The page `/try`: an order and a made-up patient, judged as a call is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from cds_service.cases import Case, failures
from cds_service.knowledge.tables import Knowledge
from cds_service.web.try_examples import examples, form_of
from cds_service.web.try_form import drug_proposals
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.shipped import shipped_cases
from tests.web.conftest import MakeApp

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.json"))


def test_a_newcomer_is_led_there_and_sees_cards(client: FlaskClient) -> None:
    """The first address leads to /try, which shows an order with its cards before anything is typed."""
    response = client.get("/")
    assert (response.status_code, response.headers["Location"]) == (303, "try")
    text = client.get("/try").text
    assert 'class="card critical"' in text
    assert "Uterine fibroid embolization" in text


def test_an_unknown_case_is_said(client: FlaskClient) -> None:
    """An address with a case that there is none of is not found, and the page says so above its form."""
    response = client.get("/try?case=%3Cb%3Enosuch")
    assert response.status_code == 404
    said, _, form = response.text.partition("<form")
    assert "is called “&lt;b&gt;nosuch”" in said
    assert "Show the cards" in form


@pytest.mark.parametrize("name", list(examples()))
def test_the_examples_are_true(name: str, knowledge: Knowledge, now: datetime) -> None:
    """Each example is answered as it says, and its form holds all of it."""
    row = examples()[name]
    assert failures(Case(name, row), knowledge, now) == []
    assert form_of(row, knowledge) is not None


def test_a_form_is_judged_as_the_same_call(client: FlaskClient) -> None:
    """The cards on the page are those that the hook answers to the request that the page made."""
    fields = {
        "order": "TIPS",
        "diagnosis": ["K76.6 Portal hypertension", "knee pain"],
        "diagnosis_days": ["10", ""],
        "allergy": ["sct|395751002 Iohexol", ""],
        "severity": ["severe", ""],
        "lab": ["platelets", "inr"],
        "value": ["38", ""],
        "unit": ["10*3/uL", ""],
        "days": ["3", ""],
        "sex": "male",
        "age": "61",
        "priority": "urgent",
        "drug": ["Warfarin 5 mg", ""],
    }
    request = client.post("/try/request.json", data=fields).get_json()
    assert request["context"]["draftOrders"]["entry"][0]["resource"]["priority"] == "urgent"
    sent = {kind: len(found["entry"]) for kind, found in request["prefetch"].items() if "entry" in found}
    assert sent == {"conditions": 2, "allergies": 1, "observations": 1, "medications": 1, "procedures": 0}
    answer = client.post("/cds-services/ir-order-sign", json=request).get_json()
    text = client.post("/try", data=fields).text
    assert answer["cards"]
    for card in answer["cards"]:
        assert f'class="card {card["indicator"]}"' in text
    assert text.count('class="card ') == len(answer["cards"])


def test_what_was_typed_stays_in_the_form(client: FlaskClient) -> None:
    """After an answer the form still holds what was typed, so that one thing can be changed."""
    text = client.post("/try", data={"order": "TIPS", "diagnosis": "K76.6", "age": "61", "sex": "male"}).text
    for part in ('value="TIPS"', 'value="K76.6"', 'value="61"', "<option selected>male</option>"):
        assert part in text


def test_every_question_is_shown_with_its_limit(client: FlaskClient) -> None:
    """The trace shows a limit beside absent answers as well, and says what unknown means."""
    fields = {"order": "TIPS", "lab": "platelets", "value": "240", "unit": "10*9/L", "days": "1"}
    text = client.post("/try", data=fields).text
    assert "Limit: below 50 × 10⁹/L" in text
    assert '<span class="absent">absent</span>' in text
    assert "never taken as absent" in text


def test_a_list_that_is_not_sent_leaves_questions_unknown(client: FlaskClient) -> None:
    """A list that the form says is not sent, or refused, is unknown, never absent."""
    for sent in ("not-sent", "refused"):
        request = client.post("/try/request.json", data={"order": "TIPS", "sent_allergies": sent}).get_json()
        said = request["prefetch"].get("allergies", {}).get("resourceType")
        assert said == {"not-sent": None, "refused": "OperationOutcome"}[sent]
        text = client.post("/try", data={"order": "TIPS", "sent_allergies": sent}).text
        assert '<span class="unknown">unknown</span>\n<a href="/knowledge/contraindications/iodine-allergy">' in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_saved_request_is_opened(client: FlaskClient, path: Path) -> None:
    """A saved hook request is judged when pasted, and when opened as a file, its relative dates filled in."""
    for fields in ({"request": path.read_text("utf-8")}, {"file": (path.open("rb"), path.name), "request": ""}):
        text = client.post("/try", data=fields, content_type="multipart/form-data").text
        assert "How it came about" in text
        assert "{{today" not in text.partition("The request</summary>")[2]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"request": "{"}, "The request is not JSON"),
        ({"request": "[]"}, "not a JSON object"),
        ({"request": "{}"}, "not a hook request"),
        ({"request": '{"hook": "order-sign"}'}, "/hookInstance"),
        ({"order": ""}, "write what is ordered"),
        ({"order": "TIPS", "age": "old"}, "Age: write a whole number"),
        ({"order": "TIPS", "lab": "platelets", "value": "5", "days": "x"}, "Platelets: when? Write how many days"),
        ({"order": "TIPS", "lab": "no-lab", "value": "5"}, "is no lab of the tables"),
        ({"order": "TIPS", "lab": "platelets", "value": "150.000"}, "is 150.000 in thousands?"),
        ({"order": "TIPS", "diagnosis": "K76.6", "diagnosis_days": "2026-13-45"}, "K76.6: when? Write how many days"),
        ({"order": "TIPS", "diagnosis": "K76.6", "diagnosis_days": "2999-01-01"}, "not one to come"),
        ({"request": '{"resourceType": "Patient"}'}, "it has no `hook`"),
        (
            {"request": '{"hook": "medication-prescribe"}'},
            "answers the hook &#39;medication-prescribe&#39;. The hooks are order-select",
        ),
        ({"request": '{"hook": "order-sign", "x": "{{tomorrow}}"}'}, "{{tomorrow}} is no date: write {{today}}"),
    ],
)
def test_what_cannot_be_judged_is_said(client: FlaskClient, fields: dict[str, str], said: str) -> None:
    """A mistake in the form or request is named, and no cards are shown, not even "no card"."""
    text = client.post("/try", data=fields).text
    assert said in text
    assert "No card." not in text
    assert "How it came about" not in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"drug": "Zzyzxol"}, "Drug “Zzyzxol”: the tables ask for nothing of this name"),
        ({"diagnosis": "Z99.999Q"}, "Diagnosis “Z99.999Q”: the tables ask for nothing"),
        ({"lab": "platelets", "value": "low"}, "Platelets: “low” is no number and is sent as text"),
        (
            {"lab": "platelets", "value": "38", "unit": "bananas"},
            "“bananas” is no unit of it; it is read in units as 10*9/L",
        ),
        ({"order": "xyzzy"}, "No card: the order is no procedure of the tables"),
    ],
)
def test_what_is_judged_otherwise_than_one_may_think_is_said(
    client: FlaskClient, fields: dict[str, str], said: str
) -> None:
    """It is judged all the same, as an EHR would send it, and the page says what became of it."""
    text = client.post("/try", data={"order": "TIPS"} | fields).text
    assert said in text
    assert "How it came about" in text


def test_every_drug_of_the_tables_is_proposed(client: FlaskClient, knowledge: Knowledge) -> None:
    """The list of drugs holds every agent and product that the tables name, and each is read as its agent."""
    proposed = drug_proposals(knowledge)
    table = knowledge.medications
    read = {agent for text in proposed for agent in table.texts.agents_in(text)}
    assert read == {agent for meant in table.texts.names.values() for agent in meant}
    for name in ("apixaban", "eliquis (apixaban)", "coumadin (warfarin)", "metformin"):
        assert name in proposed
        assert f'<option value="{name}">' in client.get("/try").text
    for text in proposed:
        assert table.texts.agents_in(text), text


def test_a_day_is_as_good_as_a_number_of_days(client: FlaskClient, now: datetime) -> None:
    """A diagnosis and a result may be given by their day."""
    fields = {"order": "TIPS", "diagnosis": "K76.6", "lab": "platelets", "value": "38,5"}
    days = {"diagnosis_days": (now.date() - timedelta(days=10)).isoformat(), "days": (now.date()).isoformat()}
    by_day = client.post("/try/request.json", data=fields | days).get_json()
    by_number = client.post("/try/request.json", data=fields | {"diagnosis_days": "10", "days": "0"}).get_json()
    assert by_day["prefetch"] == by_number["prefetch"]
    assert by_day["prefetch"]["observations"]["entry"][0]["resource"]["valueQuantity"]["value"] == 38.5


def test_no_server_is_read_for_it(client: FlaskClient) -> None:
    """A FHIR server in a pasted request is not read, its token is not shown again, and the page says so."""
    call = a_call(context=drafts(an_order("TIPS")), prefetch=NOTHING_RECORDED, fhirServer="https://fhir.example.org")
    call["fhirAuthorization"] = {"access_token": "geheim", "token_type": "Bearer", "scope": "x", "subject": "y"}
    text = client.post("/try", data={"request": json.dumps(call)}).text
    assert "reads no FHIR server" in text
    assert "geheim" not in text.partition('id="answer"')[2]


def test_nothing_of_it_is_stored(make_app: MakeApp) -> None:
    """An order that somebody tries is no call: no record, no card, no count."""
    client = make_app().test_client()
    before = client.get("/metrics").text
    assert client.post("/try", data={"order": "TIPS"}).status_code == 200
    calls = [line for line in client.get("/metrics").text.splitlines() if line.startswith(("cds_calls", "cds_cards"))]
    assert calls == [line for line in before.splitlines() if line.startswith(("cds_calls", "cds_cards"))]


def test_markup_in_a_request_stays_text(client: FlaskClient) -> None:
    """Markup in an order, an allergy or a card is shown as text."""
    fields = {"order": "TIPS <script>alert(1)</script>", "allergy": "contrast <img src=x onerror=alert(1)>"}
    text = client.post("/try", data=fields).text
    assert "<script" not in text
    assert "<img" not in text


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, 200), ({"host": "0.0.0.0"}, 404), ({"host": "0.0.0.0", "try_": True}, 200), ({"try_": False}, 404)],  # noqa: S104
)
def test_it_is_there_for_this_machine_only(make_app: MakeApp, settings: dict[str, Any], status: int) -> None:
    """The page is off where other machines could reach it, unless CDS_TRY turns it on; then `/` leads elsewhere."""
    client = make_app(**settings).test_client()
    assert client.get("/try").status_code == status
    assert client.post("/try", data={"order": "TIPS"}).status_code == status
    assert client.get("/").headers["Location"] == ("try" if status == 200 else "connect")
    assert ("/try" in client.get("/knowledge").text) is (status == 200)


@pytest.mark.slow
def test_every_case_can_be_tried(client: FlaskClient, knowledge: Knowledge) -> None:
    """A case of the tables opens in the form where the form has fields for all of it, else as a request."""
    cases = shipped_cases()
    in_form = [case for case in cases if form_of(case.row, knowledge)]
    as_request = [case for case in cases if case not in in_form]
    assert len(in_form) > 100
    for case in (in_form[0], in_form[-1], as_request[0], as_request[-1]):
        text = client.get("/try", query_string={"case": case.row["id"]}).text
        assert "How it came about" in text or "error" in case.row["expect"]


def test_a_case_in_the_form_is_the_same_call(client: FlaskClient, knowledge: Knowledge) -> None:
    """A case that is opened in the form and sent from there is answered as the case expects."""
    row = examples()["low-platelets"]
    form = form_of(row, knowledge)
    assert form is not None
    fields = {
        "order": form.order,
        "diagnosis": [entry.text for entry in form.diagnoses],
        "lab": [entry.text for entry in form.labs],
        "value": [entry.value for entry in form.labs],
        "unit": [entry.unit for entry in form.labs],
        "days": [entry.days for entry in form.labs],
    }
    body = client.post("/try/request.json", data=fields).data
    answer = client.post("/cds-services/ir-order-sign", data=body, content_type="application/json").get_json()
    (entry,) = answer["extension"]["org.example.ir-cds"]["procedures"]
    rows = {found["id"]: found for found in entry["contraindications"]}
    assert rows["bleeding-tendency"]["certainty"] == "present"
    assert orjson.loads(body)["hookInstance"]
