"""The report of a screening in a real browser: narrow and wide, and what axe-core finds."""

from __future__ import annotations

from pathlib import Path

from cds_service.population.page import write_report
from cds_service.population.sample import write_sample
from tests.population.exports import run_of
from tests.population.test_run import generated
from tests.support.browser import a_browser, violations, wider_than_the_window


def test_the_report_works_for_everyone(tmp_path: Path) -> None:
    """The report and the review sheet have no axe-core findings and need no scrolling aside at 420 and 1200 pixels."""
    run_of(generated(tmp_path / "export", 40), tmp_path / "run")
    report = write_report(tmp_path / "run")
    sheet = next(path for path in write_sample(tmp_path / "run", 5) if path.suffix == ".html")
    with a_browser() as browser:
        for page_file, width in ((report, 420), (report, 1200), (sheet, 420), (sheet, 1200)):
            page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
            page.goto(page_file.as_uri())
            assert wider_than_the_window(page) <= 0, width
            assert violations(page) == [], width
