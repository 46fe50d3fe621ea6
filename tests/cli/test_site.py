"""A hospital's folder on the command line: start it, check it, see what it changes, freeze it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.shipped import shipped_rows
from tests.support.tables import load_knowledge, put

NO_CASES = Path(__file__).parent
"""A folder without cases: the shipped ones take long."""
LIMIT = """
[[threshold]]
id = "platelets-high-risk"
value = {value}
change = {{ reason = "r", approver = "a", date = "2026-11-02", source = "Protocol IR-07" }}
"""
OWN_CASE = """
[[case]]
id = "site-platelets-60"
order = "tips"
labs = [{ code = "loinc|777-3", value = 60, unit = "10*9/L", days = 3 }]
expect.criteria = { platelets-high-risk = "present warning" }
"""


def uncommented(folder: Path) -> None:
    """Use every template: lines that begin with `#` and no blank, and the JSON of the notes."""
    for path in folder.rglob("*.toml"):
        path.write_text(re.sub(r"(?m)^#(?! )", "", path.read_text("utf-8")), "utf-8")
    for notes in folder.rglob("*/README.md"):
        text = notes.read_text("utf-8")
        name = re.search(r"Save as `(.+?)`", text)
        block = re.search(r"```json\n(.*?)```", text, re.DOTALL)
        assert name
        assert block
        put(notes.parent / name[1], json.dumps(json.loads(block[1])))


def test_a_new_folder_changes_nothing(run, tmp_path):
    """The templates are commented out: the folder is without a mistake and changes no row."""
    ran = run("site", "init", tmp_path / "site")
    assert ran.code == 0
    assert "thresholds.toml" in ran.out
    checked = run("check", "--site", tmp_path / "site", "--cases", tmp_path)
    assert (checked.code, checked.err) == (0, "")
    assert "changes no properties of rows" in checked.out


@pytest.mark.slow
def test_every_template_works(run, tmp_path):
    """With the comments removed, each kind of change loads, and the cases of the templates hold."""
    run("site", "init", tmp_path)
    uncommented(tmp_path)
    checked = run("check", "--site", tmp_path, "--cases", NO_CASES)
    assert (checked.code, checked.err) == (0, "")
    assert "3 cases of the site hold" in checked.out
    for line in (
        "limits/platelets-high-risk: value 50 → 75",
        "procedures/dacryocystography: new",
        "contraindications/immune-weakness: status active → in shadow",
        "wording/en: advice.premedication-local-protocol",
        "override reasons/bleeding: + Decided by the tumor board",
        "links/platelets-high-risk: + Protocol IR-07",
        "not connected: + medications",
    ):
        assert line in checked.out


def test_a_site_leaves_the_shipped_rows_as_they_are(run, tmp_path):
    """Every kind of change is laid over a copy of the rows, which others may use at the same time."""
    run("site", "init", tmp_path)
    uncommented(tmp_path)
    before = repr(shipped_rows())
    assert load_knowledge(tmp_path).changes
    assert repr(shipped_rows()) == before


def test_a_folder_with_files_is_left_alone(run, tmp_path):
    """`site init` writes into no folder that holds something; hidden files, as git's, do not count."""
    put(tmp_path / ".git" / "config", "")
    assert run("site", "init", tmp_path).code == 0
    ran = run("site", "init", tmp_path)
    assert ran.code == 2
    assert "holds files already" in ran.err


def test_a_case_of_the_site_must_hold(run, tmp_path):
    """A case of the hospital's own that fails is a mistake: `check` ends with 1 and names it."""
    put(tmp_path / "cases" / "own.toml", OWN_CASE)
    ran = run("check", "--site", tmp_path, "--cases", NO_CASES)
    assert ran.code == 1
    assert f'{tmp_path}/cases/own.toml: case "site-platelets-60"' in ran.err
    put(tmp_path / "thresholds.toml", LIMIT.format(value=75))
    assert run("check", "--site", tmp_path, "--cases", NO_CASES).code == 0


def test_what_is_mapped_in_vain_is_said(run, tmp_path):
    """`check` lists local codes that are mapped to codes which no row asks for, and does not fail."""
    group = {"source": "https://hospital.example.org/labs", "target": "http://loinc.org"}
    codes = [
        {"code": c, "target": [{"code": to, "equivalence": "equal"}]} for c, to in (("HB", "718-7"), ("P", "777-3"))
    ]
    concept_map = {"resourceType": "ConceptMap", "status": "active", "group": [group | {"element": codes}]}
    put(tmp_path / "concept_maps" / "labs.json", json.dumps(concept_map))
    ran = run("check", "--site", tmp_path, "--cases", NO_CASES)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == "  https://hospital.example.org/labs|HB → http://loinc.org|718-7"


def test_mistakes_in_cases_are_told_with_those_of_tables(run, tmp_path):
    """Both are told at once, before any case is judged."""
    put(tmp_path / "cases" / "own.toml", "[[case]]\n")
    put(tmp_path / "thresholds.toml", LIMIT.format(value='"75"'))
    ran = run("check", "--site", tmp_path, "--cases", NO_CASES)
    assert ran.code == 1
    assert [line.partition(": ")[0] for line in ran.err.splitlines()[:-1]] == [
        *2 * [f"{tmp_path}/cases/own.toml"],
        f"{tmp_path}/thresholds.toml",
    ]


