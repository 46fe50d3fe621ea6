"""Words that only titles of diagnoses have which no question asks for: `title_words.toml`, written by a tool.

They make a text readable and change nothing that is found: beside one of them nothing is sure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise

from cds_service.knowledge.table_rows import Row

HEAD, TITLE, EVERYDAY = "head", "title", "everyday"
"""A word that names a diagnosis that no question asks for, one that is in titles of such diagnoses only, and one of
these that everybody uses to describe something else: `water on the lungs`."""


class TitleWords:
    """Looks words up; tens of thousands of them, kept as hashes of eight bytes each."""

    def __init__(
        self,
        heads: Iterable[str] = (),
        words: Iterable[str] = (),
        pairs: Iterable[str] = (),
        everyday: Iterable[str] = (),
    ) -> None:
        """Prepare; every word as `words_of` gives it.

        Args:
            heads: words that are the title of a diagnosis by themselves.
            words: words that are in such titles only.
            pairs: two words, one blank between, that stand so in such titles and in no other.
            everyday: words that are in such titles only, and that everybody uses.
        """
        self._heads, self._words, self._pairs = _hashes(heads), _hashes(words), _hashes(pairs)
        self._everyday = _hashes(everyday)

    def __contains__(self, word: str) -> bool:
        """Whether a word is known by itself."""
        return any(_is_in(known, word) for known in (self._heads, self._words, self._everyday))

    def kind_of(self, word: str, before: str, after: str) -> str | None:
        """`HEAD`, `TITLE` or `EVERYDAY`, by itself or beside its neighbors; None for a word that is not known."""
        if _is_in(self._heads, word):
            return HEAD
        if (
            _is_in(self._words, word)
            or _is_in(self._pairs, f"{before} {word}")
            or _is_in(self._pairs, f"{word} {after}")
        ):
            return TITLE
        return EVERYDAY if _is_in(self._everyday, word) else None


def title_words(table: Row, asked: Iterable[str] = ()) -> TitleWords:
    """The words of `title_words.toml`, without those of the terms `asked` for, which a row or a site may have added."""
    named = [term.split() for term in asked]
    left_out = {word for words in named for word in words} | {f"{a} {b}" for words in named for a, b in pairwise(words)}
    heads, words, everyday = (
        (w for w in table[key].split() if w not in left_out) for key in ("heads", "words", "everyday")
    )
    return TitleWords(heads, words, (pair for pair in _pairs_of(table["pairs"]) if pair not in left_out), everyday)


def _pairs_of(lines: str) -> Iterable[str]:
    """`blood: alcohol loss` as `blood alcohol` and `blood loss`."""
    for line in filter(None, lines.splitlines()):
        first, _, others = line.partition(": ")
        yield from (f"{first} {other}" for other in others.split())


def _hashes(texts: Iterable[str]) -> array[int]:
    return array("q", sorted(map(hash, texts)))


def _is_in(hashes: array[int], text: str) -> bool:
    wanted = hash(text)
    place = bisect_left(hashes, wanted)
    return place < len(hashes) and hashes[place] == wanted
