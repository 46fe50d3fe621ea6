"""The longest term wins at each place of a text; stems stand for inflected and compound words."""

from __future__ import annotations

import pytest

from cds_service.knowledge.lexicon import Lexicon

TERMS = {
    "contrast*": "contrast",
    "ct contrast": "iodinated",
    "*kontrastmittel*": "contrast",
    "*cillin": "other",
    "iodine": "iodine",
    "iodine 125": "isotope",
    "造影剤": "contrast",
    "碘": "iodine",
    "碘海醇": "iodinated",
    "йогексол": "iodinated",
    "allergie": "allergy",
}
LEXICON = Lexicon(TERMS, ["allergie"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ct contrast", ["iodinated"]),
        ("mr contrast", [None, "contrast"]),
        ("contrasts media", ["contrast", None]),
        ("rontgenkontrastmittels", ["contrast"]),
        ("amoxicillin", ["other"]),
        ("cilling", [None]),
        ("iodinebush", [None]),
        ("povidone iodine", [None, "iodine"]),
        ("acontrast", [None]),
        ("iodine 125 seed", ["isotope", None]),
        ("iodine 131", ["iodine", None]),
        ("kontrastmittelallergie", ["contrast", "allergy"]),
        ("allergie", ["allergy"]),
        ("対造影剤過敏", [None, "contrast", None]),
        ("碘海醇过敏", ["iodinated", None]),
        ("碘过敏", ["iodine", None]),
        ("йогексолом", ["iodinated"]),
        ("", []),
    ],
)
def test_the_longest_term_wins(text: str, expected: list[str | None]) -> None:
    """More words win, then more letters; scripts without blanks and inflected ones are searched inside words."""
    assert [span.meaning for span in LEXICON.read(text.split())] == expected


def test_every_word_is_in_one_span() -> None:
    """Nothing of a text is lost, known or not, so that an unknown word can be told."""
    assert [span.words for span in LEXICON.read(["foobaril", "ct", "contrast", "now"])] == [
        "foobaril",
        "ct contrast",
        "now",
    ]
