"""Codes by their whole titles: a text that is the title of a code, word for word, says what the code says.

`whole_titles.bin`, written by `tools/title_words.py`, holds no title: of each a hash of its words and the code that
bears it, sixteen bytes, sorted. Why: docs/decisions/0090-a-whole-title-is-its-code.md.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

PATH = Path(__file__).with_name("whole_titles.bin")
SYSTEMS = {b"c": "http://hl7.org/fhir/sid/icd-10-cm", b"w": "http://hl7.org/fhir/sid/icd-10"}
"""First byte of a packed code -> its system; the code follows in seven bytes, without its dot."""

_HASH, _CODE = 8, 8
_LENGTH = _HASH + _CODE
_CATEGORY = 3
"""Characters of ICD-10 before the dot."""


class WholeTitles:
    """Looks titles up; tens of thousands, in a file of which only what is looked at takes memory."""

    def __init__(self, records: bytes | mmap.mmap = b"") -> None:
        """`records`: as `records_of` makes them."""
        self._records = records
        self._places = range(len(records) // _LENGTH)

    def codes_of(self, words: Sequence[str]) -> list[tuple[str, str]]:
        """System and code of each code that bears a title, by its words as `DiagnosisTexts.words_in` gives them."""
        wanted = _hash(words)
        first = bisect_left(self._places, wanted, key=self._hash_at)
        found = []
        for place in self._places[first:]:
            if self._hash_at(place) != wanted:
                break
            packed = self._records[place * _LENGTH + _HASH : (place + 1) * _LENGTH]
            found.append((SYSTEMS[packed[:1]], _dotted(packed[1:].decode().strip())))
        return found

    def _hash_at(self, place: int) -> bytes:
        return self._records[place * _LENGTH : place * _LENGTH + _HASH]


def whole_titles() -> WholeTitles:
    """Those that are shipped; tables of a former version read the same titles, which say what releases say."""
    with PATH.open("rb") as file:
        return WholeTitles(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def records_of(titles: Iterable[tuple[Sequence[str], str, str]]) -> bytes:
    """The content of the file: of each title its words, system and code (seven characters and a dot at most)."""
    short = {system: letter for letter, system in SYSTEMS.items()}
    packed = {
        _hash(words) + short[system] + code.replace(".", "").ljust(_CODE - 1).encode()
        for words, system, code in titles
        if words
    }
    return b"".join(sorted(packed))


def _hash(words: Sequence[str]) -> bytes:
    return blake2b(" ".join(words).encode(), digest_size=_HASH).digest()


def _dotted(code: str) -> str:
    return f"{code[:_CATEGORY]}.{code[_CATEGORY:]}" if len(code) > _CATEGORY else code
