"""Texts as words, the same for order texts and allergy texts.

A text becomes lower-case words without accents or punctuation, and British spellings become American ones,
so that `Embolisation, uterine artery` and `embolization uterine artery` are one. Characters that nobody sees (soft
hyphens, zero-width ones) are dropped, and letters that look alike in Unicode become one (NFKC).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

_NOT_WORD = re.compile(r"[^\w]+|_+")
_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_ACCENTS = re.compile(r"[\u0300-\u036f]")


def one_form(text: str) -> str:
    """The text in one form per character (Unicode NFKC), without the characters that nobody sees (category Cf)."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")


def plain(text: str) -> str:
    """The text in one form, in lower case and without accents; kana and Korean syllables stay whole."""
    if text.isascii():
        return text.lower()
    split = unicodedata.normalize("NFKD", one_form(text).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", split))


class Words:
    """Turns texts into words, and looks phrases of the tables up in them."""

    def __init__(self, spelling: Mapping[str, str]) -> None:
        """`spelling`: variant -> American, parts of words."""
        self._spelling = tuple(spelling.items())
        self._any_spelling = re.compile("|".join(map(re.escape, spelling)) or "(?!)")
        self._phrases: dict[tuple[str, ...], _Phrases] = {}

    def of(self, text: str) -> str:
        """The text as words with one blank around each; a phrase in blanks is found in it as whole words."""
        if text.isascii() and text.isalpha():
            spaced = f" {text.lower()} "  # one word of a table, as most are
        else:
            spaced = f" {_NOT_WORD.sub(' ', plain(text)).strip()} "
        if self._any_spelling.search(spaced):  # few texts hold one, and to look for each takes longer
            for variant, american in self._spelling:
                spaced = spaced.replace(variant, american)
        return spaced

    def hold_any(self, words: str, phrases: tuple[str, ...]) -> bool:
        """Whether any phrase of a table is in the words, as whole words; a trailing `*` matches a word's beginning.

        A phrase in Chinese or Japanese script is looked for anywhere: that script has no blanks.
        """
        prepared = self._phrases.get(phrases)
        if prepared is None:
            # Phrases come from the tables only, so what is remembered is bounded and holds nothing of a patient.
            prepared = self._phrases[phrases] = _Phrases(self._prepared(phrase) for phrase in phrases)
        return prepared.are_in(words)

    def _prepared(self, phrase: str) -> str:
        wanted = self.of(phrase.rstrip("*"))
        if _ASIAN.search(wanted):
            return wanted.strip()
        return wanted.rstrip() if phrase.endswith("*") else wanted


class _Phrases:
    """Phrases of a table by their first word, if that is a whole one: a text has few words, a table may have many."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._by_word: dict[str, list[str]] = {}
        self._others: list[str] = []
        for phrase in phrases:
            word, blank, _ = phrase[1:].partition(" ")
            if phrase.startswith(" ") and word and blank:
                self._by_word.setdefault(word, []).append(phrase)
            else:
                self._others.append(phrase)

    def are_in(self, words: str) -> bool:
        """Whether any of them is in the words."""
        if any([phrase in words for phrase in self._others]):  # noqa: C419 - a list is twice as fast here
            return True
        known = self._by_word
        return any(phrase in words for word in words.split(" ") if word in known for phrase in known[word])
