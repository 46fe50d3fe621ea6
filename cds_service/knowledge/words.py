"""Whole-word matching of texts, the same for order texts and allergy texts.

A text becomes lower-case words without accents or punctuation, and British spellings become American ones,
so that `Embolisation, uterine artery` and `embolization uterine artery` are one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_NOT_WORD = re.compile(r"[^\w]+|_+")
_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def words_of(text: str, spelling: Mapping[str, str]) -> str:
    """The text as words with one blank around each, ready for `holds`."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    spaced = " " + _NOT_WORD.sub(" ", plain).strip() + " "
    for variant, american in spelling.items():
        if variant in spaced:
            spaced = spaced.replace(variant, american)
    return spaced


def holds(words: str, phrase: str, spelling: Mapping[str, str]) -> bool:
    """Whether the phrase is in the words, as whole words; a trailing `*` matches the beginning of a word.

    A phrase in Chinese or Japanese script is looked for anywhere: that script has no blanks.
    """
    stem = phrase.endswith("*")
    wanted = words_of(phrase.rstrip("*"), spelling)
    if _ASIAN.search(wanted):
        return wanted.strip() in words
    return (wanted.rstrip() if stem else wanted) in words
