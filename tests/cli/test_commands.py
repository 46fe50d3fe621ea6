"""The commands as run by a person or a script: output and exit codes."""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from cds_service.cases import read_cases
from cds_service.cli.main import _COMMANDS
from tests.support.shipped import shipped_knowledge

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def critical_cards(text: str) -> int:
    """The number of critical cards in the output."""
    return text.count(" CRITICAL ")


def test_the_demo_plays_three_patients_and_four_orders(run):
    """The demo shows synthetic patients only, four orders, one critical card, and one order without cards."""
    ran = run("demo")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("Synthetic patient") == 3
    assert ran.out.count("\n  - ") >= 4
    assert critical_cards(ran.out) == 1
    assert ran.out.count("No cards") == 1


def test_the_card_in_the_readme_is_a_real_one(run):
    """The sample in the README equals the current output of the demo, line by line."""
    sample = (ROOT / "README.md").read_text("utf-8").split("## What comes out")[1].split("```")[1].strip()
    shown = run("demo").out
    assert "CRITICAL" in sample
    assert [line for line in sample.splitlines() if "..." not in line and line not in shown] == []


def test_the_demo_without_examples_says_where_they_are(run, tmp_path):
    """If the examples are not installed, the demo says how to get them."""
    ran = run("demo", "--examples", tmp_path)
    assert ran.code == 2
    assert "clone" in ran.err


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_patient_is_marked_as_made_up(path: Path):
    """Each example patient is tagged as test health data, so that it can't be taken for a real one."""
    patient = json.loads(path.read_text("utf-8"))["prefetch"]["patient"]
    assert patient["meta"]["tag"][0]["code"] == "HTEST"
    assert patient["name"][0]["given"] == ["Synthetic"]


def test_json_is_the_response_and_nothing_else(run):
    """`--json` prints only one JSON document on standard output."""
    ran = run("invoke", "--json", "--request", EXAMPLES / "bleeding-risk.json")
    response = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert [card["indicator"] for card in response["cards"]] == sorted(
        (card["indicator"] for card in response["cards"]), key=["critical", "warning", "info"].index
    )


def test_trace_shows_the_rows_behind_the_cards(run):
    """`--trace` prints every judged row with its answer and evidence."""
    ran = run("invoke", "--trace", "--request", EXAMPLES / "bleeding-risk.json")
    wanted = ["bleeding-tendency", "platelets-high-risk", "Observation/platelets", "unknown", "absent"]
    assert [word for word in wanted if word not in ran.out] == []


def test_an_order_that_is_no_known_procedure_is_said_not_to_be_judged(run, tmp_path):
    """For an order that is not a known procedure, the output says that it was not judged, not "no cards"."""
    request = json.loads((EXAMPLES / "allergy-to-contrast.json").read_text("utf-8"))
    request["context"]["draftOrders"]["entry"][0]["resource"]["code"] = {"text": "Skin biopsy"}
    (tmp_path / "skin.json").write_text(json.dumps(request), "utf-8")
    ran = run("invoke", "--request", tmp_path / "skin.json")
    assert ran.code == 0
    assert "ServiceRequest/order-1 is not a procedure of the tables" in ran.out
    assert "No cards" not in ran.out


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (None, 2, "can't be read"),
        ("not json", 2, "not a hook request in JSON"),
        ('{"hook": "order-sign"}', 1, "answered 400"),
        ('{"hook": "medication-refill"}', 2, "No service answers the hook"),
    ],
)
def test_what_can_not_be_judged_is_told_apart(run, tmp_path, content: str | None, code: int, says: str):
    """An unusable file ends with exit code 2, a rejected call with 1; both say why on standard error."""
    path = tmp_path / "request.json"
    if content is not None:
        path.write_text(content, "utf-8")
    ran = run("invoke", "--request", path)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_a_call_without_any_data_is_answered_with_a_card_that_says_so(run, tmp_path):
    """A call without any data gets one card: no output would read as no contraindication."""
    request = json.loads((EXAMPLES / "allergy-to-contrast.json").read_text("utf-8"))
    del request["prefetch"]
    (tmp_path / "bare.json").write_text(json.dumps(request), "utf-8")
    ran = run("invoke", "--request", tmp_path / "bare.json")
    assert ran.code == 0
    assert "Record could not be read" in ran.out


@pytest.mark.parametrize("answer", [b"{}", b'{"cards": {}}', b'{"cards": [1]}', b"[]", b"<html>", b'{"cards": nul'])
def test_an_answer_without_cards_is_no_empty_list(run, recorded_service, answer: bytes):
    """A response that is not a CDS Hooks response is reported; it is never shown as "no cards"."""
    recorded_service.answer = (200, answer)
    url = f"http://127.0.0.1:{recorded_service.server_port}"
    ran = run("invoke", "--request", EXAMPLES / "allergy-to-contrast.json", "--service-url", url)
    assert (ran.code, ran.out) == (1, "")
    assert "not a CDS Hooks response" in ran.err


