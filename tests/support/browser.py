"""A real browser (Chromium, by Playwright) for the pages, and what axe-core finds wrong with one.

The browser is the one of the machine: `chromium` or `chromium-headless-shell` of the distribution, or the file that
CDS_TEST_BROWSER names, or what `playwright install chromium` has brought. Without one, tests are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
NO_BROWSER = "no browser here: install Debian's chromium-headless-shell, or run `playwright install chromium`"


@contextmanager
def a_browser() -> Iterator[Any]:
    """A running Chromium; skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (extra `test`)")
    with playwright.sync_playwright() as started:
        own = Path(started.chromium.executable_path)
        found = os.environ.get("CDS_TEST_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)
        if found is None and not own.exists():
            pytest.skip(NO_BROWSER)
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def violations(page: Any) -> list[str]:
    """What axe-core finds wrong with a page: rule, what it is about, and the elements."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['help']}: {[node['html'][:120] for node in v['nodes'][:3]]}" for v in found]


def wider_than_the_window(page: Any) -> int:
    """By how many pixels a page is wider than its window; 0 for one that needs no scrolling aside."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width
