"""The link from a card to the pre-procedure summary: off by default, signed, short-lived, and kept sealed."""

from __future__ import annotations

import re
import string
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import sqlalchemy as sa
from flask.testing import FlaskClient

from cds_service.knowledge.tables import Knowledge
from cds_service.settings import Settings
from cds_service.storage.schema import SUMMARIES
from cds_service.storage.store import Store
from cds_service.storage.summaries import delete_expired
from cds_service.web.app import create_app
from tests.support.calls import NOTHING_RECORDED, a_call, an_order, drafts
from tests.support.server import RunningServer, running_server
from tests.support.waiting import PATIENCE

KEY = b"0123456789abcdef"
NAME, PATIENT = "Quillfeather", "telltale-mrn-8841"
IOHEXOL = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": {"reference": f"Patient/{PATIENT}"},
    "code": {"text": f"Iohexol {NAME}"},
}


def call_with_a_card(service: str = "ir-order-sign", **more: Any) -> dict[str, Any]:
    """A call about an embolization for a patient with an allergy to contrast."""
    order = an_order("Uterine fibroid embolization") | {"subject": {"reference": f"Patient/{PATIENT}"}}
    prefetch = NOTHING_RECORDED | {
        "patient": {"resourceType": "Patient", "id": PATIENT, "name": [{"family": NAME}], "birthDate": "1980-02-01"},
        "allergies": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": IOHEXOL}]},
    }
    return a_call(service, context=drafts(order) | {"patientId": PATIENT}, prefetch=prefetch) | more


class Clock:
    """A clock that a test turns."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        """The time now."""
        return self.now


class Site:
    """A service with its store and clock; `worker` makes another process of it."""

    def __init__(self, folder: Path, knowledge: Knowledge, now: datetime, **settings: Any) -> None:
        self.clock, self._knowledge = Clock(now), knowledge
        self._settings = {
            "log_key": KEY,
            "database_url": f"sqlite:///{folder}/records.db",
            "rate_limit": None,
        } | settings
        self.file = folder / "records.db"
        self.store = Store(str(self._settings["database_url"]))

    def worker(self, **settings: Any) -> FlaskClient:
        """A client of one process."""
        return create_app(Settings(**self._settings | settings), self._knowledge, self.clock).test_client()

    def kept(self) -> int:
        """How many summaries the database holds."""
        with self.store.transaction(seconds=5) as connection:
            count: int = connection.execute(sa.select(sa.func.count()).select_from(SUMMARIES)).scalar_one()
        return count


@pytest.fixture
def site(tmp_path: Path, knowledge: Knowledge, now: datetime) -> Site:
    """A site that allows links for 15 minutes."""
    return Site(tmp_path, knowledge, now, summary_links=15)


def cards(client: FlaskClient, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The cards of a call."""
    body = body or call_with_a_card()
    response = client.post(f"/cds-services/ir-{body['hook']}", json=body)
    assert response.status_code == 200
    found: list[dict[str, Any]] = response.get_json()["cards"]
    return found


def path_of(answered: list[dict[str, Any]]) -> str:
    """The path that the link of the first card leads to."""
    (link,) = answered[0]["links"]
    assert link["type"] == "absolute"
    return urlsplit(link["url"]).path


def test_links_are_off_by_default(tmp_path: Path, knowledge: Knowledge, now: datetime) -> None:
    """Without the setting no card has a link, no summary is kept, and a link of another site leads nowhere."""
    on, off = (Site(tmp_path, knowledge, now, summary_links=minutes) for minutes in (15, 0))
    path = path_of(cards(on.worker()))
    (tmp_path / "other").mkdir()
    closed = Site(tmp_path / "other", knowledge, now)
    assert [card.get("links") for card in cards(closed.worker())] == [None] * len(cards(closed.worker()))
    assert closed.kept() == 0
    assert off.worker().get(path).status_code == 404


def test_the_first_card_leads_to_the_summary(site: Site) -> None:
    """The first card alone has the link; the page and its JSON are those of this patient and order."""
    client = site.worker()
    answered = cards(client)
    path = path_of(answered)
    assert ["links" in card for card in answered] == [True] + [False] * (len(answered) - 1)
    page = client.get(path)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert f"Iohexol {NAME}" in page.text
    body = client.get(f"{path}.json").get_json()
    assert {"name": "Patient", "value": PATIENT} in body["patient"]
    assert body["orders"][0]["procedure"] == "uterine-fibroid-embolization"


def test_the_page_is_not_stored_and_tells_no_other_site(site: Site) -> None:
    """The page may not be cached, sends no referrer, and loads nothing from elsewhere."""
    client = site.worker()
    headers = client.get(path_of(cards(client))).headers
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")


def test_any_worker_opens_it_and_no_other_key(site: Site) -> None:
    """Another process of the same service opens a link; one with another secret doesn't know it."""
    path = path_of(cards(site.worker()))
    assert site.worker().get(path).status_code == 200
    assert site.worker(log_key=b"another-key-of-16").get(path).status_code == 404


