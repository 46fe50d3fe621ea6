"""Order names as hospitals write them: how many are understood, and that small differences of writing change nothing.

`order_catalogs.csv` holds names of published catalogs, one number a catalog; `messy_orders.csv` made-up names in three
languages with abbreviations, sides, guidance and slips; `everyday_orders.csv` ordinary orders of a department;
`other_orders.csv` orders that are no procedure of interventional radiology.
"""

from __future__ import annotations

import copy
import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.findings.recognition import common_parent
from cds_service.knowledge.order_language import OrderLanguage
from cds_service.knowledge.order_texts import OrderTexts
from cds_service.knowledge.tables import Knowledge
from tests.support.shipped import shipped_knowledge, shipped_rows

FOLDER = Path(__file__).parent
ROWS, KNOWLEDGE = shipped_rows(), shipped_knowledge()
SHORTEST_TYPED = 8
"""Letters of the shortest word in which these tests make a slip of the pen."""


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file beside this one."""
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tell(rate: str) -> None:
    """Print a rate; `pytest -s` shows it."""
    print(rate)  # noqa: T201 - a rate is worth more than passed or failed


CATALOGS = rows_of("order_catalogs.csv")
EVERYDAY = rows_of("everyday_orders.csv")
MESSY = rows_of("messy_orders.csv")
OTHERS = rows_of("other_orders.csv")


def verdict(row: Mapping[str, str], texts: OrderTexts) -> str:
    """`right`, `parent` (an acceptable one), `silent` or `wrong`."""
    named = texts.recognize([row["name"]]).procedures
    found = common_parent(named, KNOWLEDGE) if named else "none"
    if found in (row["expected"], *row["also_right"].split()):
        return "right"
    if found in row["acceptable_parent"].split():
        return "parent"
    return "silent" if found == "none" else "wrong"


def rates(rows: Iterable[Mapping[str, str]], texts: OrderTexts) -> tuple[float, float]:
    """Percent right or an acceptable parent, and percent wrong."""
    verdicts = Counter(verdict(row, texts) for row in rows)
    good = 100 * (verdicts["right"] + verdicts["parent"]) / verdicts.total()
    wrong = 100 * verdicts["wrong"] / verdicts.total()
    tell(f"{verdicts.total()} names: {good:.1f} % right or acceptable, {wrong:.1f} % wrong; {dict(verdicts)}")
    return good, wrong


def test_names_of_published_catalogs_are_understood() -> None:
    """At least 97 % of catalog names are the right procedure or an acceptable parent, at most 2 % another one."""
    good, wrong = rates(CATALOGS, KNOWLEDGE.order_texts)
    assert good >= 97
    assert wrong <= 2


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_messy_names_are_understood(language: str) -> None:
    """At least 97 % of names in a hurry are the right procedure or an acceptable parent, and none another one."""
    good, wrong = rates([row for row in MESSY if row["language"] == language], KNOWLEDGE.order_texts)
    assert good >= 97
    assert wrong == 0


GENERAL_BY_NAME = {
    "abdominal-abscess-drainage": "percutaneous-drainage",
    "generic-vascular-embolization": "generic-arterial-embolization",
    "intravascular-foreign-body-retrieval": "none",
    "leg-arterial-thrombolysis": "generic-catheter-thrombolysis",
    "splenic-artery-embolization": "generic-arterial-embolization",
}
"""Procedures of which the usual short name says less than the procedure: an abscess, a foreign body anywhere."""


@pytest.mark.parametrize("language", ["de", "es"])
def test_the_name_on_a_card_orders_the_procedure(language: str) -> None:
    """What a card in German or Spanish calls a procedure is understood as an order for it."""
    names = {
        key.removeprefix("procedure."): name
        for key, name in KNOWLEDGE.wordings[language].items()
        if key.startswith("procedure.")
    }
    found = {p: KNOWLEDGE.order_texts.recognize([name]).procedures for p, name in names.items()}
    taken_for = {p: common_parent(named, KNOWLEDGE) if named else "none" for p, named in found.items()}
    wrong = {p: (names[p], other) for p, other in taken_for.items() if other not in (p, GENERAL_BY_NAME.get(p))}
    assert len(names) > 150
    assert wrong == {}


def without_own_abbreviations(catalog: str) -> OrderTexts:
    """How the names of one catalog would be read, had its own abbreviations never been seen.

    What no other catalog writes is taken out of the table. Synonyms and the words of medicine stay.
    """
    reader = OrderLanguage(ROWS.order_words, KNOWLEDGE.words)
    own = " | ".join(reader.plain_words(row["name"]) for row in CATALOGS if row["catalog"] == catalog)
    others = " | ".join(reader.plain_words(row["name"]) for row in CATALOGS if row["catalog"] != catalog)
    table = copy.deepcopy(dict(ROWS.order_words))
    for block in table["spelling"]:
        for meaning, forms in block.get("words", {}).items():
            block["words"][meaning] = [f for f in forms if not _is_only_in(reader.plain_words(f), own, others)]
        for form in [f for f in block.get("in_context", {}) if _is_only_in(reader.plain_words(f), own, others)]:
            del block["in_context"][form]
    return OrderTexts({}, {}, {}, OrderLanguage(table, KNOWLEDGE.words), ROWS.order_patterns)


def _is_only_in(words: str, own: str, others: str) -> bool:
    return words in own and words not in others


@pytest.mark.slow
def test_names_of_a_hospital_that_was_never_seen() -> None:
    """Without the abbreviations that only its catalog has, 9 in 10 names of a hospital are still understood."""
    sizes = Counter(row["catalog"] for row in CATALOGS)
    left_out = [catalog for catalog, size in sizes.items() if size >= 12]
    rows = [(row, catalog) for catalog in left_out for row in CATALOGS if row["catalog"] == catalog]
    readers = {catalog: without_own_abbreviations(catalog) for catalog in left_out}
    verdicts = Counter(verdict(row, readers[catalog]) for row, catalog in rows)
    tell(f"{verdicts.total()} names of {len(left_out)} catalogs, each as if never seen: {dict(verdicts)}")
    assert verdicts["right"] + verdicts["parent"] >= 0.9 * verdicts.total()


def test_everyday_orders() -> None:
    """Each ordinary order of a department is recognized as what it is."""
    found = [(row, KNOWLEDGE.order_texts.recognize([row["name"]]).procedures) for row in EVERYDAY]
    assert [(row, named) for row, named in found if named != (row["procedure"],)] == []


def test_other_orders_are_left_alone() -> None:
    """Of orders that are no interventional radiology at most 1 % is taken for one or looks like one."""
    found = [KNOWLEDGE.order_texts.recognize([row["name"]]) for row in OTHERS]
    taken = [row["name"] for row, match in zip(OTHERS, found, strict=True) if match.looks_interventional]
    tell(f"{len(OTHERS)} other orders: {len(taken)} taken for interventional radiology {taken}")
    assert len(taken) <= len(OTHERS) / 100


def abbreviations() -> dict[str, list[str]]:
    """English word -> its abbreviations that need no context."""
    found: dict[str, list[str]] = {}
    for block in ROWS.order_words["spelling"]:
        if block["language"] == "en":
            for meaning, forms in block.get("words", {}).items():
                if " " not in meaning:
                    found.setdefault(meaning, []).extend(form for form in forms if " " not in form)
    return found


SHORTENED = abbreviations()
PREFIXES = ["", "IR ", "HC ", "HC IR ", "*SP ", "SP-", "XA ", "VIR ", "IR-", "XR-SP-", "HB ", "RAD "]
SUFFIXES = ["", " LEFT", " RT", " BIL", " W IMAGING", " W/ IMAGE GUIDANCE", " W CONTRAST", " W/O CONTRAST", " S&I"]
SUFFIXES += [" INITIAL", " EA ADDL", " (1ST)", " > 5 YRS", " STAT", ".", " *", " SISC"]
SEPARATORS = [" ", "-", "/", "_", "  ", ", "]


def test_an_abbreviation_in_an_everyday_order_changes_nothing() -> None:
    """Every abbreviation of every word of every everyday order, alone, with a prefix and with a suffix."""
    read = KNOWLEDGE.order_texts.recognize
    for row in EVERYDAY:
        words = row["name"].removeprefix("IR ").split()
        shorter = [
            " ".join([*words[:place], form.upper(), *words[place + 1 :]])
            for place, word in enumerate(words)
            for form in SHORTENED.get(word.lower(), ())
        ]
        named = read([row["name"]]).procedures
        for text in shorter:
            otherwise = (text, f"HC IR {text}", f"{text} W CONTRAST")
            assert {other: read([other]).procedures for other in otherwise} == dict.fromkeys(otherwise, named)


@st.composite
def written_otherwise(draw: st.DrawFn) -> tuple[str, str]:
    """An everyday order, and the same order as another hospital might write it."""
    name = draw(st.sampled_from(EVERYDAY))["name"]
    words = name.removeprefix("IR ").split()
    place = draw(st.integers(0, len(words) - 1))
    forms = SHORTENED.get(words[place].lower(), [])
    if forms and draw(st.booleans()):
        words[place] = draw(st.sampled_from(forms)).upper()
    text = draw(st.sampled_from(SEPARATORS)).join(words)
    text = draw(st.sampled_from(PREFIXES)) + text + draw(st.sampled_from(SUFFIXES))
    return name, draw(st.sampled_from([text, text.lower(), text.title()]))


@settings(max_examples=600)
@given(written_otherwise())
def test_writing_an_order_otherwise_changes_nothing(names: tuple[str, str]) -> None:
    """Prefix, side, guidance, billing words, punctuation, case and abbreviations do not change what an order is."""
    name, otherwise = names
    found = KNOWLEDGE.order_texts.recognize([otherwise])
    assert found.procedures == KNOWLEDGE.order_texts.recognize([name]).procedures


def slips() -> Iterator[tuple[str, str]]:
    """Everyday orders with one letter left out, doubled, or changed with its neighbor, in the middle of a long word."""
    for row in EVERYDAY:
        for word in row["name"].split():
            if len(word) >= SHORTEST_TYPED and word.isalpha():
                at = len(word) // 2
                for slip in (
                    word[:at] + word[at + 1 :],
                    word[:at] + word[at] + word[at:],
                    word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                ):
                    yield row["name"], row["name"].replace(word, slip)


def test_a_slip_of_the_pen_in_a_long_word_is_forgiven() -> None:
    """Of orders with one letter wrong in a long word, 93 % are read as meant and 2 % at most as something else."""
    verdicts: Counter[str] = Counter()
    for name, slipped in slips():
        meant = KNOWLEDGE.order_texts.recognize([name]).procedures
        found = KNOWLEDGE.order_texts.recognize([slipped]).procedures
        verdicts["same" if found == meant else "silent" if not found else "other"] += 1
    tell(f"slips of the pen: {dict(verdicts)}")
    assert verdicts["same"] >= 0.93 * verdicts.total()
    assert verdicts["other"] <= 0.02 * verdicts.total()


def names_of_tables() -> Iterator[tuple[str, str]]:
    """(procedure id, name) of every synonym and every name in another language."""
    yield from ((p.id, name) for p in KNOWLEDGE.procedures.values() for name in p.synonyms)
    for block in ROWS.order_words["terms"]:
        yield from ((key, name) for key, names in block["words"].items() for name in names)


NAMES_THAT_ARE_A_SUPPLY = {"catheter drainage"}
"""In a catalog this is the catheter: a name that begins with "catheter" needs a word that says what is done."""


def test_every_name_in_the_tables_names_its_procedure() -> None:
    """A synonym, or a name in another language, alone is recognized as its own procedure, perhaps among others."""
    named = {(key, name): KNOWLEDGE.order_texts.recognize([name]).procedures for key, name in names_of_tables()}
    lost = {name: found for (key, name), found in named.items() if key not in found}
    assert lost.keys() == NAMES_THAT_ARE_A_SUPPLY


def test_codes_and_their_names_agree() -> None:
    """No display of a code that names a procedure by itself names a procedure apart from it.

    Titles of ICD-10-PCS are left out: their words are those of its tables, not of orders ("Drainage" is a biopsy, too).
    """
    apart = [
        (procedure, display, found)
        for procedure, display in _named_by_codes(KNOWLEDGE)
        for found in [KNOWLEDGE.order_texts.recognize([display]).procedures]
        if found and not any(_are_related(procedure, key) for key in found)
    ]
    assert apart == []


def _named_by_codes(knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    for value_set in ROWS.value_sets.values():
        procedure = value_set["id"].removeprefix("procedure-")
        if procedure in knowledge.procedures and value_set["id"] != procedure:
            for include in value_set["compose"]["include"]:
                if _relation(include) in ("exact", "narrower") and not include["system"].endswith("/ICD10"):
                    yield from ((procedure, c["display"]) for c in include.get("concept", ()) if "display" in c)


def _relation(include: Mapping[str, Any]) -> str:
    extensions = include.get("extension", ())
    return next((str(e["valueCode"]) for e in extensions if e["url"].endswith("code-relation")), "exact")


def _are_related(one: str, other: str) -> bool:
    return one in _line(other) or other in _line(one)


def _line(procedure: str) -> list[str]:
    line, parent = [procedure], KNOWLEDGE.procedures[procedure].parent
    while parent is not None:
        line.append(parent)
        parent = KNOWLEDGE.procedures[parent].parent
    return line
