"""Shadow mode: judged and recorded but not shown, and never to be mistaken for "no contraindication"."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import g
from msgspec.structs import replace

from cds_service.cli.call import Reply
from cds_service.cli.show_reply import show
from cds_service.hooks.response import DECISION_EXTENSION
from cds_service.knowledge.tables import Knowledge
from cds_service.security.client import Client
from cds_service.storage.records import read_calls
from cds_service.storage.report import build_report
from cds_service.storage.store import Store
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.kept import flush_records
from tests.support.responses import response_problems
from tests.support.tables import CHANGE, with_site
from tests.web.conftest import MakeApp

ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": {"reference": "Patient/pat-1"},
    "criticality": "high",
    "clinicalStatus": {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"},
        ]
    },
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "395751002", "display": "Iohexol"}]},
}
ALLERGIC = NOTHING_RECORDED | {
    "allergies": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": ALLERGY}]}
}
CALL = a_call(context=drafts(an_order("uterine fibroid embolization"), an_order("tips", "draft-2")), prefetch=ALLERGIC)
IODINE = f'[[contraindication]]\nid = "iodine-allergy"\nshadow = true\n{CHANGE}'
TIPS = f'[[procedure]]\nid = "tips"\nshadow = true\n{CHANGE}'

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(make_app: MakeApp) -> Ask:
    """Call for an allergic patient with two orders; returns the response, checked against its schema."""

    def call(*arguments: Any, client: Client | None = None, **settings: Any) -> dict[str, Any]:
        app = make_app(*arguments, **settings)
        app.before_request(lambda: setattr(g, "client", client))
        answer = app.test_client().post("/cds-services/ir-order-sign", json=CALL)
        assert answer.status_code == 200
        body: dict[str, Any] = answer.get_json()
        assert response_problems(body) == []
        return body

    return call


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store of the application under test, opened again."""
    opened = Store(f"sqlite:///{tmp_path}/records.db")
    yield opened
    opened.close()


def topics(answer: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Topic and indicator of each card."""
    return Counter((card["source"]["topic"]["code"], card["indicator"]) for card in answer["cards"])


def decision(answer: dict[str, Any]) -> dict[str, Any]:
    """The decision extension."""
    found: dict[str, Any] = answer["extension"][DECISION_EXTENSION]
    return found


@pytest.mark.parametrize(
    "how", [{"shadow": True}, {"client": Client("https://ehr.example.org", shadow=True)}], ids=["all", "one EHR"]
)
@pytest.mark.parametrize("extension", [True, False])
def test_in_shadow_nothing_of_the_judgement_is_shown(ask: Ask, how: dict[str, Any], extension: bool) -> None:
    """In shadow mode the response has no cards and no decision, only a mark, whatever the other settings are."""
    answer = ask(decision_extension=extension, **how)
    assert answer["cards"] == []
    assert set(decision(answer)) == {"knowledgeVersion", "shadow"}
    assert decision(answer)["shadow"] is True


def test_another_ehr_is_answered_as_ever(ask: Ask) -> None:
    """Shadow mode for one EHR does not affect the others."""
    assert ask(client=Client("https://other.example.org"))["cards"]


def test_in_shadow_everything_is_recorded(ask: Ask, store: Store) -> None:
    """The report counts the cards that would have been shown, the same as without shadow mode."""
    told = topics(ask())
    ask(shadow=True, database_url=f"{store.display_url}2")
    flush_records()
    shadowed = Store(f"{store.display_url}2")
    found = build_report(shadowed, None, None, review_above=50)
    (record,) = read_calls(shadowed, None, None)
    shadowed.close()
    assert (found.total.shown, found.total.shadow) == (0, told.total())
    assert found.by["rule"]["iodine-allergy"].shadow == told["contrast-reaction", "critical"]
    assert (record["shadow"], record["judged"]) == (True, True)
    assert record["orders"][0]["present"]["iodine-allergy"] == "critical"


def test_a_row_in_shadow_is_held_back_and_named(ask: Ask, store: Store, tmp_path: Path) -> None:
    """A row in shadow mode is judged and recorded; its card and its answer are not shown, all others are."""
    told = topics(ask(database_url=f"{store.display_url}2"))
    answer = ask(with_site(tmp_path / "site", {"contraindications.toml": IODINE}))
    assert told - topics(answer) == Counter([("contrast-reaction", "critical")])
    assert topics(answer) - told == Counter()
    assert decision(answer)["shadowRows"] == ["iodine-allergy"]
    for judged in decision(answer)["procedures"]:
        assert "iodine-allergy" not in [row["id"] for row in judged["contraindications"]]
    flush_records()
    (record,) = read_calls(store, None, None)
    assert record["orders"][0]["present"]["iodine-allergy"] == "critical"
    found = build_report(store, None, None, review_above=50)
    assert (found.by["rule"]["iodine-allergy"].shown, found.by["rule"]["iodine-allergy"].shadow) == (0, 1)


def test_a_procedure_in_shadow_is_held_back_and_named(ask: Ask, store: Store, tmp_path: Path) -> None:
    """An order for a procedure in shadow mode is listed without a result; other orders are judged."""
    answer = ask(with_site(tmp_path / "site", {"procedures/tips.toml": TIPS}))
    assert decision(answer)["shadowRows"] == ["tips"]
    first, second = decision(answer)["procedures"]
    assert second == {"order": "ServiceRequest/draft-2", "procedure": "tips", "urgency": "elective"}
    assert first["contraindications"]
    assert "draft-2" not in str(answer["cards"])
    flush_records()
    (record,) = read_calls(store, None, None)
    assert record["orders"][1]["present"]["iodine-allergy"] == "critical"


def test_a_row_in_shadow_is_named_whatever_its_answer(make_app: MakeApp, knowledge: Knowledge) -> None:
    """Empty cards with a row in shadow mode are marked, even if the decision is switched off.

    The row is named even if its answer is absent, so that the mark does not reveal the answer.
    """
    rows = tuple(replace(row, shadow=row.id == "iodine-allergy") for row in knowledge.contraindications)
    client = make_app(dataclasses.replace(knowledge, contraindications=rows), decision_extension=False).test_client()
    for prefetch in (ALLERGIC, NOTHING_RECORDED):
        answer = client.post("/cds-services/ir-order-sign", json=CALL | {"prefetch": prefetch}).get_json()
        assert response_problems(answer) == []
        assert decision(answer)["shadowRows"] == ["iodine-allergy"]
        assert set(decision(answer)) == {"knowledgeVersion", "shadowRows"}


def test_without_shadow_an_answer_carries_no_mark(ask: Ask) -> None:
    """Without shadow mode a response has no mark."""
    assert not {"shadow", "shadowRows"} & set(decision(ask()))


@pytest.mark.parametrize(
    ("mark", "said", "not_said"),
    [
        ({"shadow": True}, "shows no cards", "found nothing"),
        ({"shadowRows": ["iodine-allergy"]}, "In shadow mode, judged but not shown: iodine-allergy.", "shows no cards"),
        ({}, "found nothing", "shadow"),
    ],
)
def test_the_command_line_does_not_take_shadow_for_silence(
    mark: dict[str, Any], said: str, not_said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`invoke` reports shadow mode instead of "no cards, found nothing"."""
    body = {"cards": [], "extension": {DECISION_EXTENSION: {"knowledgeVersion": "x"} | mark}}
    assert show(Reply(200, orjson.dumps(body))) == 0
    shown = capsys.readouterr().out.lower()
    assert said.lower() in shown
    assert not_said not in shown
