"""`diagnosis_words.toml`, `plain_words.toml` and the displays of the value sets -> the reader of diagnoses in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from cds_service.knowledge.diagnosis_texts import CLASSES, DiagnosisTexts, Named, Noise, words_of
from cds_service.knowledge.phrases import Phrases, unglued
from cds_service.knowledge.table_rows import Row, TableRows
from cds_service.knowledge.title_words import title_words
from cds_service.knowledge.value_sets import CodeIndex, Hit
from cds_service.knowledge.whole_titles import whole_titles
from cds_service.knowledge.words import Words

LANGUAGES = ("en", "de", "es", "fr")
"""Languages of `diagnosis_words.toml`, as fields of its rows."""
_LISTS = ("", "_titles", "_de", "_es")
"""Endings of the lists of a class in `plain_words.toml`."""
_OF_TITLES = ("plain_titles", "neutral_titles")
_ICD, _ICD_OF_WHO = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"


class DiagnosisTerms(msgspec.Struct, frozen=True):
    """The rows of `diagnosis_words.toml`, each with its phrases and their terms; and the words left out of these."""

    noise: Noise
    rows: Sequence[tuple[Row, Sequence[tuple[str, str]]]]


def diagnosis_terms(files: TableRows, words: Words) -> DiagnosisTerms:
    """The terms of the tables, made once for the check and for the reader."""
    noise = _noise(files.plain_words, words)
    rows = files.diagnosis_words["diagnosis"]
    return DiagnosisTerms(
        noise, [(row, [(phrase, _term(phrase, noise, words)) for phrase in phrases_of(row)]) for row in rows]
    )


def diagnosis_texts(
    table: Row,
    plain_words: Row,
    titles: Row,
    prepared: DiagnosisTerms,
    codes: CodeIndex,
    conditions: Collection[str],
    allergies: Collection[str],
    words: Words,
) -> DiagnosisTexts:
    """The reader.

    Args:
        table: `diagnosis_words.toml`, checked.
        plain_words: `plain_words.toml`, checked.
        titles: `title_words.toml`, checked.
        prepared: their terms.
        codes: what a code means.
        conditions: value sets that a question about conditions asks for.
        allergies: those of allergies that a problem list may hold as well; their displays are substances.
        words: how texts become words.
    """
    noise, asked = prepared.noise, frozenset((*conditions, *allergies))
    diagnoses: dict[str, Named] = {}
    terms = {term: kind for kind, phrase in _plain_phrases(table, plain_words) if (term := _term(phrase, noise, words))}
    for number, (row, own) in enumerate(prepared.rows):
        named = diagnoses[f"row {number}"] = Named(_hits(row, codes, asked), row.get("lasts", False))
        for _, term in own:
            terms[term] = f"row {number}"
            if named.hits and len(apart := term.split()) == 2:
                terms.setdefault(" ".join(reversed(apart)), f"row {number}")
    scattered = {
        " ".join(words_of(phrase, words)): f"row {number}"
        for number, (row, _) in enumerate(prepared.rows)
        for phrase in row.get("apart", ())
    }
    for display, hits in codes.displays(conditions):
        term = _term(display, noise, words)
        if term:
            diagnoses[f"display {display}"] = _joined(diagnoses.get(terms.get(term, "")), hits)
            terms[term] = f"display {display}"
    phrases = Phrases(table["abbreviations"], table["reading"]["with_full_stop"], table["reading"]["articles"])

    def of_code(code: str) -> tuple[Hit, ...]:
        sets = {hit.value_set for system in (_ICD, _ICD_OF_WHO) for hit in codes.lookup(system, code)}
        return tuple(Hit(value_set, "broader") for value_set in sorted(sets & asked))

    whole = whole_titles()

    def of_title(title: Sequence[str]) -> tuple[Hit, ...] | None:
        return _common(asked, [codes.lookup(*code) for code in whole.codes_of(title) if codes.reads(*code)])

    asked_terms = [term for term, key in terms.items() if key in diagnoses and diagnoses[key].hits]
    known_titles = title_words(titles, (*asked_terms, *scattered))
    rare = frozenset(
        _term(word, noise, words) for listed in _OF_TITLES for word in plain_words["words"][listed].split()
    )
    return DiagnosisTexts(terms, diagnoses, scattered, noise, phrases, words, known_titles, rare, of_code, of_title)


def phrases_of(row: Row) -> list[str]:
    """The words of a diagnosis in every language."""
    return [phrase for language in LANGUAGES for phrase in row.get(language, ())]


def check_diagnosis_words(terms: DiagnosisTerms) -> Iterator[str]:
    """Every term that two rows claim, one line each."""
    seen: dict[str, int] = {}
    for number, (_, own) in enumerate(terms.rows):
        for phrase, term in own:
            if not term:
                yield f'diagnosis_words.toml: "{phrase}" holds only words that change nothing; leave it out'
            if seen.setdefault(term, number) != number:
                yield f'diagnosis_words.toml: "{phrase}" is in two rows; leave it in one'


def _noise(plain_words: Row, words: Words) -> Noise:
    listed = (plain_words[field] for field in ("noise", "sides", "sided"))
    return Noise(*(frozenset(word for text in texts.split() for word in words_of(text, words)) for texts in listed))


def _plain_phrases(table: Row, plain: Row) -> Iterator[tuple[str, str]]:
    """(class, term) of everything that names no diagnosis."""
    for kind in CLASSES:
        for listed in (kind + ending for ending in _LISTS):
            yield from ((kind, word) for word in plain["words"].get(listed, "").split())
            yield from ((kind, phrase) for phrase in plain["phrases"].get(listed, ()))
        yield from ((kind, phrase) for phrase in _split(table["statements"], kind))


def _split(statements: Mapping[str, str], kind: str) -> list[str]:
    return [phrase for phrase in statements.get(kind, "").replace("\n", " ").split("|") if phrase.strip()]


def _hits(row: Row, codes: CodeIndex, asked: frozenset[str]) -> tuple[Hit, ...]:
    possible = {hit.value_set: Hit(hit.value_set, "broader") for hit in _found(row.get("may_be", ()), codes)}
    certain = {hit.value_set: hit for hit in _found(row.get("codes", ()), codes)}
    return tuple(hit for hit in (possible | certain).values() if hit.value_set in asked)


def _common(asked: frozenset[str], of_codes: Sequence[Sequence[Hit]]) -> tuple[Hit, ...] | None:
    """What several codes of one title mean: surely only what each of them surely means; None without a code."""
    if not of_codes:
        return None
    hits = {hit.value_set: hit for found in of_codes for hit in found if hit.value_set in asked}
    sure = frozenset.intersection(*(frozenset(h.value_set for h in found if h.sufficient) for found in of_codes))
    return tuple(hit if name in sure else Hit(name, "broader") for name, hit in sorted(hits.items()))


def _joined(named: Named | None, hits: tuple[Hit, ...]) -> Named:
    """A name with what it means as a display, too; what is said of it already stays as it is."""
    known = named or Named(())
    said = {hit.value_set for hit in known.hits}
    return Named((*known.hits, *(hit for hit in hits if hit.value_set not in said)), known.lasts)


def _found(tokens: Iterable[str], codes: CodeIndex) -> Iterator[Hit]:
    for token in tokens:
        system, _, code = token.rpartition("|")
        yield from codes.lookup(system or _ICD, code)


def _term(phrase: str, noise: Noise, words: Words) -> str:
    """A term as the reader meets it: plain words in the singular, digits split off, without the words of `noise`."""
    return " ".join(noise.drop(words_of(unglued(phrase), words)))
