"""Sentences are checked before the first call: whichever is missing, broken or unused is named, in every language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from cds_service.errors import TableError
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.wording_checks import check_wording, missing_sentences
from tests.support.shipped import shipped_knowledge, shipped_rows
from tests.support.tables import a_copy, load_copy

ENGLISH = "wording.en.toml"
SHIPPED = shipped_rows()
SENTENCES = SHIPPED.wordings[ENGLISH]
# A unit that a lab is told in and that a person writes another way needs a label; others are shown as reported.
NEEDED_UNITS = {"unit.1", "unit.{score}", "unit.10*9/L", "unit.mL/min/{1.73_m2}", "unit.mm[Hg]"}


def _problems(sentences: Mapping[str, str], rows: TableRows = SHIPPED, **others: Mapping[str, str]) -> list[str]:
    """What is wrong with these English sentences, and with those of other languages by their tag."""
    further = {f"wording.{language}.toml": texts for language, texts in others.items()}
    problems: list[str] = []
    check_wording(replace(rows, wordings={ENGLISH: sentences, **further}), problems)
    return problems


def _without(*keys: str) -> dict[str, str]:
    return {name: text for name, text in SENTENCES.items() if name not in keys}


def test_the_shipped_sentences_are_sound():
    """No sentence is missing, empty, broken or unused."""
    assert _problems(SENTENCES) == []


def test_a_missing_sentence_is_found_before_the_first_call():
    """Whichever sentence is deleted, the start names it and its file once; a plain unit or a name may go without."""
    at_once = 25  # a check takes some milliseconds, and each line is of one sentence
    for start in range(0, len(SENTENCES), at_once):
        deleted = list(SENTENCES)[start : start + at_once]
        problems = _problems(_without(*deleted))
        needed = [
            key
            for key in deleted
            if not key.startswith(("lab.", "test.", "unit.", "agent.", "answer.", "criterion.", "brief."))
            or key in NEEDED_UNITS
        ]
        assert all(ENGLISH in problem or "kind_wording.toml, [en]" in problem for problem in problems)
        told = [[key for key in deleted if re.search(rf"(?<![\w.-]){re.escape(key)}(?![\w.-])", p)] for p in problems]
        assert sorted(key for keys in told for key in keys) == sorted(needed)
        assert len(problems) == len(needed)


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("reason_card.summary", "No reason for {procedur}", "has the place {procedur}; known are: {procedure}"),
        ("advice.co2", "Use {gas}.", "has the place {gas}; known are: none"),
        ("reason.older-than", "{days:>10}", "has the place {days}; known are: {days}"),
        ("reason.older-than", "{days!r}", "has the place {days}; known are: {days}"),
        ("reason.older-than", "{days.real}", "has the place {days.real}; known are: {days}"),
        ("reason.older-than", "{}", "has the place {}; known are: {days}"),
        ("reason.older-than", "older than {days", "has a brace too many or too few"),
        ("reason.older-than", " ", "is empty; write the sentence"),
        ("reason_card.sumary", "No reason", "is used by nothing"),
        ("means.pray", "pray", "is used by nothing"),
        ("means.consent", "{gas}", "has the place {gas}; known are: {limit}, {procedure}"),
        ("reason.struck-by-lightning", "struck", "is used by nothing"),
        ("advice.pray", "Pray.", "is used by nothing"),
        ("unit.furlong", "furlongs", "is used by nothing"),
    ],
)
def test_a_mistake_in_a_sentence_is_named(key: str, text: str, problem: str):
    """A wrong place, a brace too many, an empty sentence, or a key that nothing uses is named with its key."""
    problems = _problems({**SENTENCES, key: text})
    assert len(problems) == 1
    assert problems[0].startswith(f"{ENGLISH}: {key} {problem}")


def test_a_language_that_adds_a_sentence_is_named():
    """Another language holds no sentence that nothing says."""
    assert _problems(SENTENCES, de=SENTENCES) == []
    assert _problems(SENTENCES, de={**SENTENCES, "gap.odrer": "x"}) == [
        "wording.de.toml: gap.odrer is used by nothing; correct the key or remove the sentence"
    ]


@pytest.mark.parametrize("key", ["gap.other", "note.filter-and-bleeding", "means.consent"])
def test_a_language_without_a_sentence_is_not_offered(key: str):
    """Whichever sentence a language lacks, it is known which; a name of a lab or procedure may be left out."""
    german = "wording.de.toml"
    for lacking, missing in ((key, [key]), ("lab.inr", []), ("unit.1", [])):
        rows = replace(SHIPPED, wordings={ENGLISH: SENTENCES, german: _without(lacking)})
        assert missing_sentences(rows, german) == missing


def test_every_shipped_language_is_whole():
    """English, German and Spanish have every sentence."""
    assert {name: missing_sentences(SHIPPED, name) for name in SHIPPED.wordings} == {
        "wording.de.toml": [],
        "wording.en.toml": [],
        "wording.es.toml": [],
    }


def test_a_sentence_that_several_rows_name_is_one_problem():
    """A deleted sentence is told once, with a row that names it and how many more do."""
    (problem,) = _problems(_without("advice.haematology"))
    assert problem.startswith('contraindications.toml: "')
    assert " more, advice names " in problem


def test_a_draft_row_keeps_its_sentence():
    """A sentence that only a draft names is not unused: the row may be switched on by a site."""
    drafts = {key: {**row, "status": "draft"} for key, row in SHIPPED.thresholds.items()}
    assert _problems(SENTENCES, replace(SHIPPED, thresholds=drafts)) == []


def test_a_language_is_read_with_the_tables(tmp_path: Path):
    """A file for another language is checked at start; one that lacks a sentence can't be chosen."""
    copy = a_copy(tmp_path)
    english = (copy / "knowledge" / ENGLISH).read_text("utf-8")
    french = copy / "knowledge" / "wording.fr.toml"
    french.write_text(english.replace('limit-list = "Limit:"', 'limit-list = "Limite :"'), "utf-8")
    kinds = copy / "knowledge" / "kind_wording.toml"
    of_kinds = kinds.read_text("utf-8")
    kinds.write_text(of_kinds + of_kinds.replace("[en.", "[fr.").partition("[de.")[0], "utf-8")
    assert load_copy(copy).wordings["fr"]["block.limit-list"] == "Limite :"
    assert load_copy(copy).wording == shipped_knowledge().wording
    french.write_text(english.replace('limit-list = "Limit:"', ""), "utf-8")
    assert "fr" not in load_copy(copy).wordings


def test_english_must_be_there(tmp_path: Path):
    """Without the English file nothing starts."""
    copy = a_copy(tmp_path)
    (copy / "knowledge" / ENGLISH).unlink()
    with pytest.raises(TableError, match=r"^wording\.en\.toml: can't be opened"):
        load_copy(copy)
