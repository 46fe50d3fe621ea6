"""A page and a JSON document for each row of the tables, and the search over them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from cds_service.knowledge.changes import SilentRow
from cds_service.knowledge.question_types import QUESTION_TYPES
from cds_service.knowledge.tables import Knowledge
from cds_service.publishing.rule_book import RuleBook
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.web.conftest import MakeApp


@pytest.fixture(scope="session")
def book(knowledge: Knowledge) -> RuleBook:
    """The rules of the shipped tables."""
    return RuleBook(knowledge)


@pytest.mark.slow
def test_every_row_has_a_page_and_json(client: FlaskClient, book: RuleBook) -> None:
    """Each procedure, indication, contraindication and limit has a page and a JSON document at its address."""
    for rule in book.rules.values():
        page = client.get(f"/knowledge/{rule.kind}/{rule.id}")
        assert (page.status_code, page.mimetype) == (200, "text/html"), rule.key
        assert escape(rule.label) in page.text
        body = client.get(f"/knowledge/{rule.kind}/{rule.id}.json").get_json()
        assert (body["kind"], body["id"], body["label"]) == (rule.kind, rule.id, rule.label)


def test_every_kind_of_question_is_shown(client: FlaskClient, knowledge: Knowledge, book: RuleBook) -> None:
    """Whatever type a question is of, its row's page says what it asks, what it reads and the codes that answer it."""
    asked = {c.question.WORD for row in knowledge.contraindications for c in row.criteria}
    assert asked == set(QUESTION_TYPES)
    for row in knowledge.contraindications:
        rule = book.rules["contraindications", row.id]
        page = client.get(f"/knowledge/contraindications/{row.id}").text
        assert [question.id for question in rule.questions] == [criterion.id for criterion in row.criteria]
        for criterion, question in zip(row.criteria, rule.questions, strict=True):
            assert f'id="{criterion.id}"' in page
            assert question.asks
            assert question.reads, criterion.id
            wanted = set(criterion.question.code_sets(knowledge))
            assert wanted
            assert wanted <= {listed.id for listed in question.code_lists}, criterion.id
            assert all(escape(listed.title) in page for listed in question.code_lists)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("D25.9", "indications/uterine-fibroids"),
        ("d259", "indications/uterine-fibroids"),
        ("777-3", "limits/platelets-high-risk"),
        ("F20.0", "contraindications/severe-mental-illness"),
        ("ufe", "procedures/uterine-fibroid-embolization"),
        ("fibroid embolization", "procedures/uterine-fibroid-embolization"),
        ("shellfish", "contraindications/iodine-allergy"),
        ("platelets-high-risk", "limits/platelets-high-risk"),
    ],
)
def test_a_code_or_word_finds_its_rows(client: FlaskClient, query: str, expected: str) -> None:
    """A code finds the rows that read it, by its family too; words find the rows that name them all."""
    found = client.get("/knowledge.json", query_string={"q": query}).get_json()["rules"]
    assert expected in [f"{rule['kind']}/{rule['id']}" for rule in found]
    assert f"/knowledge/{expected}" in client.get("/knowledge", query_string={"q": query}).text


def test_what_nothing_names_finds_nothing(client: FlaskClient) -> None:
    """A code or word of no row finds no row, and the page says so."""
    assert client.get("/knowledge.json?q=Z99.999x").get_json()["rules"] == []
    assert "0 rules" in client.get("/knowledge?q=Z99.999x").text


def test_a_limit_is_shown_with_its_origin(client: FlaskClient) -> None:
    """The page of a row shows each limit with unit, oldest age that counts, guideline and grade."""
    text = client.get("/knowledge/contraindications/bleeding-tendency").text
    for part in ("below 50 × 10⁹/L", "30 days", "SIR 2019", "grade A", "medscape.com"):
        assert part in text


def test_a_code_without_title_says_so(client: FlaskClient) -> None:
    """A family that no release at hand names (V08AB of the ATC) says so in place of its title; others have theirs."""
    text = client.get("/knowledge/contraindications/iodine-allergy").text
    family = text.partition("V08AB and all below")[2].partition("</tr>")[0]
    assert "no title in a release that can be installed" in family
    assert "no title" not in client.get("/knowledge/limits/platelets-high-risk").text


def test_a_row_is_shown_with_cases_and_a_card(client: FlaskClient) -> None:
    """The page of a row lists cases in which it speaks and stays silent, and shows the cards of one as answered now."""
    text = client.get("/knowledge/contraindications/bleeding-tendency").text
    assert "INR 2.1 before a high-risk procedure is a warning." in text
    assert "INR 2.1 before a venous low-risk procedure is no warning." in text
    assert 'class="card ' in text


def test_a_retired_row_keeps_its_page(make_app: MakeApp, knowledge: Knowledge) -> None:
    """A row that was switched off is found at its address, which says that it does not speak."""
    gone = SilentRow("contraindications", "old-row", "An old row", "retired", "old-row")
    client = make_app(replace(knowledge, silent_rows=(gone,))).test_client()
    text = client.get("/knowledge/contraindications/old-row").text
    assert "retired" in text
    assert "does not speak" in text


@pytest.mark.parametrize("path", ["contraindications/nothing", "nothing/tips", "contraindications/nothing.json"])
def test_an_address_without_a_row_is_not_found(client: FlaskClient, path: str) -> None:
    """An address that no row has is answered with 404."""
    assert client.get(f"/knowledge/{path}").status_code == 404


