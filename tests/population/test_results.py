"""What a finished run says: the report, the difference between sites, the worklist."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cds_service.cli.main import main
from cds_service.errors import SetupError
from cds_service.population import results
from cds_service.population.diff import compare
from cds_service.population.figures import SMALL, Line, shown, that_add_up
from cds_service.population.intervals import agreement_of, rate_of
from cds_service.population.page import plain, write_report
from cds_service.population.results import read_rows
from cds_service.population.rows import Row, ToldCard
from cds_service.population.tally import add, tally_rows
from cds_service.population.workers import Processes
from cds_service.population.worklist import make_worklist
from tests.population.exports import (
    a_condition,
    a_patient,
    a_result,
    an_order,
    early,
    rows_of,
    run_of,
    write_export,
)
from tests.population.test_run import generated

SITE = """
[[threshold]]
id = "{threshold}"
value = {value}
change = {{ reason = "try another limit", approver = "IR committee", date = "2026-11-02", source = "IR-07" }}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a made-up export."""
    folder = tmp_path_factory.mktemp("results")
    run_of(generated(folder / "export", 120), folder / "run", workers=2)
    return folder / "run"


def test_the_page_needs_nothing_from_elsewhere(run):
    """The report is one file without script, with its plots inside, that can be sent."""
    page = write_report(run).read_text()
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    assert page.count("data:image/svg+xml") >= 4
    assert "Before go-live" in page


def test_page_csv_and_json_say_the_same(run):
    """A number of the page can be found in the CSV and in the JSON."""
    write_report(run)
    content = json.loads((run / "report.json").read_text())
    with (run / "report.csv").open() as file:
        lines = {(line["table"], line["name"]): line for line in csv.DictReader(file)}
    for table, found in content["tables"].items():
        for line in found["lines"]:
            assert lines[table, line["name"]]["count"] == str(line["count"])


def test_rates_have_their_denominators(run):
    """Cards by row are counted of all recognised orders, and the total is the one of the summary."""
    write_report(run)
    content = json.loads((run / "report.json").read_text())
    summary = json.loads((run / "summary.json").read_text())
    totals = {line["total"] for name in ("interrupts", "told") for line in content["tables"][name]["lines"]}
    assert totals == {summary["recognised"]}


def test_small_cells_are_suppressed(run):
    """Nowhere in what leaves the hospital stands a count from one to four."""
    write_report(run)
    content = json.loads((run / "report.json").read_text())
    counts = [line["count"] for table in content["tables"].values() for line in table["lines"]]
    assert f"<{SMALL}" in counts
    assert [count for count in counts if count in range(1, SMALL)] == []
    page = (run / "report.html").read_text()
    assert re.findall(r"<td>[1-4]</td>", page) == []


def test_a_small_cell_keeps_its_rate_to_itself():
    """A rate, or an interval, would give a suppressed count away."""
    assert shown(Line("x", rate_of(2, 100))) == {"name": "x", "count": "<5", "total": 100}
    assert shown(Line("x", rate_of(9, 10))) == {"name": "x", "count": "not shown", "total": 10}
    assert shown(Line("x", rate_of(2, 3))) == {"name": "x", "count": "<5", "total": "<5"}
    assert shown(Line("x", rate_of(10, 10)))["count"] == 10


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((20, 30, 40), (20, 30, 40)),
        ((2, 30, 40, 50), ("<5", "not shown", 40, 50)),
        ((2, 3, 30, 40), ("<5", "<5", "not shown", 40)),
        ((2, 40), ("<5", "not shown")),
        ((3, 4, 4), ("<5", "<5", "<5")),
    ],
)
def test_what_would_give_a_small_cell_away_is_not_shown(counts, told):
    """Where lines add up to a number of the page, what is left out could be told by subtraction if it stood alone."""
    lines = that_add_up(Line(f"{place}", rate_of(count, 100)) for place, count in enumerate(counts))
    assert tuple(shown(line)["count"] for line in lines) == told


@pytest.mark.parametrize(
    ("count", "total", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)]
)
def test_intervals_are_wilsons(count, total, low, high):
    """The interval of a rate is the score interval of Wilson; Newcombe 1998 gives 81 of 263 as 0.2553 to 0.3662."""
    rate = rate_of(count, total)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_kappa_is_cohens():
    """Agreement beyond chance: 20 times both yes, 15 both no, 5 and 10 apart, is 0.4."""
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert agreement_of(pairs).kappa == pytest.approx(0.4)
    assert agreement_of([("yes", "yes")] * 5).kappa is None


def test_a_formula_in_a_name_stays_a_text():
    """A text of an order that a spreadsheet would run is written so that it does not."""
    assert plain("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert plain("Uterine artery embolization") == "Uterine artery embolization"


def a_row(order: str, *cards: ToldCard, patient: str = "p", time: str = "2024-05-03T10:00:00+02:00") -> Row:
    """A recognised order with these cards."""
    return Row(order, patient, time, procedure="tips", cards=cards)


LOUD, QUIET = ToldCard("bleeding-tendency", ("bleeding-tendency",), "warning"), ToldCard("not-checked", (), "info")
IN_SHADOW = ToldCard("liver-failure", ("liver-failure",), "critical", shown=False)


def test_orders_are_interrupted_or_told_or_left_alone():
    """A critical or warning card interrupts; info alone tells; a card in shadow does neither."""
    tally = tally_rows([a_row("1", LOUD, QUIET), a_row("2", QUIET), a_row("3"), a_row("4", IN_SHADOW)])
    assert (tally.interrupted, tally.told, tally.silent) == (1, 1, 2)
    assert tally.shadow == {"liver-failure": 1}


def test_cards_are_counted_by_the_rows_that_they_speak_of():
    """A card of several matters counts for each row; what it says of the order and what was not checked stand apart."""
    holds = (("bleeding", ("bleeding-tendency",)), ("gaps", ("pregnancy", "tips")), ("order", ("tips",)))
    card = ToldCard("several", ("bleeding-tendency", "pregnancy", "tips"), "warning", holds=holds)
    row = Row("1", "p", "2024-05-03", procedure="tips", applies=["bleeding-tendency", "pregnancy"], cards=(card,))
    assert set(tally_rows([row]).by_row) == {"bleeding-tendency", "not checked: pregnancy", "indication: tips"}


def test_repeats_are_counted_by_patient_and_day():
    """The second card of a row on one day for one patient is a repeat; for another one or another day it is not."""
    rows = [
        a_row("1", LOUD),
        a_row("2", LOUD),
        a_row("3", LOUD, patient="q"),
        a_row("4", LOUD, time="2024-05-04T10:00:00+02:00"),
    ]
    assert tally_rows(rows).repeats == {"bleeding-tendency": 1}


def test_counts_add_up_in_any_order():
    """Buckets are added as they come: the sum is that of all their rows."""
    rows = [a_row("1", LOUD), a_row("2", QUIET, patient="q"), a_row("3", patient="r")]
    parts = [tally_rows([row]) for row in rows]
    assert add(parts) == add(reversed(parts)) == add([tally_rows(rows)])


def two_limits(folder: Path, threshold: str, value: int) -> Path:
    """A site folder that changes one limit."""
    folder.mkdir(parents=True)
    (folder / "thresholds.toml").write_text(SITE.format(threshold=threshold, value=value))
    return folder


def test_two_sites_are_judged_in_one_pass(tmp_path):
    """With --compare both sites are judged on the same facts: a stricter limit makes its card appear, with examples."""
    people = [*early(), a_patient("p"), an_order("p", "s", "TIPS"), a_condition("p", "c", "I85.01")]
    people.append(a_result("p", "o", "777-3", 60, "10*9/L"))
    export = write_export(tmp_path / "export", people)
    site = two_limits(tmp_path / "site", "platelets-high-risk", 75)
    run_of(export, tmp_path / "run", compare=str(site))
    found = compare(tmp_path / "run", tmp_path / "run/compared")
    change = found.changes["bleeding-tendency"]["appears"]
    assert (found.orders, change.orders, change.examples) == (1, 1, ["ServiceRequest/s"])
    alone = run_of(export, tmp_path / "alone", site=str(site))
    assert alone["cards"] == json.loads((tmp_path / "run/compared/summary.json").read_text())["cards"]
    assert main(["screen", "diff", str(tmp_path / "run")]) == 0


def test_orders_of_one_id_are_told_apart(tmp_path):
    """Servers that were exported together may each have an order of one id; a run is still the same as itself."""
    people = [*early(), *(one for name in "pq" for one in (a_patient(name), an_order(name, "s")))]
    run_of(write_export(tmp_path / "export", people), tmp_path / "run")
    found = compare(tmp_path / "run", tmp_path / "run")
    assert (found.orders, found.only_first, found.only_second, found.changes) == (2, 0, 0, {})


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("summary.json", b"{", "summary.json: can't be read"),
        ("summary.json", b"[]", "summary.json: can't be read"),
        ("summary.json", b'{"knowledgeVersion": "1"}', "is of another release"),
        ("orders.parquet", b"PAR1", "orders.parquet: can't be read"),
    ],
)
@pytest.mark.parametrize("command", [write_report, lambda run: compare(run, run)])
def test_a_run_that_is_damaged_says_so(command, file, content, said, run, tmp_path):
    """What a disk or another release did to a run is said with the file, not with a traceback."""
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / file).write_bytes(content)
    with pytest.raises(SetupError, match=said):
        command(tmp_path / "run")


def test_runs_of_other_exports_are_not_compared(run, tmp_path):
    """Runs that have no order in common say nothing of each other."""
    run_of(write_export(tmp_path / "export", [*early(), a_patient("x"), an_order("x", "other")]), tmp_path / "run")
    with pytest.raises(SetupError, match="no order was judged by both"):
        compare(run, tmp_path / "run")


def test_a_run_is_no_different_from_itself(run):
    """Nothing changes between a run and itself."""
    found = compare(run, run)
    assert (found.changes, found.only_first, found.only_second) == ({}, 0, 0)


@pytest.mark.parametrize("times", [1, 40])
def test_rows_are_the_same_however_they_are_written(times, run, tmp_path):
    """As Parquet, many of them by another process, or as NDJSON where pyarrow is not installed: they say the same."""
    rows = list(read_rows(run)) * times
    lines = tmp_path / "rows.ndjson"
    lines.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    for name in ("parquet", "lines"):
        (tmp_path / name).mkdir()
    results.write_rows(tmp_path / "parquet", [lines])
    results.write_lines(tmp_path / "lines/orders.ndjson.gz", rows)
    assert list(read_rows(tmp_path / "parquet")) == list(read_rows(tmp_path / "lines")) == rows
    assert [file.stat().st_mode & 0o777 for file in (tmp_path / "parquet").iterdir()] == [0o600]


def worklist_of(run: Path, procedure: str) -> dict[str, Any]:
    """The worklist of a run by patient."""
    found = make_worklist(run, procedure, lambda folder: Processes(folder, 1))
    return {one.patient: one.status for one in found.patients}


def test_a_worklist_says_what_speaks_against(tmp_path):
    """Patients with an indication, by reference, with what speaks against; others are not on it."""
    normal = (("777-3", 200, "10*9/L"), ("6301-6", 1.0, "{INR}"), ("98979-8", 90, "mL/min/{1.73_m2}"))
    people = [*early()]
    for name, platelets in (("low", 20), ("fine", None)):
        people += [a_patient(name), a_condition(name, f"{name}-c", "C22.0")]
        for place, (loinc, value, unit) in enumerate(normal):
            shown_value = platelets if platelets and loinc == "777-3" else value
            people.append(a_result(name, f"{name}-{place}", loinc, shown_value, unit))
    people += [a_patient("none"), a_patient("bare"), a_condition("bare", "bare-c", "C22.0")]
    run_of(write_export(tmp_path / "export", people), tmp_path / "run")
    found = worklist_of(tmp_path / "run", "hepatic-artery-chemoembolization")
    assert found["Patient/low"] == "something against"
    assert found["Patient/bare"] == "unknown"
    assert "Patient/none" not in found
    assert not list((tmp_path / "run").glob("worklist*"))


def test_a_worklist_of_an_unknown_procedure_says_which_there_are(run):
    """A procedure that is not offered has no worklist."""
    with pytest.raises(SetupError, match="write one of"):
        worklist_of(run, "tea")
    with pytest.raises(SetupError, match='did you mean "tips"'):
        worklist_of(run, "tipss")


def test_text_is_kept_on_demand_for_orders_not_recognised(tmp_path):
    """With --with-text the report names the orders that nothing recognised."""
    people = [*early(), a_patient("p"), *(an_order("p", f"s{place}", "Basket weaving") for place in range(6))]
    run_of(write_export(tmp_path / "export", people), tmp_path / "run", with_text=True)
    assert {row.text for row in rows_of(tmp_path / "run").values()} == {"Basket weaving"}
    assert "Basket weaving" in write_report(tmp_path / "run").read_text()


def test_words_of_a_few_orders_stay_in_the_hospital(tmp_path):
    """What somebody wrote once may name a patient: the report puts such texts and units together, without values."""
    people = [*early(), a_patient("p"), *(an_order("p", f"s{place}", "Basket weaving") for place in range(6))]
    people += [an_order("p", "once", "Basket for Mr. Dent"), a_condition("p", "c", "I85.01")]
    people += [an_order("p", f"t{place}", "TIPS") for place in range(3)]
    people.append(a_result("p", "o", "777-3", 60, "as told to Trillian"))
    summary = run_of(write_export(tmp_path / "export", people), tmp_path / "run", with_text=True)
    assert summary["unread"]["unit-not-read|as told to Trillian"] == 3
    write_report(tmp_path / "run")
    for name in ("report.html", "report.csv", "report.json"):
        text = (tmp_path / "run" / name).read_text()
        assert "Dent" not in text, name
        assert "Trillian" not in text, name
    assert "other texts" in text


def test_orders_to_map_are_told_apart(tmp_path):
    """Orders that look interventional and are not known are listed apart from the orders of other departments."""
    coded = [{"system": "https://hospital.example.org/orders", "code": name} for name in ("IR9", "LAB9")]
    texts = ("IR ZWETSCHGENWASSER", "CBC with differential")
    orders = [
        an_order("p", f"{name}{n}", code={"text": text, "coding": [coding]})
        for name, text, coding in zip("ab", texts, coded, strict=True)
        for n in range(SMALL)
    ]
    run_of(write_export(tmp_path / "export", [*early(), a_patient("p"), *orders]), tmp_path / "run")
    write_report(tmp_path / "run")
    tables = json.loads((tmp_path / "run" / "report.json").read_text())["tables"]
    assert [line["name"] for line in tables["to-map"]["lines"]] == [f"{coded[0]['system']}|IR9"]
    assert [line["name"] for line in tables["unrecognised"]["lines"]] == [f"{coded[1]['system']}|LAB9"]
