"""Terms of the tables and what they mean -> the longest one at each place of a text.

A term is one word or several. `*` before or after a word stands for further letters, so that one stem covers
inflected and compound words. A word in a script that joins or inflects its words (Chinese, Japanese, Korean, Cyrillic)
is found inside longer ones, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec

_JOINED = re.compile(r"[\u0400-\u04ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_END = 2  # stems are indexed by as many letters; a shorter stem would not be found
_MOST_LETTERS = 1_000  # of a term
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class Span(msgspec.Struct, frozen=True):
    """A stretch of a text and what it means; None: no term is known for it."""

    meaning: str | None
    words: str


class _Part(msgspec.Struct, frozen=True, gc=False):
    """One word of a term: its letters, and whether more may come before or after them."""

    letters: str
    before: bool
    after: bool

    def fits(self, word: str) -> bool:
        if self.before and self.after:
            return self.letters in word
        if self.before:
            return word.endswith(self.letters)
        return word.startswith(self.letters) if self.after else word == self.letters


class _Term(msgspec.Struct, frozen=True, gc=False):
    meaning: str
    parts: tuple[_Part, ...]
    weight: int
    """More words win, then more letters, then a whole word over a stem."""


class Lexicon:
    """All terms, prepared once. What it remembers comes from the tables, never from a patient."""

    def __init__(self, terms: Mapping[str, str], compound_endings: Iterable[str] = ()) -> None:
        """Prepare.

        Args:
            terms: term, already plain (lower case, no accents, one blank between words) -> meaning.
            compound_endings: endings that are words of their own (`...allergie`), plain.
        """
        self._endings = tuple(sorted(compound_endings, key=len, reverse=True))
        parts: dict[str, _Part] = {}
        self._by_first: dict[_Part, tuple[_Term, ...]] = {}
        for phrase, meaning in terms.items():
            term = _term(meaning, phrase, parts)
            self._by_first[term.parts[0]] = (*self._by_first.get(term.parts[0], ()), term)
        self._exact = {
            first.letters: terms for first, terms in self._by_first.items() if not first.before | first.after
        }
        self._starts = _by_end(first.letters for first in self._by_first if first.after and not first.before)
        self._ends = _by_end(first.letters[::-1] for first in self._by_first if first.before and not first.after)
        inner = [first.letters for first in self._by_first if first.before and first.after]
        self._within = tuple(sorted({len(letters) for letters in inner}))
        # The few stems in Latin script that may stand inside a word are quicker to look for one by one.
        self._latin = [letters for letters in inner if letters.isascii()]
        self._any_latin = re.compile("|".join(map(re.escape, self._latin)) or "(?!)")

    def read(self, words: Sequence[str]) -> list[Span]:
        """Every word in order, by the longest term that begins at it.

        Args:
            words: plain words, as `Words.of` makes them.
        """
        words = [part for word in words for part in self._divided(word)]
        beginning = {word: list(self._beginning_with(word)) for word in set(words)}
        spans, place = [], 0
        while place < len(words):
            there = [term for term in beginning[words[place]] if _goes_on(term, words, place)]
            term = max(there, key=_weight, default=None)
            end = place + (len(term.parts) if term else 1)
            spans.append(Span(term.meaning if term else None, " ".join(words[place:end])))
            place = end
        return spans

    def _beginning_with(self, word: str) -> Iterator[_Term]:
        """Every term whose first word fits."""
        yield from self._exact.get(word, ())
        for length in self._starts.get(word[:_END], ()):
            yield from self._by_first.get(_Part(word[:length], False, True), ())
        for length in self._ends.get(word[: -_END - 1 : -1], ()):
            yield from self._by_first.get(_Part(word[-length:], True, False), ())
        for letters in self._inside(word):
            yield from self._by_first.get(_Part(letters, True, True), ())

    def _inside(self, word: str) -> Iterable[str]:
        """Stretches of a word that may be a stem with letters on both sides."""
        if word.isascii():
            return [letters for letters in self._latin if letters in word] if self._any_latin.search(word) else ()
        return (word[start : start + n] for n in self._within for start in range(len(word) - n + 1))

    def _divided(self, word: str) -> list[str]:
        """A compound as its words: by a known ending, or term by term where the script writes no blanks."""
        if word.isascii() and not word.endswith(self._endings):
            return [word]
        if _UNSPACED.search(word):
            return list(self._unspaced(word))
        if word in self._exact:
            return [word]
        ending = next((end for end in self._endings if word.endswith(end) and len(word) >= len(end) + 2), None)
        return [*self._divided(word.removesuffix(ending)), ending] if ending else [word]

    def _unspaced(self, word: str) -> Iterator[str]:
        start = place = 0
        while place < len(word):
            longest = max((n for n in self._within if self._is_term(word[place : place + n], n)), default=0)
            if longest:
                if start < place:
                    yield word[start:place]
                yield word[place : place + longest]
                start = place + longest
            place += longest or 1
        if start < len(word):
            yield word[start:]

    def _is_term(self, letters: str, length: int) -> bool:
        return len(letters) == length and _Part(letters, True, True) in self._by_first


def _by_end(stems: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The first letters of stems -> the lengths of the stems that begin so."""
    lengths: dict[str, set[int]] = {}
    for stem in stems:
        lengths.setdefault(stem[:_END], set()).add(len(stem))
    return {end: tuple(sorted(found)) for end, found in lengths.items()}


def _term(meaning: str, phrase: str, known: dict[str, _Part]) -> _Term:
    """A term; `known` are the words of the terms before it, which share their parts."""
    words = phrase.split() if " " in phrase else [phrase]
    parts = tuple([known.get(word) or known.setdefault(word, _part(word)) for word in words])
    letters = sum([len(part.letters) for part in parts])
    is_whole = not any([part.before or part.after for part in parts])  # noqa: C419 - faster as a list
    return _Term(meaning, parts, (len(parts) * _MOST_LETTERS + letters) * 2 + is_whole)


_weight = attrgetter("weight")


def _part(word: str) -> _Part:
    if word.isascii() and word.isalpha():
        return _Part(word, False, False)
    letters = word.strip("*")
    joined = not letters.isascii() and _JOINED.search(letters) is not None
    return _Part(letters, joined or word.startswith("*"), joined or word.endswith("*"))


def _goes_on(term: _Term, words: Sequence[str], place: int) -> bool:
    """Whether the other words of a term follow, of which the first is there."""
    if len(term.parts) == 1:
        return True
    rest = words[place + 1 : place + len(term.parts)]
    parts = term.parts[1:]
    return len(rest) == len(parts) and all(part.fits(word) for part, word in zip(parts, rest, strict=True))
