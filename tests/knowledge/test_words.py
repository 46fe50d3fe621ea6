"""Texts as words: accents, punctuation and spelling do not matter, word boundaries do."""

from __future__ import annotations

import pytest

from cds_service.knowledge.tables import Knowledge


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Embolisation, uterine-artery", " embolization uterine artery "),
        ("HÆMO  Ödem É", " hæmo odem e "),
        ("tumour of oesophagus; haematoma", " tumor of esophagus hematoma "),
        ("a_b/c\n(d)", " a b c d "),
        ("Ｆｕｌｌ ｗｉｄｔｈ", " full width "),
        ("", "  "),
    ],
)
def test_a_text_becomes_words(text: str, words: str, knowledge: Knowledge) -> None:
    """Case, accents, punctuation and British spelling are put aside."""
    assert knowledge.words.of(text) == words


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("allergy to iodine", "iodine", True),
        ("povidone-iodine", "iodine", True),
        ("iodinebush", "iodine", False),
        ("gadolinium chelate", "gadolin*", True),
        ("agadolinium", "gadolin*", False),
        ("iodine based contrast media", "iodine based contrast", True),
        ("contrast, iodine based", "iodine based contrast", False),
        ("对碘造影剂过敏", "碘造影", True),
        ("青霉素过敏", "碘*", False),
        ("Iode (produit de contraste)", "iode", True),
    ],
)
def test_a_phrase_is_looked_up_as_whole_words(text: str, phrase: str, expected: bool, knowledge: Knowledge) -> None:
    """A phrase counts as whole words in their order; with a star as the beginning of a word; in Chinese anywhere."""
    assert knowledge.words.hold_any(knowledge.words.of(text), (phrase,)) is expected
