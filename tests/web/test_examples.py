"""The requests in `examples/`, sent as they lie there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.ehr import PUBLIC_URL, Ehr, register
from tests.web.conftest import MakeApp

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_works_as_it_is(make_app: MakeApp, path: Path) -> None:
    """On this machine and without clients, relative dates are filled in: no result of an example is unusable."""
    body = path.read_bytes()
    url = f"/cds-services/ir-{json.loads(body)['hook']}"
    response = make_app().test_client().post(url, data=body, content_type="application/json")
    assert response.status_code == 200
    assert "cannot be used" not in response.text
    assert "undated" not in response.text


def test_where_an_ehr_calls_nothing_is_filled_in(make_app: MakeApp, tmp_path: Path) -> None:
    """With registered clients a call is read as it was sent: a relative date is no date."""
    ehr = Ehr()
    clients = register(tmp_path, (ehr, 'name = "north"\nfhir_servers = ["https://ehr.example.org/fhir"]'))
    body = next(path for path in EXAMPLES if path.stem == "bleeding-risk").read_bytes()
    answers = [
        make_app(**settings)
        .test_client()
        .post("/cds-services/ir-order-sign", data=body, content_type="application/json", headers=ehr.bearer())
        for settings in ({}, {"clients": clients, "public_url": PUBLIC_URL})
    ]
    decisions = [answer.get_json()["extension"]["org.example.ir-cds"]["procedures"][0] for answer in answers]
    found = [
        {row["id"]: row["certainty"] for row in decision["contraindications"]}["bleeding-tendency"]
        for decision in decisions
    ]
    assert found == ["absent", "unknown"]
