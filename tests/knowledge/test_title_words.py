"""Words of titles of other diagnoses: they make a text readable, and hide nothing that is asked for."""

from __future__ import annotations

import csv
import tomllib
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from cds_service.knowledge.diagnosis_types import DiagnosisReading
from cds_service.knowledge.load import TABLES
from cds_service.knowledge.title_words import TITLE, TitleWords, title_words
from tests.support.samples import sample
from tests.support.shipped import shipped_knowledge
from tools.title_words import Title, asked_for, is_asked, titles_of_releases, translated

KNOWLEDGE = shipped_knowledge()
ASKED = asked_for(KNOWLEDGE)
WORDS = tomllib.loads((TABLES / "title_words.toml").read_text("utf-8"))
EXTERNAL_CAUSES = ("V", "W", "X", "Y")
BROADER = {"R06.0", "O16", "O26.5", "I80.8"}
"""Codes of ICD-10 (WHO) that hold something asked for among others; their titles in other languages name the others."""


@cache
def read(text: str) -> DiagnosisReading:
    """What the shipped tables make of a text."""
    return KNOWLEDGE.diagnosis_texts.read(text)


@cache
def titles() -> dict[str, set[str]]:
    """Every title of the releases that are there -> the value sets of its code."""
    found: dict[str, set[str]] = defaultdict(set)
    for title in titles_of_releases():
        if title.code not in BROADER and not title.code.startswith(EXTERNAL_CAUSES):
            found[title.text] |= sets_of(title)
    return found


def sets_of(title: Title) -> set[str]:
    """The value sets of a code that a question about conditions asks for."""
    hits = KNOWLEDGE.codes.lookup(title.system, title.code)
    return {hit.value_set for hit in hits} & ASKED if is_asked(title, KNOWLEDGE, ASKED) else set()


def named(reading: DiagnosisReading) -> set[str]:
    """The value sets that a text may name."""
    return {hit.value_set for mention in reading.mentions for hit in mention.hits}


@pytest.mark.slow
def test_no_title_or_inclusion_term_that_is_asked_for_reads_as_nothing() -> None:
    """Each of the thousands of names that releases give what is asked for names it, or counts as not read.

    But for those that only say that a pregnancy is over: they answer a question, and none is open without them.
    """
    asked = {text: sets for text, sets in titles().items() if sets - {"condition-pregnancy-ended"}}
    found = [text for text, sets in asked.items() if sets & named(read(text))]
    assert len(asked) > 7_000
    assert len(found) > len(asked) / 2
    assert [text for text in asked.keys() - set(found) if read(text).known] == []


@pytest.mark.slow
@pytest.mark.sampled
def test_names_of_other_diagnoses_are_read() -> None:
    """Of every fortieth title or inclusion term that no question asks for more than a third is read."""
    others = sample([text for text, sets in titles().items() if not sets], 40)
    assert sum(read(text).known for text in others) > len(others) / 3


@pytest.mark.slow
def test_no_word_of_the_file_is_in_a_title_that_is_asked_for() -> None:
    """No word and no pair that counts is in a title or an inclusion term of what is asked for."""
    texts = KNOWLEDGE.diagnosis_texts
    counting = title_words(WORDS, texts.asked_terms())
    asked = [words for text, sets in titles().items() if sets for words in texts.words_in(text)]
    assert [word for words in asked for word in words if word in counting] == []
    assert [two for words in asked for two in pairwise(words) if _is_pair(counting, *two)] == []


def test_words_of_an_added_name_no_longer_count() -> None:
    """What a row or a hospital names makes no text readable by its words, without the file being written again."""
    table = {"heads": "scurvy", "words": "scorbutic", "everyday": "sailors", "pairs": "gum: rot swelling"}
    assert all(word in title_words(table) for word in ("scurvy", "scorbutic", "sailors"))
    counting = title_words(table, ["sailors scurvy", "scorbutic gum rot"])
    assert not any(word in counting for word in ("scurvy", "scorbutic", "sailors"))
    assert (counting.kind_of("rot", "gum", ""), counting.kind_of("swelling", "gum", "")) == (None, TITLE)


def _is_pair(words: TitleWords, first: str, second: str) -> bool:
    return first not in words and second not in words and words.kind_of(second, first, "") is not None