def test_a_changed_link_leads_nowhere(site: Site) -> None:
    """With any one character changed, left out or added, the link is none of this service."""
    client = site.worker()
    path = path_of(cards(client))
    start = len("/summary/")
    changed = [
        path[:place] + ("A" if path[place] != "A" else "B") + path[place + 1 :] for place in range(start, len(path))
    ]
    # The last two bits of a signature's last character mean nothing: another spelling of it is refused as well.
    changed += [path[:-1] + letter for letter in string.ascii_letters + string.digits + "-_" if letter != path[-1]]
    changed += [path[:-1], f"{path}x", "/summary/x", "/summary/a.b.c"]
    statuses = {client.get(one).status_code for one in changed}
    assert statuses == {404}
    refused = client.get(f"{path[:-1]}.json")
    assert (refused.status_code, refused.get_json()["resourceType"]) == (404, "OperationOutcome")


def test_an_expired_link_says_so_and_nothing_of_it_is_kept(site: Site) -> None:
    """After its time a link is gone, with a page that says what to do; the next call deletes what was kept."""
    client = site.worker()
    path = path_of(cards(client))
    site.clock.now += timedelta(minutes=14, seconds=59)
    assert client.get(path).status_code == 200
    site.clock.now += timedelta(seconds=2)
    gone = client.get(path)
    assert (gone.status_code, gone.mimetype) == (410, "text/html")
    assert "This link has expired" in gone.text
    assert client.get(f"{path}.json").get_json()["resourceType"] == "OperationOutcome"
    assert NAME not in gone.text
    assert site.kept() == 1
    cards(client)
    assert site.kept() == 1
    assert delete_expired(site.store, site.clock.now + timedelta(hours=1), seconds=5) == 0
    assert site.kept() == 0


def test_what_is_kept_opens_with_the_link_alone(site: Site) -> None:
    """Nobody who reads the database files reads a summary: neither words of the record nor the key are in them."""
    path = path_of(cards(site.worker()))
    key = path.removeprefix("/summary/").partition(".")[0]
    content = b"".join(file.read_bytes() for file in site.file.parent.glob("records.db*"))
    assert site.kept() == 1
    assert [text for text in (NAME, PATIENT, "Iohexol", key) if text.encode() in content] == []


def test_a_summary_that_cannot_be_kept_costs_no_card(site: Site) -> None:
    """Where the database has no room for the summary, the cards come without a link."""
    client = site.worker()
    cards(client)
    with site.store.transaction(seconds=5) as connection:
        SUMMARIES.drop(connection)
    answered = cards(client)
    assert answered
    assert not any("links" in card for card in answered)


def test_nothing_shown_has_no_link(site: Site) -> None:
    """Where no card is shown, in shadow mode or in patient-view, no summary is made."""
    assert cards(site.worker(shadow=True)) == []
    view = call_with_a_card("ir-patient-view")
    view["context"] = {"patientId": PATIENT, "userId": "Practitioner/p1"}
    assert not any("links" in card for card in cards(site.worker(patient_view="options"), view))
    assert site.kept() == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with three workers that allows links."""
    folder = tmp_path_factory.mktemp("summary")
    settings = {"CDS_SUMMARY_LINKS": "1", "CDS_WORKERS": "3", "CDS_DATABASE_URL": f"sqlite:///{folder}/records.db"}
    with running_server(folder, **settings) as running:
        yield running


def test_every_worker_of_a_real_server_opens_a_link(server: RunningServer) -> None:
    """Over HTTP, each of many connections opens the link, whichever worker made it."""
    answer = requests.post(f"{server.url}/cds-services/ir-order-sign", json=call_with_a_card(), timeout=PATIENCE)
    (link,) = answer.json()["cards"][0]["links"]
    assert link["url"].startswith(f"{server.url}/summary/")
    pages = [requests.get(link["url"], timeout=PATIENCE) for _ in range(12)]
    assert {page.status_code for page in pages} == {200}
    assert all(NAME in page.text for page in pages)
    assert requests.get(link["url"][:-2], timeout=PATIENCE).status_code == 404


def test_no_link_and_no_patient_is_in_the_log(server: RunningServer) -> None:
    """Links hold no data of a patient, and the log holds neither a link nor a patient."""
    answer = requests.post(f"{server.url}/cds-services/ir-order-sign", json=call_with_a_card(), timeout=PATIENCE)
    url = answer.json()["cards"][0]["links"][0]["url"]
    assert re.fullmatch(r"/summary/[\w-]{43}\.[\w-]+\.[\w-]+", urlsplit(url).path)
    requests.get(url, timeout=PATIENCE)
    log = server.log_file.read_text("utf-8")
    assert '"/summary/<token>"' in log
    token = url.rpartition("/")[2]
    assert [text for text in (token, token.partition(".")[0], NAME, PATIENT) if text in log] == []
