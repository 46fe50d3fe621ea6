"""A text becomes sentences and phrases, each with how it is joined to the one before."""

from __future__ import annotations

import pytest

from cds_service.knowledge.phrases import Phrases

PHRASES = Phrases({"w/": "with", "w/o": "without", "h/o": "history of"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hair dye, IV contrast", [["start hair dye", "list IV contrast"]]),
        ("SHELLFISH / IV DYE hives", [["start SHELLFISH", "list IV DYE hives"]]),
        ("NKDA\nIV contrast; latex. Nuts", [["start NKDA"], ["start IV contrast"], ["start latex"], ["start Nuts"]]),
        ("iohexol (anaphylaxis), latex", [["start iohexol", "detail anaphylaxis", "list latex"]]),
        ("Dotarem / [radiocontrast]", [["start Dotarem", "list radiocontrast"]]),
        ("contrast - hives -> severe", [["start contrast", "detail hives", "detail severe"]]),
        ("KM-Allergie", [["start KM-Allergie"]]),
        ("isovue370, Omnipaque350mg", [["start isovue 370", "list Omnipaque 350 mg"]]),
        ("CT造影剤", [["start CT 造影剤"]]),
        ("I.V. contrast. N.K.D.A.", [["start IV contrast"], ["start NKDA"]]),
        (
            "hives w/ dye w/o steroids, h/o asthma",
            [["start hives with dye without steroids", "list history of asthma"]],
        ),
        ("Kontrast\u00admittel, io\u200bhexol", [["start Kontrastmittel", "list iohexol"]]),
        ("3/4/2019 and 1,5 mg", [["start 3/4/2019 and 1,5 mg"]]),
        ("Ｆｕｌｌ ｗｉｄｔｈ，ｄｙｅ", [["start Full width", "list dye"]]),
        (" , ; - ? ", []),
    ],
)
def test_a_text_is_cut(text: str, expected: list[list[str]]) -> None:
    """Sentences end at line ends, semicolons and full stops; commas and slashes list, dashes and brackets tell more."""
    found = [[f"{c.joined} {' '.join(c.text.split())}" for c in chunks] for _, chunks in PHRASES.sentences(text)]
    assert found == expected


def test_a_sentence_is_kept_as_written() -> None:
    """What is shown of a text is the sentence, not its words."""
    assert [sentence for sentence, _ in PHRASES.sentences("See note; IV Contrast (2019).")] == [
        "See note",
        "IV Contrast (2019)",
    ]