def test_a_difference_is_told_by_row_and_case(run, tmp_path, some_cases):
    """`diff` shows a limit old and new, with its source, and the case that is answered otherwise."""
    put(tmp_path / "thresholds.toml", LIMIT.format(value=75))
    put(tmp_path / "cases" / "own.toml", OWN_CASE)
    ran = run("diff", "shipped", tmp_path, "--cases", some_cases)
    assert ran.code == 1
    assert "limits/platelets-high-risk: value 50 → 75" in ran.out
    assert "→ Protocol IR-07" in ran.out
    assert 'case "site-platelets-60"\n' in ran.out
    assert "bleeding-tendency absent → present warning: " in ran.out
    assert 'bleeding.toml: case "' in ran.out


def test_equal_folders_have_no_difference(run, tmp_path):
    """`diff` of the same content ends with 0."""
    put(tmp_path / "notes.md", "why")
    ran = run("diff", "shipped", tmp_path)
    assert ran.code == 0
    assert "No differences in rows." in ran.out


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, as somebody."""
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.mark.server
def test_a_revision_is_compared_with_the_folder(run, tmp_path):
    """A folder kept in git is compared with what it was at a revision."""
    put(tmp_path / "thresholds.toml", LIMIT.format(value=75))
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    put(tmp_path / "thresholds.toml", LIMIT.format(value=80))
    ran = run("diff", f"{tmp_path}@HEAD", tmp_path, "--cases", NO_CASES)
    assert "limits/platelets-high-risk: value 75 → 80" in ran.out
    wrong = run("diff", f"{tmp_path}@nothing", tmp_path)
    assert wrong.code == 2
    assert "git says" in wrong.err


def test_a_packed_folder_is_the_same_folder(run, tmp_path):
    """`site pack` writes the same bytes for the same files, says their hash, and leaves hidden files out."""
    site = tmp_path / "site"
    put(site / "thresholds.toml", LIMIT.format(value=75))
    put(site / ".git" / "config", "")
    first, second = tmp_path / "a.tar.gz", tmp_path / "b.tar.gz"
    said = run("site", "pack", site, "--out", first).out
    (site / "thresholds.toml").touch()
    run("site", "pack", site, "--out", second)
    assert first.read_bytes() == second.read_bytes()
    assert f"sha256 {hashlib.sha256(first.read_bytes()).hexdigest()}" in said
    with tarfile.open(first) as archive:
        assert archive.getnames() == ["thresholds.toml"]
    assert run("diff", first, site).code == 0


def test_a_wrong_folder_is_not_packed(run, tmp_path):
    """A folder with a mistake is not frozen: the mistake is named."""
    put(tmp_path / "thresholds.toml", LIMIT.format(value='"75"'))
    ran = run("site", "pack", tmp_path, "--out", tmp_path / "x.tar.gz")
    assert ran.code == 1
    assert "write a number" in ran.err
    assert not (tmp_path / "x.tar.gz").exists()


@pytest.mark.parametrize("name", ["/no/such/folder", "folder@main", "README.md"])
def test_what_cannot_be_compared_is_said(run, name: str):
    """A name that is no folder, revision or packed file ends with 2 and says what may be given."""
    ran = run("diff", "shipped", name)
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_a_locked_folder_is_refused_when_it_changes(run, tmp_path):
    """`site lock` freezes the folder as it is; a change after it is refused by `check` until it is locked again."""
    put(tmp_path / "thresholds.toml", LIMIT.format(value=75))
    assert run("site", "lock", tmp_path).code == 0
    assert run("check", "--site", tmp_path, "--cases", NO_CASES).code == 0
    put(tmp_path / "thresholds.toml", LIMIT.format(value=80))
    ran = run("check", "--site", tmp_path, "--cases", NO_CASES)
    assert ran.code == 1
    assert f"{tmp_path}/thresholds.toml: is not as in site.lock" in ran.err
    put(tmp_path / "thresholds.toml", LIMIT.format(value=9000))
    before = (tmp_path / "site.lock").read_bytes()
    assert run("site", "lock", tmp_path).code == 1
    assert (tmp_path / "site.lock").read_bytes() == before, "a folder with a mistake keeps its lock"


def test_what_counts_later_is_checked_now(run, tmp_path):
    """`check` says what changes on later days, and finds the mistakes that the tables have then."""
    later = LIMIT.replace("}}", ', from = "2999-01-01" }}')
    put(tmp_path / "thresholds.toml", later.format(value=75))
    ran = run("check", "--site", tmp_path, "--cases", NO_CASES)
    assert "changes no properties of rows" in ran.out
    assert "From 2999-01-01 on:\n  limits/platelets-high-risk: value 50 → 75" in ran.out
    put(tmp_path / "thresholds.toml", later.format(value=9000))
    ran = run("check", "--site", tmp_path, "--cases", NO_CASES)
    assert ran.code == 1
    assert "from 2999-01-01: " in ran.err
