"""A hospital's own sentences, reasons and links, and the lock of its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cds_service.knowledge.site import read_site
from cds_service.knowledge.site_lock import lock_text
from cds_service.knowledge.site_overlay import overlay_holds
from cds_service.knowledge.site_texts import MOST_REASONS, links_of, overlay_override_reasons, overlay_wordings
from tests.support.tables import put

SHIPPED = {"wording.en.toml": {"advice.a": "Call {who} by {when}."}}
CHANGE = {"reason": "r", "approver": "a", "date": "2026-11-02", "source": "Protocol 1"}
KIND = {"code": "counts-as", "valueCode": "useful"}
REASONS = {
    "url": "urn:shipped",
    "concept": [
        {
            "code": "late",
            "display": "Too late",
            "property": [
                {"code": "counts-as", "valueCode": "useful"},
                {"code": "offered-for", "valueCode": "bleeding"},
            ],
        }
    ],
}


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("advice.a", "Before {when}, call {who}.", ""),
        ("advice.a", "Call {who}.", "other places than the shipped sentence (when); write it with {when}, {who}"),
        ("advice.a", "Call {who} by {when} on {day}.", "(day)"),
        ("advice.a", "Call {who by {when}.", "other places"),
        ("advice.b", "Call.", "is no shipped sentence"),
    ],
)
def test_a_sentence_keeps_its_places(key: str, text: str, problem: str):
    """A hospital's sentence replaces a shipped one only with the same places; anything else is a mistake."""
    problems: list[str] = []
    found = overlay_wordings(SHIPPED, [{"id": key, "language": "en", "text": text}], problems)
    assert (problem in problems[0]) if problem else not problems
    assert found["wording.en.toml"].get("advice.a") == (SHIPPED["wording.en.toml"]["advice.a"] if problem else text)


def a_reason(code: str, **more: Any) -> dict[str, Any]:
    """A reason of the hospital's own."""
    own = {"display": code, "system": "urn:own", "counts_as": "useful", "offered_for": ["bleeding"]}
    return {"id": code, **own, **more}


def test_own_reasons_are_offered_first_and_retired_ones_are_kept():
    """Own reasons come first, with their own system; a retired one is offered no more and still has its kind."""
    problems: list[str] = []
    found = overlay_override_reasons(REASONS, [a_reason("board"), {"id": "late", "status": "retired"}], problems)
    assert not problems
    assert [(c["code"], c.get("system")) for c in found["concept"]] == [("board", "urn:own"), ("late", None)]
    assert found["concept"][1]["property"] == [KIND]


@pytest.mark.parametrize(
    ("reasons", "problem"),
    [
        ([a_reason("late")], "is there already"),
        ([a_reason("x"), a_reason("x")], "is there already"),
        ([{"id": "none", "status": "retired"}], "is no shipped reason"),
        ([a_reason("x", offered_for=["blood"])], "names blood; write one of"),
        ([a_reason(f"x{n}") for n in range(MOST_REASONS)], "offers 8 reasons"),
    ],
)
def test_a_wrong_reason_is_said(reasons: list[dict[str, Any]], problem: str):
    """Each mistake in a reason is said once."""
    problems: list[str] = []
    overlay_override_reasons(REASONS, reasons, problems)
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_link_names_a_row():
    """Links are by row, each once; a link to no row is a mistake."""
    problems: list[str] = []
    link = {"id": "tips", "label": "L", "url": "https://x.example.org"}
    assert links_of([link, link], {"tips": {}}, problems) == {"tips": (("L", "https://x.example.org"),)}
    links_of([link | {"id": "typs"}], {"tips": {}}, problems)
    assert len(problems) == 1


def test_a_changed_hold_never_keeps_the_shipped_source():
    """A hold with another amount shows the hospital's source and grade; one that is only retired keeps its own."""
    shipped = {"h": {"id": "h", "guideline": "SIR 2019", "source": "book", "grade": "A", "note": "n", "least": 1}}
    changed, sources = overlay_holds(shipped, [{"id": "h", "least": 2, "change": CHANGE}], [])
    assert changed["h"] | {"change": None} == {
        "id": "h",
        "guideline": "Protocol 1",
        "source": "Protocol 1",
        "grade": "local",
        "least": 2,
        "change": None,
    }
    assert sources == ["Protocol 1"]
    retired, sources = overlay_holds(shipped, [{"id": "h", "status": "retired", "change": CHANGE}], [])
    assert (retired["h"]["guideline"], sources) == ("SIR 2019", [])


FILES = {
    "http": (
        "links.toml",
        '[[link]]\nid = "tips"\nlabel = "x"\nurl = "http://a.example.org"\n',
        "begins with https://",
    ),
    "amount": ("holds.toml", '[[hold]]\nid = "h"\nleast = 2\n', "source"),
    "reason": ("override_reasons.toml", '[[override_reason]]\nid = "x"\n', "display, system, counts_as, offered_for"),
    "mixed": ("override_reasons.toml", '[[override_reason]]\nid = "x"\nstatus = "retired"\ndisplay = "X"\n', "display"),
    "language": ("wording.toml", '[[wording]]\nid = "advice.a"\nlanguage = "fr"\ntext = "x"\n', "en, de or es"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_mistake_in_a_file_says_what_to_write(name: str, tmp_path: Path):
    """Each kind of mistake in these files is said with what to write instead."""
    file, text, remedy = FILES[name]
    change = 'change = { reason = "r", approver = "a", date = "2026-11-02" }\n'
    put(tmp_path / file, text + change)
    problems: list[str] = []
    read_site(tmp_path, problems)
    assert len(problems) == 1, problems
    assert remedy in problems[0]


def test_a_locked_folder_is_used_only_as_it_was(tmp_path: Path):
    """With a lock, a changed, a missing and a new file are each a mistake; notes and hidden files are not locked."""
    row = '[[link]]\nid = "tips"\nlabel = "x"\nurl = "https://a.example.org"\n'
    row += 'change = { reason = "r", approver = "a", date = "2026-11-02" }\n'
    put(tmp_path / "links.toml", row)
    put(tmp_path / "not_connected.toml", "not_connected = []\n")
    put(tmp_path / "site.lock", lock_text(tmp_path, [tmp_path / "links.toml", tmp_path / "not_connected.toml"]))
    put(tmp_path / "README.md", "notes")
    put(tmp_path / ".git" / "config", "")
    assert _problems(tmp_path) == []
    put(tmp_path / "links.toml", row.replace("tips", "liver-biopsy"))
    (tmp_path / "not_connected.toml").unlink()
    put(tmp_path / "conditions.toml", "condition = []\n")
    assert _problems(tmp_path) == [
        f"site/conditions.toml: is not in site.lock; review it, then run cds-service site lock {tmp_path}",
        f"site/links.toml: is not as in site.lock; review it, then run cds-service site lock {tmp_path}",
        "site/not_connected.toml: is in site.lock and not in the folder; put it back, or review it, then run "
        f"cds-service site lock {tmp_path}",
    ]


def _problems(folder: Path) -> list[str]:
    problems: list[str] = []
    read_site(folder, problems)
    return problems