def test_a_row_shows_how_its_cards_were_received(make_app: MakeApp, now: datetime) -> None:
    """The page of a row says how often its cards were shown and overridden, where the service stores them."""
    app = make_app()
    client = app.test_client()
    path = "/knowledge/contraindications/bleeding-tendency"
    assert "cards shown" not in client.get(path).text
    platelets = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "effectiveDateTime": now.isoformat(),
        "valueQuantity": {"value": 20, "unit": "10*9/L"},
    }
    prefetch = NOTHING_RECORDED | {"observations": {"resourceType": "Bundle", "entry": [{"resource": platelets}]}}
    call = a_call(context=drafts(an_order("TIPS")), prefetch=prefetch)
    card = client.post("/cds-services/ir-order-sign", json=call).get_json()["cards"][0]
    entry = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": now.isoformat()}
    assert client.post("/cds-services/ir-order-sign/feedback", json={"feedback": [entry]}).status_code == 200
    again = make_app().test_client()
    assert "cards shown, 1 of 1 answered ones overridden" in again.get(path).text
    assert again.get(f"{path}.json").get_json()["figures"]["overridden"] == 1


def test_what_a_site_changed_is_on_the_page_of_its_row(make_app: MakeApp, knowledge: Knowledge) -> None:
    """A row that the hospital changed says what, why, who approved it and when."""
    change = {
        "table": "thresholds",
        "id": "platelets-high-risk",
        "what": "value 50 → 75",
        "reason": "local protocol",
        "approver": "IR board",
        "date": "2026-11-02",
    }
    client = make_app(replace(knowledge, changes=(change,))).test_client()
    text = client.get("/knowledge/limits/platelets-high-risk").text
    for part in ("value 50 → 75", "local protocol", "IR board", "2026-11-02"):
        assert part in text
    assert "changed here" in client.get("/knowledge").text


def test_a_hold_that_a_site_changed_is_on_the_page_of_its_row(make_app: MakeApp, knowledge: Knowledge) -> None:
    """The changes to the table of holds stand on the page of the question that reads it, and each hold has its id."""
    change = {"table": "holds", "id": "apixaban-high", "what": "hours 48 → 72", "reason": "Protocol IR-11"}
    client = make_app(replace(knowledge, changes=(change,))).test_client()
    text = client.get("/knowledge/contraindications/antithrombotic-medication").text
    assert "hours 48 → 72" in text
    assert "Protocol IR-11" in text
    active = {hold.id for rows in knowledge.medications.holds.values() for hold in rows if hold.active}
    assert active <= set(re.findall(r"<td>([a-z0-9-]+)</td></tr>", text))
    assert "Protocol IR-11" not in client.get("/knowledge/contraindications/thyroid-disease").text


def test_how_long_an_antithrombotic_is_held_is_on_its_page(client: FlaskClient) -> None:
    """The page of the antithrombotics lists how long each agent is held, by bleeding risk and kidney function."""
    text = client.get("/knowledge/contraindications/antithrombotic-medication").text
    row = re.search(r"<tr><td>apixaban</td><td>low</td>.*?</tr>", text)
    assert row
    assert "<td>do not hold</td><td>SIR 2019</td>" in row[0]
    assert re.search(r"<td>apixaban</td><td>high</td><td>any</td><td>[^<]+</td><td>hold \d", text)


@pytest.mark.parametrize(
    ("asked", "shown"), [("de-CH,de;q=0.9", "unter 50"), ("es", "menos de 50"), ("fr", "below 50")]
)
def test_what_the_tables_word_is_in_the_language_asked_for(client: FlaskClient, asked: str, shown: str) -> None:
    """Limits, advice and cards of a page are in the language of `Accept-Language` that the tables have, and marked."""
    response = client.get("/knowledge/contraindications/bleeding-tendency", headers={"Accept-Language": asked})
    language = asked[:2] if asked != "fr" else "en"
    assert f'<span lang="{language}">{shown}' in response.text
    assert f'lang="{language}" aria-labelledby="card-1"' in response.text
    assert "Accept-Language" in response.headers["Vary"]
    tried = client.get("/try", headers={"Accept-Language": asked}).text
    assert f'lang="{language}" aria-labelledby="card-1"' in tried


def test_documents_and_dates_of_a_change_are_on_the_page(make_app: MakeApp, knowledge: Knowledge) -> None:
    """The page of a row links the hospital's documents, and says of a change its source and when it counts."""
    change = {
        "table": "contraindications",
        "id": "bleeding-tendency",
        "what": "status active → retired",
        "reason": "r",
        "approver": "IR board",
        "date": "2026-11-02",
        "source": "Protocol 7",
        "from": "2026-12-01",
        "until": "2026-12-31",
        "state": "later",
    }
    links = {"platelets-high-risk": (("Protocol IR-07", "https://h.example.org/7"),)}
    client = make_app(replace(knowledge, changes=(change,), links=links)).test_client()
    text = client.get("/knowledge/contraindications/bleeding-tendency").text
    assert '<a href="https://h.example.org/7" rel="noreferrer">Protocol IR-07</a>' in text
    for part in ("Source: Protocol 7", "Counts from 2026-12-01", "Counts until 2026-12-31", "not yet"):
        assert part in text
