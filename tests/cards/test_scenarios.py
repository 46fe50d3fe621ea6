"""Patients and orders whose cards people read in two seconds: their headlines in every language stand in a list.

`scenarios.toml` holds each problem, each level and each kind of card; `headlines.csv` what is said, so that whoever
changes a sentence reads all of them again (`make golden` writes it).
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_service.cards.context import CardSettings
from cds_service.cards.headline import MOST_CHARACTERS
from cds_service.cases import Case, answer_case
from cds_service.knowledge.tables import Knowledge
from tests.support.responses import response_problems
from tests.support.shipped import shipped_knowledge

COLUMNS = ("scenario", "language", "level", "summary")
NOW = datetime(2026, 11, 24, 3, tzinfo=ZoneInfo("Asia/Shanghai"))
LANGUAGES = ("en", "de", "es")
_FOLDER = Path(__file__).parent
_ROWS = tomllib.loads((_FOLDER / "scenarios.toml").read_text("utf-8"))["case"]
SCENARIOS = {row["id"]: Case(row["id"], row) for row in _ROWS}
BLOCKS = {"en": ("Found", "Limit", "Do", "Looked at"), "de": ("Befund", "Grenze", "Tun", "Angesehen")}


def cards_of(case: Case, knowledge: Knowledge, language: str) -> list[dict[str, Any]]:
    """The cards of a scenario."""
    card_settings = CardSettings(language=language, options=True, public_url="https://cds.example.org")
    return answer_case(case, knowledge, NOW, card_settings).cards


def headline_lines(knowledge: Knowledge) -> Iterator[dict[str, str]]:
    """Every card of every scenario in every language: its level and headline; a dash for a scenario without one."""
    for name, case in SCENARIOS.items():
        for language in LANGUAGES:
            cards = cards_of(case, knowledge, language)
            shown = [(card["indicator"], card["summary"]) for card in cards] or [("-", "-")]
            yield from (dict(zip(COLUMNS, (name, language, *one), strict=True)) for one in shown)


@pytest.fixture(scope="module")
def said() -> list[dict[str, str]]:
    """What the tables say now."""
    return list(headline_lines(shipped_knowledge()))


def test_every_headline_is_the_one_of_the_list(said: list[dict[str, str]]):
    """What a reader saw and found right is what is said."""
    with (_FOLDER / "headlines.csv").open(newline="", encoding="utf-8") as file:
        assert said == list(csv.DictReader(file))


def test_the_scenarios_are_told_alike_in_every_language(said: list[dict[str, str]]):
    """The same cards, equally loud."""
    levels = {
        lang: [(line["scenario"], line["level"]) for line in said if line["language"] == lang] for lang in LANGUAGES
    }
    assert levels["de"] == levels["en"]
    assert levels["es"] == levels["en"]


def test_a_headline_is_short_and_whole(said: list[dict[str, str]]):
    """At most 100 characters, no full stop, no doubled word, none that is glued by a comma before its preposition."""
    for line in said:
        text = line["summary"]
        assert len(text) <= MOST_CHARACTERS, text
        assert not text.endswith("."), text
        assert not re.search(r"\b(\w{3,}) \1\b|, (für|for|para) |  | ,", text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_card_is_one_of_cds_hooks(language: str, knowledge: Knowledge):
    """Every card of every scenario fits CDS Hooks 2.0.1, with an absolute address of its source and unique ids."""
    for name, case in SCENARIOS.items():
        cards = cards_of(case, knowledge, language)
        assert response_problems({"cards": cards}) == [], name
        ids = [one["uuid"] for card in cards for one in (card, *card.get("suggestions", ()))]
        assert len(set(ids)) == len(ids), name
        for card in cards:
            assert card["source"].get("url", "https://").startswith("https://"), name
            assert bool(card.get("overrideReasons")) <= (card["indicator"] != "info"), name


@pytest.mark.parametrize("language", BLOCKS)
def test_the_blocks_of_a_card_have_their_order(language: str, knowledge: Knowledge):
    """Found, Limit, Do and Looked at, each once; a warning says what to do; no line of Found holds the others."""
    for name, case in SCENARIOS.items():
        for card in cards_of(case, knowledge, language):
            heads = [line.split(":")[0][2:] for line in card["detail"].splitlines() if line.startswith("- ")]
            kinds = [next((b for b in BLOCKS[language] if head.startswith(b)), BLOCKS[language][2]) for head in heads]
            assert kinds == sorted(set(kinds), key=BLOCKS[language].index), (name, card["detail"])
            if card["indicator"] != "info":
                assert BLOCKS[language][2] in kinds, name
