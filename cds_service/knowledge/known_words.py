"""Finds the known word that an unknown one was meant to be: cut short, or with one slip of the pen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

_SHORTEST = 7
"""Letters of the shortest word in which a slip is forgiven: in shorter ones a letter makes another word."""
_SHORTEST_CUT = 5
"""Letters that must be left of a word that was cut short."""


class KnownWords:
    """The known words, prepared once; a look-up costs as much as the word is long."""

    def __init__(self, meanings: Mapping[str, str]) -> None:
        """`meanings`: every word that is right as it is, with what it stands for: two words may stand for the same."""
        self._meanings = dict(meanings)
        self._sorted = sorted(meanings)
        self._without_a_letter: dict[int, str | tuple[str, ...]] = {}
        """Hash of a word without one letter -> the word, or the few words, that it may be of: less than half the memory
        of the shorter words themselves."""
        for word in self._sorted:
            if len(word) >= _SHORTEST and word.isalpha():
                for shorter in dict.fromkeys(map(_short_hash, _without_each_letter(word))):
                    known = self._without_a_letter.setdefault(shorter, word)
                    if known is not word:
                        self._without_a_letter[shorter] = (*((known,) if isinstance(known, str) else known), word)

    def __contains__(self, word: object) -> bool:
        """Whether the word is known as it is."""
        return word in self._meanings

    def meant_by(self, word: str) -> str | None:
        """The word that an unknown word was meant to be; None where there is none, or several of different meaning."""
        if len(word) < _SHORTEST_CUT or not word.isalpha():
            return None
        return self._one_of(self._beginning_with(word)) or self._one_of(self._one_slip_from(word))

    def one_slip_from(self, word: str) -> str | None:
        """The one word from which an unknown word differs by one slip; None where there is none, or several."""
        found = set(self._one_slip_from(word)) if word.isalpha() else set()
        return found.pop() if len(found) == 1 else None

    def slip_of(self, word: str) -> str | None:
        """The word from which an unknown word differs by one slip, also where it is a letter short of `_SHORTEST`."""
        if not word.isalpha():
            return None
        longer = (known for known in self._longer_than(word) if word in _without_each_letter(known))
        return self._one_of((*longer, *self._one_slip_from(word)))

    def _one_of(self, words: Iterable[str]) -> str | None:
        found = {self._meanings[word]: word for word in words}
        return next(iter(found.values())) if len(found) == 1 else None

    def _beginning_with(self, word: str) -> Iterator[str]:
        place = bisect_left(self._sorted, word)
        while place < len(self._sorted) and self._sorted[place].startswith(word):
            yield self._sorted[place]
            place += 1

    def _one_slip_from(self, word: str) -> Iterator[str]:
        if len(word) < _SHORTEST:
            return
        yield from (longer for longer in self._longer_than(word) if word in _without_each_letter(longer))
        for shorter in _without_each_letter(word):
            if shorter in self._meanings and len(shorter) >= _SHORTEST:
                yield shorter
            yield from (near for near in self._longer_than(shorter) if _is_one_slip(word, near))

    def _longer_than(self, word: str) -> tuple[str, ...]:
        """The words that, as far as hashes tell, are this one and a letter more."""
        found = self._without_a_letter.get(_short_hash(word), ())
        return (found,) if isinstance(found, str) else found


def is_two_slips(word: str, other: str) -> bool:
    """Whether two words differ by two slips at most: a letter more, less or another, or two neighbors changed places.

    Source: the optimal string alignment distance.
    """
    before: list[int] = []
    line = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        above, line = line, [i]
        for j, of_other in enumerate(other, 1):
            slips = min(above[j] + 1, line[j - 1] + 1, above[j - 1] + (letter != of_other))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == of_other:
                slips = min(slips, before[j - 2] + 1)
            line.append(slips)
        before = above
    return line[-1] <= 2


def _short_hash(word: str) -> int:
    """As long as the shortest integers of Python are; two words of one hash are told apart by whoever asks."""
    return hash(word) & 0x3FFF_FFFF


def _without_each_letter(word: str) -> Iterator[str]:
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


def _is_one_slip(word: str, other: str) -> bool:
    """Whether two words of one length differ in one letter, or in two neighbors that changed places."""
    if len(word) != len(other):
        return False
    differing = [place for place, (a, b) in enumerate(zip(word, other, strict=True)) if a != b]
    if len(differing) == 1:
        return True
    first, last = differing[0], differing[-1]
    return len(differing) == 2 and last - first == 1 and word[first] == other[last] and word[last] == other[first]
