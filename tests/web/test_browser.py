"""The pages in a real browser: narrow and wide, light and dark, by keyboard, without outside resources or faults."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from msgspec.structs import replace
from werkzeug.serving import make_server

from cds_service.cli.commands.demo import EXAMPLES
from cds_service.cli.feedback_page import feedback_page
from cds_service.cli.show_summary import summary_page
from cds_service.saved_request import read_saved_request
from cds_service.settings import Settings
from cds_service.storage.month import read_period
from cds_service.storage.report import build_report
from cds_service.storage.store import Store
from cds_service.summary.document import from_json
from cds_service.unread import Unread
from cds_service.web.app import create_app
from tests.support.browser import a_browser, violations, wider_than_the_window
from tests.support.kept import NOW, SENDER, a_call, a_card, an_answer, save_call, save_feedback
from tests.support.samples import WHOLE
from tests.support.shipped import shipped_knowledge
from tests.support.waiting import PATIENCE

PATHS = (
    "/try",
    "/try?empty=1",
    "/try?case=old-results",
    "/try?case=nosuch",
    "/connect",
    "/knowledge",
    "/knowledge?q=D25.9",
    "/knowledge?q=nothing-names-this",
    "/knowledge/contraindications/bleeding-tendency",
    "/knowledge/contraindications/iodine-allergy",
    "/knowledge/contraindications/antithrombotic-medication",
    "/knowledge/procedures/uterine-fibroid-embolization",
    "/knowledge/indications/uterine-fibroids",
    "/knowledge/limits/platelets-high-risk",
    "/knowledge/tables",
)
"""Pages of every sort."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests here."""
    with a_browser() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running service with the shipped tables."""
    settings = Settings(summary_links=15, database_url=f"sqlite:///{tmp_path_factory.mktemp('browser')}/records.db")
    server = make_server("127.0.0.1", 0, create_app(settings, shipped_knowledge()), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A window of 420 pixels in light colors."""
    context = browser.new_context(viewport={"width": 420, "height": 900}, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.mark.sampled
@pytest.mark.parametrize("path", PATHS)
def test_a_page_works_for_everyone(page: Any, address: str, path: str) -> None:
    """Each page is free of axe-core findings and needs no scrolling aside at 420 and 1200 pixels, light and dark."""
    check_in_every_window(page, address + path, address)


def check_in_every_window(page: Any, url: str, only_from: str) -> None:
    """A page, narrow and wide, light and dark: no axe-core findings, no scrolling aside, nothing from outside.

    For axe-core, narrow and light, wide and dark; all four in the whole run.
    """
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    for width, colors in ((420, "light"), (420, "dark"), (1200, "light"), (1200, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=colors)
        assert wider_than_the_window(page) <= 0, (width, colors)
        if WHOLE or (width, colors) in ((420, "light"), (1200, "dark")):
            assert violations(page) == [], (width, colors)
    assert all(one.startswith(only_from) for one in asked), "only this service is asked"


@pytest.mark.sampled
def test_the_summary_works_for_everyone(page: Any, address: str, tmp_path: Path) -> None:
    """The summary behind a card's link, the page of a link that is none, and the page that the command writes."""
    body = read_saved_request(EXAMPLES / "bleeding-risk.json", datetime.now().astimezone().date())
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{address}/cds-services/ir-order-sign", data=body, headers=headers, timeout=PATIENCE)
    link = answer.json()["cards"][0]["links"][0]["url"]
    check_in_every_window(page, link, address)
    assert page.get_by_role("heading", level=1).inner_text() == "Pre-procedure summary"
    written = tmp_path / "summary.html"
    written.write_text(summary_page(from_json(requests.get(f"{link}.json", timeout=PATIENCE).content)), "utf-8")
    check_in_every_window(page.context.new_page(), written.as_uri(), "file://")
    page.goto(written.as_uri())
    page.emulate_media(media="print", color_scheme="light")
    assert wider_than_the_window(page) <= 0
    assert violations(page) == []
    assert page.goto(link[:-2]).status == 404
    assert violations(page) == []


def test_the_search_works_by_keyboard(page: Any, address: str) -> None:
    """A code is typed and Enter pressed; the first result opens by keyboard."""
    page.goto(f"{address}/knowledge")
    page.get_by_label("Find by code, word or name").focus()
    page.keyboard.type("D25.9")
    page.keyboard.press("Enter")
    page.wait_for_url("**/knowledge?q=D25.9")
    page.get_by_role("link", name="Embolization for uterine fibroids").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/knowledge/procedures/uterine-fibroid-embolization")
    assert page.get_by_role("heading", level=1).inner_text() == "Embolization for uterine fibroids"


def test_an_order_is_tried_by_keyboard(page: Any, address: str) -> None:
    """From the first address: an order is typed, Enter pressed, and the cards and the trace are there."""
    page.goto(address)
    page.get_by_role("link", name="Empty form").click()
    assert page.locator("article.card").count() == 0
    page.get_by_label("Order, typed or picked").focus()
    page.keyboard.type("TIPS")
    page.get_by_label("Diagnosis 1", exact=True).fill("K76.6")
    page.get_by_label("Value 1", exact=True).fill("2.9")
    page.keyboard.press("Enter")
    page.wait_for_url("**/try#answer")
    assert page.locator("article.card").count() >= 1
    assert page.get_by_role("heading", name="How it came about").is_visible()
    assert wider_than_the_window(page) <= 0
    assert violations(page) == []


def test_a_request_is_saved_and_opened_again(page: Any, address: str, tmp_path: Path) -> None:
    """What somebody tried is saved as a file, and the file opened again shows the same cards."""
    page.goto(f"{address}/try?case=low-platelets")
    shown = page.locator("article.card h3").all_inner_texts()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    download.value.save_as(tmp_path / "request.json")
    page.get_by_text("Or a whole hook request").click()
    page.get_by_label("or open a saved one").set_input_files(tmp_path / "request.json")
    page.get_by_role("button", name="Judge this request").click()
    page.wait_for_url("**/try#answer")
    assert page.locator("article.card h3").all_inner_texts() == shown != []


def test_the_first_key_skips_the_links(page: Any, address: str) -> None:
    """The first Tab offers to skip to the content, for people who use a keyboard or a screen reader."""
    page.goto(f"{address}/knowledge")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"


def test_the_page_for_a_committee_works_for_everyone(page: Any, tmp_path: Path) -> None:
    """The page of `feedback --html` is free of axe-core findings at 420 and 1200 pixels, light and dark."""
    store = Store(f"sqlite:///{tmp_path}/records.db")
    found = (Unread("orders", "urn:ris|IR-9"), Unread("conditions", "urn:icd|X1"))
    save_call(
        store,
        replace(a_call(1, *(a_card(n, "bleeding", "warning", "iodine-allergy") for n in range(1, 8))), unread=found),
        seconds=5.0,
    )
    given = [an_answer(n, "overridden", reason=("urn:ehr", "late")) for n in range(1, 7)]
    save_feedback(store, given, SENDER, with_comments=False, seconds=5.0)
    report = build_report(store, None, None, review_above=50)
    html = feedback_page(report, read_period(store, None, None), shipped_knowledge(), NOW.date())
    (tmp_path / "page.html").write_text(html, "utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    for width, colors in ((420, "light"), (1200, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=colors)
        assert wider_than_the_window(page) <= 0, width
        assert violations(page) == [], width
    text = page.locator("main").inner_text()
    for part in ("6 of 6", "late (6)", "urn:ris|IR-9", "urn:icd|X1", "100 %"):
        assert part in text
