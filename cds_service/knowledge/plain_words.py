"""Words of problem lists that answer none of the tables' questions, so that "Knee pain" without a code is read.

A text is plain where it is one of the phrases, or where each of its words is plain or neutral and at least one of them
is plain. A word that no list holds leaves the text unread: it may be what a question asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.knowledge.words import Words


class PlainWords:
    """The lists of `plain_words.toml`."""

    def __init__(self, table: Mapping[str, Any], words: Words) -> None:
        """`table`: `words`, `neutral` (texts of words, apart by blanks) and `phrases` (a list)."""
        self._words = words
        self._plain = frozenset(words.of(table["words"]).split())
        self._neutral = frozenset(words.of(table["neutral"]).split())
        self._phrases = frozenset(words.of(phrase) for phrase in table["phrases"])

    def says_something_else(self, text: str) -> bool:
        """Whether a text plainly says something that no question asks for."""
        words = self._words.of(text)
        if words in self._phrases:
            return True
        said = words.split()
        known = all(word in self._plain or word in self._neutral or word.isdecimal() for word in said)
        return known and any(word in self._plain for word in said)
