"""Terms of the tables and what they mean -> the longest one at each place of a text.

A term is one word or several. `*` before or after a word stands for further letters, so that one stem covers
inflected and compound words. A word in a script that joins or inflects its words (Chinese, Japanese, Korean, Cyrillic)
is found inside longer ones, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_JOINED = re.compile(r"[\u0400-\u04ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text and what it means; None: no term is known for it."""

    meaning: str | None
    words: str


@dataclass(frozen=True, slots=True)
class _Part:
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


@dataclass(frozen=True, slots=True)
class _Term:
    meaning: str
    parts: tuple[_Part, ...]

    @property
    def weight(self) -> tuple[int, int, bool]:
        """More words win, then more letters, then a whole word over a stem."""
        letters = sum(len(part.letters) for part in self.parts)
        return len(self.parts), letters, not any(part.before or part.after for part in self.parts)


class Lexicon:
    """All terms, prepared once. What it remembers comes from the tables, never from a patient."""

    def __init__(self, terms: Mapping[str, str], compound_endings: Iterable[str] = ()) -> None:
        """Prepare.

        Args:
            terms: term, already plain (lower case, no accents, one blank between words) -> meaning.
            compound_endings: endings that are words of their own (`...allergie`), plain.
        """
        self._by_first: dict[tuple[bool, bool, str], list[_Term]] = {}
        self._endings = tuple(sorted(compound_endings, key=len, reverse=True))
        for phrase, meaning in terms.items():
            term = _Term(meaning, tuple(_part(word) for word in phrase.split()))
            first = term.parts[0]
            self._by_first.setdefault((first.before, first.after, first.letters), []).append(term)
        self._lengths = {
            kind: sorted({len(letters) for *ends, letters in self._by_first if tuple(ends) == kind})
            for kind in ((False, True), (True, False), (True, True))
        }

    def read(self, words: Sequence[str]) -> list[Span]:
        """Every word in order, by the longest term that begins at it.

        Args:
            words: plain words, as `Words.of` makes them.
        """
        words = [part for word in words for part in self._divided(word)]
        spans, place = [], 0
        while place < len(words):
            term = self._longest(words, place)
            end = place + (len(term.parts) if term else 1)
            spans.append(Span(term.meaning if term else None, " ".join(words[place:end])))
            place = end
        return spans

    def _longest(self, words: Sequence[str], place: int) -> _Term | None:
        there = [term for term in self._beginning_with(words[place]) if _goes_on(term, words, place)]
        return max(there, key=lambda term: term.weight, default=None)

    def _beginning_with(self, word: str) -> Iterator[_Term]:
        yield from self._by_first.get((False, False, word), ())
        for length in self._lengths[False, True]:
            yield from self._by_first.get((False, True, word[:length]), ()) if length <= len(word) else ()
        for length in self._lengths[True, False]:
            yield from self._by_first.get((True, False, word[-length:]), ()) if length <= len(word) else ()
        for length in self._lengths[True, True]:
            for start in range(len(word) - length + 1):
                yield from self._by_first.get((True, True, word[start : start + length]), ())

    def _divided(self, word: str) -> list[str]:
        """A compound as its words: by a known ending, or term by term where the script writes no blanks."""
        if _UNSPACED.search(word):
            return list(self._unspaced(word))
        if (False, False, word) in self._by_first:
            return [word]
        ending = next((end for end in self._endings if word.endswith(end) and len(word) >= len(end) + 2), None)
        return [*self._divided(word.removesuffix(ending)), ending] if ending else [word]

    def _unspaced(self, word: str) -> Iterator[str]:
        start = place = 0
        while place < len(word):
            longest = max(
                (n for n in self._lengths[True, True] if self._is_term(word[place : place + n], n)), default=0
            )
            if longest:
                if start < place:
                    yield word[start:place]
                yield word[place : place + longest]
                start = place + longest
            place += longest or 1
        if start < len(word):
            yield word[start:]

    def _is_term(self, letters: str, length: int) -> bool:
        return len(letters) == length and (True, True, letters) in self._by_first


def _part(word: str) -> _Part:
    letters = word.strip("*")
    joined = bool(_JOINED.search(letters))
    return _Part(letters, joined or word.startswith("*"), joined or word.endswith("*"))


def _goes_on(term: _Term, words: Sequence[str], place: int) -> bool:
    rest = words[place : place + len(term.parts)]
    return len(rest) == len(term.parts) and all(part.fits(word) for part, word in zip(term.parts, rest, strict=True))
