"""The commands on the store, as run by a person or a script: feedback, audit, db."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from cds_service.storage.feedback import Sender
from cds_service.storage.store import Store
from tests.support.kept import NOW, SENDER, a_call, a_card, an_answer, save_call, save_feedback


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store of the commands, for a hospital in Shanghai."""
    url = f"sqlite:///{tmp_path}/records.db"
    monkeypatch.setenv("CDS_DATABASE_URL", url)
    monkeypatch.setenv("CDS_TIMEZONE", "Asia/Shanghai")
    opened = Store(url)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture
def used(store: Store) -> Store:
    """The store after two calls, three cards and two answers."""
    save_call(store, a_call(1, a_card(1), a_card(2, "order", "info", "tips")), seconds=1.0)
    save_call(store, a_call(2, a_card(3), at=NOW + timedelta(days=1)), seconds=1.0)
    reason = ("https://example.org/reasons", "<emergency>")
    answers = [an_answer(1, "overridden", 12, reason=reason), an_answer(2, seconds=4)]
    save_feedback(store, answers, SENDER, with_comments=False, seconds=1.0)
    return store


@pytest.mark.parametrize(
    "command",
    [
        ("feedback",),
        ("explain", "11111111-1111-4111-8111-000000000001"),
        ("audit", "export"),
        ("tables", "--versions"),
        ("db", "prune", "--older-than", "365"),
    ],
)
def test_a_wrong_path_is_no_empty_database(
    run, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only reads or deletes creates neither a file nor its folder, and says where it looked."""
    monkeypatch.setenv("CDS_DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere/records.db")
    ran = run(*command)
    assert (ran.code, ran.out) == (2, "")
    assert f"{tmp_path}/elsewhere/records.db: there is no such database" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_the_report_is_readable(run, used: Store) -> None:
    """The report shows how many cards were shown and answered, which row is for review, and from which database."""
    ran = run("feedback")
    assert (ran.code, ran.err) == (0, f"from {used.display_url}\n")
    assert "3 shown" in ran.out
    assert "1 accepted, 1 overridden; 1 without an answer" in ran.out
    assert re.search(r"iodine-allergy\W+2\W+0\W+0\W+1\W+100 %", ran.out)
    assert "- iodine-allergy: 1 of 1 (100 %)" in ran.out
    assert "<emergency>" in ran.out


def test_json_is_one_document(run, used: Store) -> None:
    """`--format json` prints one JSON document and nothing else."""
    found = json.loads(run("feedback", "--format", "json", "--review-above", "100").out)
    assert found["total"] == {
        "shown": 3,
        "in_shadow": 0,
        "accepted": 1,
        "overridden": 1,
        "overridden_percent": 50.0,
    }
    assert found["by_rule"]["tips"]["accepted"] == 1
    assert found["override_reasons"] == {"https://example.org/reasons|<emergency>": 1}
    assert (found["seconds_to_answer"], found["review"]) == ({"median": 8.0, "answers": 2}, [])


def test_csv_has_a_line_for_each_row(run, used: Store) -> None:
    """`--format csv` has a line for each row, with the rows for review marked."""
    lines = list(csv.DictReader(io.StringIO(run("feedback", "--format", "csv").out)))
    rows = {line["value"]: line for line in lines if line["by"] == "rule"}
    assert (rows["iodine-allergy"]["shown"], rows["iodine-allergy"]["for_review"]) == ("2", "yes")
    assert rows["tips"]["for_review"] == ""


@pytest.mark.parametrize(
    ("period", "shown"),
    [
        (["--since", "2026-11-24", "--until", "2026-11-24"], 2),
        (["--since", "2026-11-25"], 1),
        (["--until", "2026-11-23"], 0),
        ([], 3),
    ],
)
def test_a_period_is_in_days_of_the_hospital(run, used: Store, period: list[str], shown: int) -> None:
    """The days of a period are the hospital's, the last one included: 03:00 UTC is 11:00 of that day in Shanghai."""
    assert json.loads(run("feedback", "--format", "json", *period).out)["total"]["shown"] == shown


@pytest.mark.slow
def test_the_page_needs_nothing_but_itself(run, used: Store, tmp_path: Path) -> None:
    """The HTML page has embedded plots, no scripts or external resources, and escapes what clients sent."""
    ran = run("feedback", "--html", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert ran.code == 0
    assert page.count('src="data:image/svg+xml;base64,') == 3
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert "&lt;emergency&gt;" in page
    assert "<emergency>" not in page
    assert 'Iodine or contrast allergy <span class="id">iodine-allergy</span>' in page


@pytest.mark.slow
def test_the_plots_show_the_numbers(run, used: Store, tmp_path: Path) -> None:
    """The plots show rows and reasons; reasons of two code systems with one code are counted together."""
    again = an_answer(3, "overridden", 9, reason=("https://example.org/other", "<emergency>"))
    save_feedback(used, [again], SENDER, with_comments=False, seconds=1.0)
    run("feedback", "--html", tmp_path / "report.html")
    images = re.findall(r"svg\+xml;base64,([^\"]+)", (tmp_path / "report.html").read_text("utf-8"))
    rows, reasons, times = (base64.b64decode(image).decode() for image in images)
    assert ">iodine-allergy<" in rows
    assert ">&lt;emergency&gt;<" in reasons
    assert ">2</text>" in reasons
    assert "% of answers" in times


@pytest.mark.slow
def test_without_matplotlib_the_page_has_its_numbers_and_no_plots(
    run, used: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without matplotlib, the page is written without plots, and the command says what brings them."""
    whole = run("feedback", "--html", tmp_path / "report.html")
    assert whole.err.count("\n") == 1
    page = (tmp_path / "report.html").read_text("utf-8")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    ran = run("feedback", "--format", "html")
    assert ran.code == 0
    assert "which the extra `report` installs" in ran.err
    assert ran.out.split() == re.sub(r"<details><summary>[^<]*</summary><img [^>]*></details>", "", page).split()


def test_an_empty_store_is_said_to_be_empty(run, store: Store) -> None:
    """The report of an empty store says that there are no cards."""
    assert run("feedback").out.splitlines()[1:] == ["None."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["feedback", "--since", "yesterday"], "write one such as 2026-11-01"),
        (["feedback", "--since", "2026-12-01", "--until", "2026-11-30"], "exchange the two days"),
        (["feedback", "--review-above", "150"], "write a number from 0 to 100"),
        (["db", "prune", "--older-than", "0"], "write a whole number of days from 1"),
        (["db", "prune"], "--older-than"),
    ],
)
def test_a_wrong_argument_is_refused(run, store: Store, arguments: list[str], message: str) -> None:
    """A wrong argument ends with exit code 2 and says what to write."""
    ran = run(*arguments)
    assert ran.code == 2
    assert message in ran.err


@pytest.mark.parametrize("arguments", [["feedback"], ["audit", "export"], ["db", "upgrade"]])
def test_a_database_that_is_away_is_said_to_be(run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """If the database can't be reached, every command ends with 2, its URL without password, and the remedy."""
    monkeypatch.setenv("CDS_DATABASE_URL", "postgresql://records:geheim@127.0.0.1:1/records")
    ran = run(*arguments)
    assert ran.code == 2
    assert "Start the database, or correct the setting" in ran.err
    assert "geheim" not in ran.err


def test_audit_records_are_exported_as_fhir(run, used: Store, tmp_path: Path) -> None:
    """The export has one valid AuditEvent per line, oldest first, on standard output or in a file."""
    ran = run("audit", "export")
    events = [json.loads(line) for line in ran.out.splitlines()]
    for event in events:
        AuditEvent.model_validate(event)
    assert [event["recorded"] for event in events] == ["2026-11-24T03:00:00.000Z", "2026-11-25T03:00:00.000Z"]
    assert ran.err == "2 audit records exported.\n"
    assert run("audit", "export", "--until", "2026-11-24", "--out", tmp_path / "audit.ndjson").out == ""
    assert (tmp_path / "audit.ndjson").read_text("utf-8") == ran.out.splitlines(keepends=True)[0]


def test_old_records_are_pruned(run, store: Store) -> None:
    """Records older than the given days are deleted, and their numbers are printed."""
    for number, days in ((1, 400), (2, 1)):
        at = datetime.now(UTC) - timedelta(days=days)
        save_call(store, a_call(number, a_card(number), at=at), seconds=1.0)
        save_feedback(
            store, [an_answer(number)], Sender(SENDER.client, SENDER.service, at), with_comments=False, seconds=1.0
        )
    assert run("db", "prune", "--older-than", "365").out.endswith(": 1 calls, 1 cards, 1 feedback, 0 unread.\n")


def test_upgrade_says_which_database(run, store: Store) -> None:
    """`db upgrade` prints which database was migrated."""
    assert run("db", "upgrade").out == f"{store.display_url}: the tables are up to date.\n"


def test_playing_the_ehr_keeps_no_record(run, store: Store) -> None:
    """`demo` and `invoke` judge in this process and store nothing."""
    assert run("demo").code == 0
    assert run("audit", "export").err == "0 audit records exported.\n"
