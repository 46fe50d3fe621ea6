"""The clinical specification: every case of `tests/cases/`, and that every row of both tables has its cases."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_service.cases import Case, failures, read_cases
from cds_service.errors import TableError
from cds_service.knowledge.tables import Knowledge
from tests.support.samples import sample
from tests.support.shipped import shipped_cases

CASES = shipped_cases()


FILES = sorted({case.place.partition(":")[0] for case in CASES})


@pytest.mark.parametrize("file", FILES)
def test_cases(file: str, knowledge: Knowledge, now: datetime) -> None:
    """The decisions say what the cases of a file expect; each that does not is named with its case."""
    own = [case for case in CASES if case.place.startswith(f"{file}:")]
    assert [line for case in own for line in failures(case, knowledge, now)] == []


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize(
    ("when", "start"),
    [
        (datetime(2028, 2, 29, 0, 5, tzinfo=ZoneInfo("UTC")), 0),
        (datetime(2035, 1, 1, 23, 50, tzinfo=ZoneInfo("Asia/Kolkata")), 1),
    ],
    ids=["after midnight on a leap day", "in years"],
)
def test_cases_hold_at_any_time(when: datetime, start: int, knowledge: Knowledge) -> None:
    """What is expected depends on no hour, day or year; each case is judged at one of these times."""
    assert [line for case in sample(CASES, 2, start) for line in failures(case, knowledge, when)] == []


def _expected(table: str, name: str) -> set[str]:
    said = [case.row["expect"].get(table, {}).get(name) for case in CASES]
    return {word.partition(" ")[0] for word in said if word}


def test_every_contraindication_speaks_and_stays_silent(knowledge: Knowledge) -> None:
    """Each row of the second table has a case in which it is present, and one in which it is absent."""
    wanting = [
        r.id for r in knowledge.contraindications if not {"present", "absent"} <= _expected("contraindications", r.id)
    ]
    assert wanting == []


def test_every_indication_speaks_and_stays_silent(knowledge: Knowledge) -> None:
    """Each row of the first table has a case in which it is present, and one in which it is not.

    One of a list that is not complete is not listed (`-`) where the record holds nothing of it.

    A row whose condition no code names (a vena cava filter in place) can only be unknown.
    """
    rows = [i for p in knowledge.procedures.values() for i in p.indications]
    for row in rows:
        leaves = row.present_if.leaves()
        provable = any(leaf.wider_counts or knowledge.conditions[leaf.condition].provable for leaf in leaves)
        expected = _expected("indications", row.id)
        assert expected & {"absent", "unknown", "-"}, row.id
        assert "present" in expected or not provable, row.id


def test_a_wrong_expectation_is_noticed(knowledge: Knowledge, now: datetime) -> None:
    """A case that expects something else fails, with the row, what it is and what was expected."""
    row = {"id": "x", "order": "tips", "expect": {"contraindications": {"iodine-allergy": "present critical"}}}
    assert failures(Case("file.toml", row), knowledge, now) == [
        "file.toml: contraindications iodine-allergy is absent, expected present critical"
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("expect = { criterion = {} }", "expect.criterion is not a field here"),
        ('labs = [{ code = "loinc|777-3", value = 9, dayz = 3 }]', "labs.dayz is not a field here"),
        ('order = { txt = "TIPS" }', "order.txt is not a field here"),
        ("lbas = []", "lbas is not a field here"),
        ('labs = ["plt"]', "labs has 'plt'; write a table"),
        ('conditions = "icd-10-cm|K76.6"', "conditions is no list"),
        ('conditions = [{ code = "loinic|777-3" }]', 'conditions has "loinic|777-3"; write SYSTEM|CODE'),
        ('hook = "order-sing"', 'hook is "order-sing", which no service answers; did you mean "order-sign"?'),
        ('not_sent = ["observation"]', 'which is no data kind; did you mean "observations"?'),
    ],
)
def test_a_case_of_another_form_is_refused(row: str, said: str, tmp_path: Path) -> None:
    """What can't be made into a call, or would hold whatever is answered, is said with its place, and not judged."""
    expect = "" if row.startswith("expect") else "expect = {}"
    (tmp_path / "own.toml").write_text(f'[[case]]\nid = "1"\nsays = "One."\n{row}\n{expect}\n', "utf-8")
    with pytest.raises(TableError) as refused:
        read_cases(tmp_path)
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["[case]\nid = '1'", "[[cases]]\nid = '1'", "case = [1]", "note = 'x'\n[[case]]"])
def test_a_file_holds_cases_and_nothing_else(text: str, tmp_path: Path) -> None:
    """A misspelled table would be a file of which no case is judged."""
    (tmp_path / "own.toml").write_text(text, "utf-8")
    with pytest.raises(TableError, match=r"^own.toml: holds .*; write \[\[case\]\] rows and nothing else"):
        read_cases(tmp_path)


def test_cases_are_read_in_folders_too(tmp_path: Path) -> None:
    """Cases may be sorted into folders; the copies that editors keep are passed over."""
    (tmp_path / "liver").mkdir()
    (tmp_path / "liver/own.toml").write_text('\ufeff[[case]]\nid = "1"\nsays = "One."\nexpect = {}\n', "utf-8")
    (tmp_path / "liver/own.toml~").write_text("[[", "utf-8")
    (tmp_path / ".#own.toml").symlink_to("nowhere")
    assert [case.place for case in read_cases(tmp_path)] == ['liver/own.toml: case "1"']


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"order": "tipps"}, 'order names "tipps", which is no procedure of the tables; did you mean "tips"?'),
        ({"expect": {"procedure": "tipps"}}, 'expect.procedure names "tipps"'),
        ({"expect": {"options": ["tipps"]}}, 'expect.options names "tipps"'),
        ({"expect": {"criteria": {"platelets-high-rsk": "present"}}}, 'did you mean "platelets-high-risk"?'),
        ({"expect": {"contraindications": {"bleeding": "present"}}}, "which is no contraindication of the tables"),
        ({"expect": {"indications": {"uterine-fibroid": "present"}}}, 'did you mean "uterine-fibroids"?'),
    ],
)
def test_an_id_that_no_row_has_is_said(row: dict[str, Any], said: str, knowledge: Knowledge, now: datetime) -> None:
    """A misspelled id fails the case with the one that may be meant, not with what its patient is answered."""
    case = Case("own.toml", {"id": "x", "order": "tips", "expect": {}} | row)
    assert [said in line for line in failures(case, knowledge, now)] == [True]
