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
        ("Kontrast\u00admittel io\u200bhexol", " kontrastmittel iohexol "),
        ("ガドリニウム ｶﾞﾄﾞ", " ガドリニウム ガド "),
        ("조영제, Йогексол", " 조영제 иогексол "),
        ("außer Straße", " ausser strasse "),
        ("", "  "),
    ],
)
def test_a_text_becomes_words(text: str, words: str, knowledge: Knowledge) -> None:
    """Case, accents, punctuation, unseen characters and British spelling are put aside."""
    assert knowledge.words.of(text) == words
