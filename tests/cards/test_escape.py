"""Text of a record on a card: what can't come alive, and what still reads well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.cards.escape import MOST_CHARACTERS, harmless, sentence_case, shorten
from tests.cards.builders import live_markdown

LIVE = [
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "<https://evil.example>",
    "**bold** __bold__ *i* _i_ ~~gone~~",
    "`code`",
    "# heading",
    "1. first",
    "---",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "> quote",
]
MARKUP = [
    *LIVE,
    "[click](javascript:alert(1))",
    "https://evil.example",
    "www.evil.example",
    "//evil.example",
    "evil.example/x",
    "- item",
    "&lt;b&gt;",
    "\\*",
    "line\r\nline\u2028line",
]
FRAGMENTS = [*"<>&`*_[]!#|~\\(){}.-+=:/ \n\t1a", "http", "www.", "://", "<b>", "&#60;", "\u202e", "\u200b", "é"]


@pytest.mark.parametrize("text", MARKUP)
@pytest.mark.parametrize("frame", ["{}", "- {}", "- “{}”, 2026-11-20", "{} and {}"])
def test_markup_in_a_record_stays_text(text: str, frame: str):
    """Whatever is typed into a record is shown as text and never as a link, an image, emphasis or HTML."""
    assert live_markdown(frame.replace("{}", harmless(text))) == []


@pytest.mark.parametrize("text", LIVE)
def test_the_renderer_of_these_tests_is_awake(text: str):
    """The same texts, put into a card as they are, would come alive: the tests here can fail."""
    assert live_markdown(text) != []


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join) | st.text(max_size=300))
def test_no_text_comes_alive(text: str):
    """The same holds for every text that anyone could think of."""
    shown = harmless(text)
    assert len(shown) <= MOST_CHARACTERS
    assert not set(shown) & set("<>&`*[]#|~\\@\n\r\t\u202e\u200b")
    assert "://" not in shown
    assert "www." not in shown.lower()
    assert "//" not in shown
    assert ".example" not in shown
    assert live_markdown(f"{shown}\n\n- {shown} and {shown}\n- “{shown}”") == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Iohexol 300 mg/mL (oral)", "Iohexol 300 mg/mL (oral)"),
        ("snake_case_code", "snake_case_code"),
        ("  many \n\n  spaces\t", "many spaces"),
        ("Na < 120", "Na ‹ 120"),
        ("D&C", "D＆C"),
        ("造影剂过敏", "造影剂过敏"),
        ("Ä̈ é ñ", "Ä̈ é ñ"),
        ("right\u202eleft\u2066!\u2069", "rightleft!"),
        ("null\x00byte", "null byte"),
        ("half \ud800 surrogate", "half surrogate"),
        ("\u200b\ufeff", ""),
        ("2026-11-20", "2026-11-20"),
        ("3.5", "3.5"),
    ],
)
def test_ordinary_text_still_reads_well(text: str, shown: str):
    """Names, dates and other scripts stay as they are; what is replaced is replaced by what looks alike."""
    assert harmless(text) == shown


def test_long_text_is_cut_at_a_word():
    """A text that is too long ends at a word, with an ellipsis, and is never longer than allowed."""
    assert shorten("Transjugular intrahepatic portosystemic shunt", 30) == "Transjugular intrahepatic…"
    assert len(harmless("x" * 500)) == MOST_CHARACTERS


@pytest.mark.parametrize(
    ("text", "shown"),
    [("eGFR low", "eGFR low"), ("a procedure was declined", "A procedure was declined"), ("INR high", "INR high")],
)
def test_a_label_begins_a_line_with_a_capital(text: str, shown: str):
    """A label starts with a capital, unless its first word is written its own way."""
    assert sentence_case(text) == shown
