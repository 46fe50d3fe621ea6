"""Phrases of a table, looked up word by word: the longest first, and each only where its context allows."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Generic, TypeVar

import msgspec

M = TypeVar("M")


_UNKNOWN = "?"


class Lexicon(msgspec.Struct, frozen=True):
    """Words that say nothing by themselves (`idle`), every word that the tables know, and those before a reason."""

    idle: Container[str]
    known: Container[str]
    reason: Container[str] = frozenset()


class Context(msgspec.Struct, frozen=True):
    """When a phrase counts; an empty field does not restrict. A word may end in `*`; `?` is any unknown word.

    `near`: one of these words is in the text; with `alone` it is enough that no other word is, but for a reason.
    `place`: `first`, `last` or `after-number`.
    """

    near: tuple[str, ...] = ()
    not_near: tuple[str, ...] = ()
    place: str = ""
    alone: bool = False

    def holds(self, words: Sequence[str], start: int, end: int, lexicon: Lexicon) -> bool:
        """Whether a phrase from `start` to `end` counts among these words.

        Args:
            words: the whole text.
            start: place of the phrase's first word.
            end: place after its last word.
            lexicon: the words that say nothing by themselves, and all that are known.
        """
        before, after = words[:start], words[end:]
        if self.place == "first" and not _are_idle(before, lexicon):
            return False
        if self.place == "last" and not _are_idle(after, lexicon):
            return False
        if self.place == "after-number" and not (before and before[-1].isdecimal()):
            return False
        others = [*before, *after]
        if any(_is_among(word, others, lexicon) for word in self.not_near):
            return False
        if any(_is_among(word, others, lexicon) for word in self.near):
            return True
        if not self.alone:
            return not self.near
        named = [*before, *takewhile(lambda word: word not in lexicon.reason, after)]
        return all(_says_nothing(word, lexicon) for word in named)


def _are_idle(words: Iterable[str], lexicon: Lexicon) -> bool:
    return all(word in lexicon.idle or word.isdecimal() for word in words)


def _says_nothing(word: str, lexicon: Lexicon) -> bool:
    """Whether a word leaves an acronym alone: idle, a number, or a letter with one (`S6`, `x2`)."""
    return word in lexicon.idle or sum(map(str.isalpha, word)) <= 1


def _is_among(wanted: str, words: Collection[str], lexicon: Lexicon) -> bool:
    if wanted == _UNKNOWN:
        return any(word.isalpha() and word not in lexicon.known for word in words)
    if wanted.endswith("*"):
        return any(word.startswith(wanted[:-1]) for word in words)
    return wanted in words


class Phrase(msgspec.Struct, Generic[M], frozen=True):
    """Words in a row, and what they mean where their context holds."""

    form: tuple[str, ...]
    meaning: M
    context: Context | None = None


class Phrases(Generic[M]):
    """Phrases by their first word, so that a look-up costs as much as the text is long, however many there are."""

    def __init__(self, phrases: Iterable[Phrase[M]]) -> None:
        """`phrases`: of two that begin at one word the longer counts, of equally long ones the earlier."""
        self._by_first: dict[str, list[Phrase[M]]] = {}
        for phrase in sorted(phrases, key=lambda p: -len(p.form)):
            self._by_first.setdefault(phrase.form[0], []).append(phrase)
        by_first = self._by_first.items()
        self._single = {word: p[0] for word, p in by_first if len(p[0].form) == 1 and p[0].context is None}
        """Words that begin no longer phrase and count everywhere."""

    def found(self, words: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[int, int, M]]:
        """Each phrase that counts with the places of its first word and after its last, left to right, none in two."""
        if self._by_first.keys().isdisjoint(words):
            return
        place = 0
        while place < len(words):
            phrase = self._at(words, place, lexicon) if words[place] in self._by_first else None
            if phrase is None:
                place += 1
                continue
            end = place + len(phrase.form)
            yield place, end, phrase.meaning
            place = end

    def _at(self, words: Sequence[str], place: int, lexicon: Lexicon) -> Phrase[M] | None:
        if (single := self._single.get(words[place])) is not None:
            return single
        for phrase in self._by_first[words[place]]:
            end = place + len(phrase.form)
            if tuple(words[place:end]) == phrase.form and (
                phrase.context is None or phrase.context.holds(words, place, end, lexicon)
            ):
                return phrase
        return None


def rewritten(words: Sequence[str], phrases: Phrases[tuple[str, ...]], lexicon: Lexicon) -> list[str]:
    """The words with each phrase that counts replaced by what it means."""
    out: list[str] = []
    done = 0
    for start, end, meaning in phrases.found(words, lexicon):
        out += words[done:start]
        out += meaning
        done = end
    return [*out, *words[done:]]
