"""Words that only titles of diagnoses have which no question asks for: `title_words.toml`, written by a tool.

They make a text readable and change nothing that is found: beside one of them nothing is sure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from cds_service.knowledge.table_rows import Row


class TitleWords:
    """Looks words up; tens of thousands of them, kept as hashes of eight bytes each."""

    def __init__(self, heads: Iterable[str] = (), words: Iterable[str] = (), pairs: Iterable[str] = ()) -> None:
        """Prepare; every word as `words_of` gives it.

        Args:
            heads: words that are the title of a diagnosis by themselves.
            words: words that are in such titles only.
            pairs: two words, one blank between, that stand so in such titles and in no other.
        """
        self._heads, self._words, self._pairs = _hashes(heads), _hashes(words), _hashes(pairs)

    def __contains__(self, word: str) -> bool:
        """Whether a word is known by itself."""
        return self.is_head(word) or _is_in(self._words, word)

    def is_head(self, word: str) -> bool:
        """Whether a word alone names something that no question asks for."""
        return _is_in(self._heads, word)

    def explain(self, word: str, before: str, after: str) -> bool:
        """Whether a word means, by itself or beside its neighbors, nothing that is asked for."""
        return word in self or _is_in(self._pairs, f"{before} {word}") or _is_in(self._pairs, f"{word} {after}")


def title_words(table: Row) -> TitleWords:
    """The words of `title_words.toml`."""
    return TitleWords(table["heads"].split(), table["words"].split(), _pairs_of(table["pairs"]))


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