@pytest.mark.parametrize("arguments", [["tables"], ["check"], ["demo"], ["serve"]])
def test_a_wrong_setting_stops_every_command(run, tmp_path, arguments: list[str]):
    """A wrong setting ends every command with exit code 2 and a message that names it."""
    (tmp_path / "cds.toml").write_text('cds_workers = "many"\n', "utf-8")
    ran = run(*arguments, "--config", tmp_path / "cds.toml")
    assert (ran.code, ran.out) == (2, "")
    assert "cds_workers" in ran.err


def test_serving_the_network_needs_to_be_meant(run):
    """Without clients an address other than loopback is rejected, unless --insecure is given."""
    ran = run("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104  the address under test
    assert ran.code == 2
    assert "--insecure" in ran.err


def test_check_counts_what_it_looked_at(run, some_cases):
    """The shipped tables and these cases are correct, and the output says how many were checked."""
    ran = run("check", "--cases", some_cases)
    assert (ran.code, ran.err) == (0, "")
    assert "202 procedures" in ran.out
    assert f"{len(read_cases(some_cases))} clinical cases hold" in ran.out


def test_check_names_file_row_and_remedy(run, tmp_path):
    """A limit written as text is reported with file, row, value and what to write instead."""
    change = 'change = { reason = "r", approver = "a", date = "2026-11-24" }'
    (tmp_path / "thresholds.toml").write_text(
        f'[[threshold]]\nid = "platelets-high-risk"\nvalue = "75"\n{change}\n', "utf-8"
    )
    ran = run("check", "--site", tmp_path)
    assert (ran.code, ran.out) == (1, "")
    wanted = ["thresholds.toml", 'threshold "platelets-high-risk"', "value", '"75" (text)', "write a number"]
    assert [part for part in wanted if part not in ran.err] == []


def test_check_tells_which_cases_a_change_turns(run, tmp_path):
    """A case that fails after a change of the tables is reported, so that the change is confirmed."""
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "one.toml").write_text(
        '[[case]]\nid = "turned"\norder = "tips"\nexpect.procedure = "portal-vein-embolization"\n', "utf-8"
    )
    ran = run("check", "--cases", cases)
    assert ran.code == 1
    assert 'one.toml: case "turned"' in ran.err


def test_check_without_cases_says_so(run, tmp_path):
    """If the cases are not installed, the output says so, and not that they hold."""
    ran = run("check", "--cases", tmp_path)
    assert ran.code == 0
    assert "no clinical cases here" in ran.out
    assert "hold" not in ran.out


def test_the_page_of_the_tables_has_every_row(run):
    """The page that `make docs` writes shows every procedure, indication, contraindication, question and limit."""
    knowledge, page = shipped_knowledge(), run("tables", "--format", "markdown").out
    rows = [i.id for p in knowledge.procedures.values() for i in p.indications]
    rows += [*knowledge.procedures, *(c.id for row in knowledge.contraindications for c in row.criteria)]
    assert [key for key in rows if f"| {key} |" not in page] == []
    assert [row.id for row in knowledge.contraindications if f"### {row.id}\n" not in page] == []
    silent = page.partition("## Limits that do not speak")[2]
    drafts = [limit.id for limit in knowledge.thresholds.values() if limit.status == "draft"]
    assert [key for key in drafts if f"| {key} |" not in silent] == []


def test_the_source_table_comes_first(run):
    """The procedures of the source's table stand together and before those beyond it, in every format."""
    procedures = shipped_knowledge().procedures.values()
    source = {p.id for p in procedures if p.origin == "source table"}
    for form, heading in (("text", "PROCEDURES BEYOND THE SOURCE TABLE"), ("markdown", "## Procedures beyond")):
        first, beyond = run("tables", "--format", form).out.split(heading)
        marks = ("\n{}\n",) if form == "text" else ("| {} |",)
        listed = {p.id for p in procedures if any(mark.format(p.id) in first for mark in marks)}
        assert listed == source
        assert all(any(mark.format(p.id) in beyond for mark in marks) for p in procedures if p.id not in source)
    rows = list(csv.DictReader(io.StringIO(run("tables", "--format", "csv").out)))
    origins = [row["origin"] for row in rows if row["table"] == "procedures"]
    assert origins == sorted(origins, reverse=True)
    assert set(origins) == {"source table", "beyond"}


def test_the_tables_as_csv_open_in_a_spreadsheet(run):
    """The CSV has one header, equally many cells in every line, and each limit once with its unit."""
    rows = list(csv.reader(io.StringIO(run("tables", "--format", "csv").out)))
    assert {len(row) for row in rows} == {len(rows[0])}
    platelets = [row for row in rows if "platelets-high-risk" in row]
    assert len(platelets) == 1
    assert any("10*9/L" in cell for cell in platelets[0])


