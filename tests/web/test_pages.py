"""The HTML pages: no scripts, and all content from the tables."""

from __future__ import annotations

import dataclasses
import shlex
from html.parser import HTMLParser

import orjson
import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from msgspec.structs import replace

from cds_service.knowledge.tables import Knowledge
from tests.support.responses import response_problems
from tests.web.conftest import MakeApp

ROW = "/knowledge/contraindications/bleeding-tendency"


class Page(HTMLParser):
    """The tags, attributes and preformatted texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.commands: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record a tag."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "pre":
            self.commands.append("")

    def handle_data(self, data: str) -> None:
        """Record the text of a preformatted block."""
        if self.tags and self.tags[-1] == "pre" and self.commands:
            self.commands[-1] += data


@pytest.mark.parametrize("path", ["/try", "/connect", "/knowledge", "/knowledge?q=D25.9", "/knowledge/tables", ROW])
def test_pages_need_no_script(client: FlaskClient, path: str) -> None:
    """A page has no script, inline style or external resource, and its Content-Security-Policy forbids them."""
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    page = Page(response.text)
    assert not {"script", "style", "iframe", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name == "style" or name.startswith("on")]


def test_the_style_sheet_is_served(client: FlaskClient) -> None:
    """The style sheet of the pages is served."""
    response = client.get("/pages.css")
    assert (response.status_code, response.mimetype) == (200, "text/css")


def test_the_first_page_says_where_discovery_is(make_app: MakeApp) -> None:
    """The start page shows the discovery URL and every service."""
    text = make_app(public_url="https://cds.example.org/ir").test_client().get("/connect").text
    assert '<pre tabindex="0">https://cds.example.org/ir/cds-services</pre>' in text
    assert "ir-appointment-book" in text


def test_the_command_on_the_first_page_works(client: FlaskClient) -> None:
    """The example call on the start page works and is answered with cards."""
    *_, command = Page(client.get("/connect").text).commands
    words = shlex.split(command.replace("\\\n", ""))
    body = words[words.index("--data") + 1]
    answer = client.post("/cds-services/ir-order-sign", data=body, content_type="application/json")
    assert answer.status_code == 200
    assert answer.get_json()["cards"]
    assert response_problems(orjson.loads(answer.data)) == []


def test_the_tables_are_shown_whole(client: FlaskClient, knowledge: Knowledge) -> None:
    """The page has every procedure, indication and contraindication with its source."""
    text = client.get("/knowledge/tables").text
    for procedure in knowledge.procedures.values():
        assert f'id="{procedure.id}"' in text
    for row in knowledge.contraindications:
        assert f'id="{row.id}"' in text
        assert all(escape(criterion.label) in text for criterion in row.criteria)
    assert text.index("What each procedure is for") < text.index('id="tips"') < text.index('id="picc-placement"')
    assert knowledge.version in text
    assert ';"' not in text  # a link must not include the text between two sources
    assert "Contraindication table" in text
    assert "SIR 2019" in text


def test_what_a_site_wrote_is_escaped(make_app: MakeApp, knowledge: Knowledge) -> None:
    """Text from a hospital's own files is escaped."""
    row = replace(knowledge.contraindications[0], label="<script>alert(1)</script>")
    client = make_app(dataclasses.replace(knowledge, contraindications=(row,))).test_client()
    assert "<script>" not in client.get("/knowledge/tables").text
    assert "&lt;script&gt;" in client.get("/knowledge/tables").text


def test_what_a_site_changed_is_shown(make_app: MakeApp, knowledge: Knowledge) -> None:
    """A hospital's changes are listed with reason and approver, if there are any."""
    assert "What this hospital changed" not in make_app().test_client().get("/knowledge/tables").text
    change = {"where": "thresholds.toml", "id": "a-limit", "reason": "local policy", "approver": "IR board"}
    text = make_app(dataclasses.replace(knowledge, changes=(change,))).test_client().get("/knowledge/tables").text
    assert "What this hospital changed" in text
    assert "local policy" in text
