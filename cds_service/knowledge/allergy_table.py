"""Rows of `allergies.toml` and `allergy_words/` -> the allergy groups and the reader of texts; and what must agree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from cds_service.knowledge.allergy_texts import SIGNS, WEIGHTS, AllergyTexts, Combination
from cds_service.knowledge.allergy_types import AllergyGroup, AllergyTable
from cds_service.knowledge.lexicon import Lexicon
from cds_service.knowledge.phrases import Phrases, unglued
from cds_service.knowledge.table_rows import Row, TableRows
from cds_service.knowledge.words import Words

AllergyTerms = Sequence[tuple[Row, Sequence[str]]]
FOLDER = "allergy_words"


def allergy_table(table: Row, words: Collection[Row]) -> AllergyTable:
    """The groups, the weights of reactions and the languages of the words.

    Args:
        table: the whole of `allergies.toml`.
        words: every block of `allergy_words/`.
    """
    named: dict[str, list[str]] = {}
    for block in words:
        named.setdefault(block["mean"], []).extend(block["words"])
    return AllergyTable(
        groups=tuple(
            AllergyGroup(r["id"], r["value_set"], r.get("role"), frozenset(r.get("covered_by", ())))
            for r in table["group"]
        ),
        reactions={weight: table["reaction"][weight]["value_set"] for weight in WEIGHTS},
        languages=tuple(dict.fromkeys(block["language"] for block in words if block["language"] != "any")),
        words={group["id"]: tuple(named.get(group["id"], ())) for group in table["group"]},
    )


def allergy_terms(blocks: Iterable[Row], words: Words) -> AllergyTerms:
    """The blocks of `allergy_words/`, each with its words as the lexicon has them."""
    plain: dict[str, str] = {}
    return [(block, _terms(block, words, plain)) for block in blocks]


def allergy_texts(table: Row, terms: AllergyTerms, words: Words) -> AllergyTexts:
    """The reader of texts that the blocks of words make."""
    reading = table["reading"]
    meanings = {term: block["mean"] for block, own in terms for term in own}
    endings = [words.of(ending).strip() for ending in reading["compound_endings"]]
    return AllergyTexts(
        Lexicon(meanings, endings),
        Phrases(reading["abbreviations"], reading["with_full_stop"]),
        words,
        groups=_in_words(table),
        combinations=[
            Combination(frozenset(c["words"]), c["means"], c.get("adjacent", False)) for c in table["combination"]
        ],
        class_group=reading["class_group"],
    )


def _in_words(table: Row) -> set[str]:
    """Ids of the groups that words may name; the others are statements of codes."""
    return {group["id"] for group in table["group"] if group.get("role", "look-alike") == "look-alike"}


def check_allergies(rows: TableRows, terms: AllergyTerms) -> Iterator[str]:
    """Every disagreement between the allergy tables, one line each; `terms` are those of all their words."""
    table, file = rows.allergies, "allergies.toml"
    groups = {group["id"] for group in table["group"]}
    weights = [{"id": weight, **row} for weight, row in table["reaction"].items()]
    for row in [*table["group"], *weights]:
        if row["value_set"] not in rows.value_sets:
            yield f'{file}: "{row["id"]}", value_set names "{row["value_set"]}", {_NO_VALUE_SET}'
    named = [(row["id"], "covered_by", name) for row in table["group"] for name in row.get("covered_by", ())]
    for row, field, name in [*named, ("reading", "class_group", table["reading"]["class_group"])]:
        if name not in groups:
            yield f'{file}: "{row}", {field} names "{name}", which is no allergy group; correct it or add it'
    meanings = _in_words(table) | set(SIGNS)
    for name in (name for c in table["combination"] for name in (*c["words"], c["means"])):
        if name not in meanings:
            yield f'{file}: combination names "{name}", {_NO_MEANING}'
    yield from _check_words(terms, meanings)


def _check_words(terms: AllergyTerms, meanings: set[str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for block, own in terms:
        file = f"{FOLDER}/{block['file']}"
        if block["mean"] not in meanings:
            yield f'{file}: mean names "{block["mean"]}", {_NO_MEANING}'
            continue
        for term in own:
            other = seen.setdefault(term, block["mean"])
            if other != block["mean"]:
                yield f'{file}: "{term}" means {block["mean"]} here and {other} elsewhere; leave one'


def _terms(block: Row, words: Words, plain: dict[str, str]) -> list[str]:
    """`plain` remembers what single words become: most are in many phrases."""
    found = []
    for phrase in block["words"]:
        pieces = [plain.get(piece) or plain.setdefault(piece, _piece(piece, words)) for piece in phrase.split()]
        found.append(" ".join(filter(None, pieces)))
    return [term for term in found if term]


def _piece(piece: str, words: Words) -> str:
    """A word of the tables as the lexicon has it: plain, its stars kept, glued digits split off."""
    inner = " ".join(words.of(unglued(piece.strip("*"))).split())
    return f"{'*' * piece.startswith('*')}{inner}{'*' * piece.endswith('*')}" if inner else ""


_NO_VALUE_SET = "which is no ValueSet; correct it or add it"
_NO_MEANING = "which is neither an allergy group nor a meaning; correct it, see docs/allergy-language.md"