def test_the_tables_show_what_a_site_changed(run, tmp_path):
    """The tables show a site's limit in its row, and who approved it."""
    (tmp_path / "thresholds.toml").write_text(
        '[[threshold]]\nid = "platelets-high-risk"\nvalue = 75\n'
        'change = { reason = "local protocol", approver = "radiology board", date = "2026-11-02", source = "IR-07" }\n',
        "utf-8",
    )
    out = run("tables", "--site", tmp_path).out
    assert "Platelets < 75 10*9/L" in out
    assert "radiology board" in out
    assert "value 50 → 75" in out


def test_the_tables_name_the_limits_that_are_silent(run):
    """Draft limits are listed separately and are not in the active rows."""
    spoken, silent = run("tables").out.split("LIMITS THAT DO NOT SPEAK")
    assert "status: draft" in silent
    assert "status: draft" not in spoken


@pytest.mark.parametrize("arguments", [[], ["dance"], ["invoke"], ["tables", "--format", "pdf"]])
def test_a_wrong_command_line_ends_with_2(run, arguments: list[str]):
    """A wrong command line ends with exit code 2 and shows the usage."""
    ran = run(*arguments)
    assert ran.code == 2
    assert "usage:" in ran.err


def test_the_list_of_commands_says_what_each_does():
    """`--help` lists every command with the same words as its own module, and imports none of them."""
    commands = argparse.ArgumentParser().add_subparsers()
    for name in _COMMANDS:
        import_module(f"cds_service.cli.commands.{name}").add_parser(commands)
    own = {action.dest: action.help for action in commands._choices_actions}
    assert own == dict(_COMMANDS)
    script = (
        "import contextlib, sys; from cds_service.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "found = (m for m in sys.modules if m.startswith(('cds_service.cli.', 'rich', 'sqlalchemy', 'flask')))\n"
        "print(sorted(found), end='')"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (
        ran.stdout.splitlines()[-1] == "['cds_service.cli.main', 'cds_service.cli.parser', 'cds_service.cli.terminal']"
    )
    assert all(f"{name} " in ran.stdout for name in _COMMANDS)


def test_a_request_is_saved_with_its_dates(run, tmp_path):
    """A saved example with relative dates becomes one with real dates, which other clients can send as it is."""
    saved = tmp_path / "request.json"
    ran = run("invoke", "--request", EXAMPLES / "bleeding-risk.json", "--save", saved)
    assert ran.code == 0
    assert "{{" not in saved.read_text("utf-8")
    assert saved.stat().st_mode & 0o077 == 0
    (tmp_path / "broken.json").write_text("{", "utf-8")
    assert run("invoke", "--request", tmp_path / "broken.json", "--save", saved, "--service", "x").code == 2


def test_a_request_is_judged_by_the_tables_of_a_site(run, tmp_path):
    """`invoke --site` shows what the cards are with a hospital's own limit, and cites its source."""
    (tmp_path / "thresholds.toml").write_text(
        '[[threshold]]\nid = "platelets-high-risk"\nvalue = 300\n'
        'change = { reason = "trial", approver = "board", date = "2026-11-02", source = "Protocol IR-07" }\n',
        "utf-8",
    )
    request = EXAMPLES / "bleeding-risk.json"
    assert "Protocol IR-07" in run("invoke", "--request", request, "--site", tmp_path, "--trace").out + str(
        run("invoke", "--request", request, "--site", tmp_path, "--json").out
    )
    assert "Protocol IR-07" not in run("invoke", "--request", request, "--json").out


def test_a_token_is_read_from_a_file(run, tmp_path):
    """A token may be in a file; one that is missing or empty ends with 2 and says so."""
    (tmp_path / "empty").write_text("\n", "utf-8")
    for name, said in (("none", "can't be read"), ("empty", "is empty")):
        request = EXAMPLES / "bleeding-risk.json"
        ran = run("invoke", "--request", request, "--token-file", tmp_path / name)
        assert ran.code == 2
        assert said in ran.err


def test_a_mistyped_command_is_understood(run):
    """A command with a letter wrong ends with 2 and names the one that is meant."""
    ran = run("tabels")
    assert ran.code == 2
    assert "Did you mean tables?" in ran.err


def test_python_m_is_the_same_command():
    """`python -m cds_service` is the same as `cds-service`."""
    ran = subprocess.run([sys.executable, "-m", "cds_service", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("cds-service ")


def test_a_reader_that_stops_early_is_no_error():
    """`cds-service tables | head -1` ends without an error."""
    command = f"{sys.executable} -m cds_service tables | head -1"
    ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