def problem_lists() -> list[dict[str, str]]:
    """Entries of problem lists in three languages: text, and the value sets that it names; `-` where it isn't read."""
    with (Path(__file__).parent / "diagnoses" / "problem_lists.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_problem_lists_are_read(language: str) -> None:
    """Nearly all usual entries of problem lists are read, and each names what is asked for."""
    rows = [row for row in problem_lists() if row["language"] == language]
    assert len(rows) > 550
    assert [row["text"] for row in rows if (row["names"] != "-") != read(row["text"]).known] == []
    read_rows = [row for row in rows if row["names"] != "-"]
    assert [row["text"] for row in read_rows if not set(row["names"].split()) <= named(read(row["text"]))] == []
    assert sum(row["names"] != "-" for row in rows) > 0.95 * len(rows)


@pytest.mark.parametrize("text", ["CHF cholera", "tuberculous cirrhosis", "PE cholera"])
def test_a_word_of_another_title_beside_what_is_asked_for_leaves_it_open(text: str) -> None:
    """Such a word may make it something narrower, which another question asks for."""
    reading = read(text)
    assert reading.mentions
    assert not any(mention.sure for mention in reading.mentions)
    assert not reading.known


@pytest.mark.parametrize(
    ("text", "known"), [("Cholera", True), ("cholera of unknown origin", True), ("acute", False), ("home", False)]
)
def test_a_head_says_something_by_itself(text: str, known: bool) -> None:
    """A word that is a title makes a text one that says something; one that is only in titles does not."""
    assert read(text).known is known


DESCRIBED = """
water on the lungs | HTN, water on the lungs | knee pain, water on the lungs | hearing voices
sees things that are not there | talks to people not there | bad kidneys | kidneys shut down | brain bleed
coil in brain | tear in aorta | bulge in belly artery | weak heart | heart pump failure | plastic valve
sleeps sitting up | short of breath when flat | yellow skin | fluid in belly | swollen belly with fluid
infected blood | bug in bloodstream | no immune system | marrow failure | free bleeder | late period
throat swelling after dye | hives from dye | broken hip last week | convulsions | fell on head
Wasser in der Lunge | Wasser im Bauch | hört Stimmen | Luftnot im Liegen | Riss in der Hauptschlagader
Aussackung im Kopf | Blut gespuckt | gelbe Haut | keine Abwehr | Regel überfällig | Sturz auf Kopf | Leber hin
Herz pumpt nur 20 % | agua en los pulmones | líquido en el abdomen | oye voces | ve cosas | corazón débil
duerme sentado | rotura de aorta | riñones parados | convulsiones | golpe en la cabeza
ojos amarillos y orina oscura
"""


@pytest.mark.parametrize("text", [text.strip() for line in DESCRIBED.strip().splitlines() for text in line.split("|")])
def test_what_people_describe_in_everyday_words_is_left_open(text: str) -> None:
    """Words that titles have, too, do not make readable what describes something that may be asked for."""
    reading = read(text)
    assert named(reading) or not reading.known


def test_a_pair_counts_in_its_order() -> None:
    """`blood loss` is known where the table has it so; `loss blood` is not."""
    words = TitleWords(words=["cholera"], pairs=["blood loss"])
    assert words.kind_of("loss", "blood", "")
    assert words.kind_of("blood", "", "loss")
    assert not words.kind_of("loss", "", "blood")
    assert "cholera" in words


def test_the_german_article_is_no_stent() -> None:
    """`des` in small letters is an article; `DES` is a stent, and `des` in a text that has no capitals."""
    assert not named(read("Fraktur des Femurs"))
    assert "criterion-coronary-stent" in named(read("CAD with DES"))
    assert "criterion-coronary-stent" in named(read("cad with des"))


def test_translations_are_read_from_a_file(tmp_path: Path) -> None:
    """A file of translations gives codes and titles; a missing one gives none."""
    entry = 'msgctxt "model:x,name:A001"\nmsgid "Cholera"\nmsgstr ""\n"Cholera durch "\n"Vibrio"\n'
    (tmp_path / "de.po").write_text(entry, "utf-8")
    assert [(one.code, one.text) for one in translated(tmp_path / "de.po")] == [("A00.1", "Cholera durch Vibrio")]
    assert list(translated(tmp_path / "es.po")) == []
