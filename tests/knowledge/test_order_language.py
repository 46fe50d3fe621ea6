"""How the name of an order is read: abbreviations in their contexts, what is denied or past, slips, other languages."""

from __future__ import annotations

import pytest

from cds_service.knowledge.known_words import KnownWords
from cds_service.knowledge.order_language import OrderLanguage
from tests.support.shipped import shipped_knowledge, shipped_rows

ROWS, KNOWLEDGE = shipped_rows(), shipped_knowledge()
LANGUAGE = OrderLanguage(ROWS.order_words, KNOWLEDGE.words)


def said(*texts: str) -> str:
    """The words that count of the texts of one order."""
    return LANGUAGE.read(texts).words.strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*SP RPLC TUN CV PORT", "sp replacement tunneled central venous port"),
        ("BX LIVER W/ US GUIDANCE", "biopsy liver ultrasound"),
        ("HC Néphrostomie", "nephrostomy"),
        ("XR-ANGIO-G-TUBE PLACEMENT", "ir angio gastrostomy tube placement"),
        ("G-J TUBE CHG", "gastrojejunostomy tube change"),
        ("Y-90 TX", "y90 tx"),
        ("KYPHOPL 1ST LEVEL", "kyphoplasty"),
        ("THORACENTESIS (LT) W/IMAGING S&I", "thoracentesis"),
        ("VAS CATH PLCMT >5YR", "nontunneled dialysis catheter placement"),
    ],
)
def test_a_name_is_spelled_out(text: str, words: str) -> None:
    """Abbreviations are spelled out; side, guidance, numbers and billing words are left out."""
    assert said(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PTA ILIAC", "angioplasty iliac"),
        ("PTA", "angioplasty"),
        ("IR PTA", "ir angioplasty"),
        ("FACTOR XI ASSAY PTA", "factor xi assay pta"),
        ("PTA VISIT", "pta visit"),
        ("TACE", "chemoembolization"),
        ("TNF TACE ENZYME", "tnf tace enzyme"),
        ("DSA CEREBRAL", "angiogram cerebral"),
        ("DSA PANEL", "dsa panel"),
        ("TIPS REVISION", "portosystemic shunt revision"),
        ("TIPS FOR PARENTS", "tips parents"),
        ("REM DRAIN CATH", "removal drain catheter"),
        ("REM SLEEP", "rem sleep"),
    ],
)
def test_an_acronym_needs_its_context(text: str, words: str) -> None:
    """An acronym with several meanings counts alone, under the department's prefix, or near the words of its row."""
    assert said(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("REPLACE PICC W/O PORT", "replace picc"),
        ("TUNNELED LINE W/O PORT/PUMP", "tunneled line"),
        ("PARACENTESIS WO IMAGING", "paracentesis"),
        ("MRI S/P TACE", "mri"),
        ("PARACENTESIS, HX OF TIPS", "paracentesis"),
        ("FOLLOW-UP OTHER THAN THROMBOLYSIS", "follow up"),
        ("ANGIO W/WO STENT", "angio stent"),
    ],
)
def test_what_is_denied_or_past_is_not_meant(text: str, words: str) -> None:
    """What follows "without" or "other than", and everything after "S/P" or "history of", is not ordered."""
    assert said(text) == words


def test_no_phrase_spans_two_texts() -> None:
    """The end of one text and the beginning of the next are no phrase, nor does a history reach into the next text."""
    assert "chest-tube" in LANGUAGE.read(["Chest tube"]).parts
    assert "chest-tube" not in LANGUAGE.read(["Chest", "tube"]).parts
    assert said("S/P TIPS", "Paracentesis") == "| paracentesis"


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("IR XYZ", True),
        ("HC IR-UNKNOWN THING", True),
        ("Interventional Radiology procedure", True),
        ("XA ASSAY", False),
        ("SP EVAL", False),
        ("SP THING", False),
        ("IR NACL 0.9% 500CC", False),
        ("IR CONSULT", False),
        ("IR BIOPSY OF LIP", True),
        ("Biopsy of lip", False),
        ("Tunneled thing", True),
        ("CT abdomen", False),
        ("", False),
    ],
)
def test_what_looks_interventional(text: str, looks: bool) -> None:
    """The department's prefix or a telling word makes a name look interventional, unless a word says otherwise."""
    assert LANGUAGE.read([text]).looks_interventional is looks


KNOWN = {"biopsy": "biopsy", "nephrostomy": "nephrostomy", "nephrotomy": "nephrotomy", "paracentesis": "paracentesis"}


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("paracetesis", "paracentesis"),
        ("parracentesis", "paracentesis"),
        ("paracnetesis", "paracentesis"),
        ("paracentesas", "paracentesis"),
        ("paracentis", None),
        ("parac", "paracentesis"),
        ("para", None),
        ("nephro", None),
        ("nephrosto", "nephrostomy"),
        ("nephrstomy", None),
        ("biopsi", None),
        ("bxopsy", None),
        ("paracentesis2", None),
    ],
)
def test_a_slip_is_forgiven_in_long_words_only(word: str, meant: str | None) -> None:
    """One slip in a word of seven letters, or a word cut short, is read as meant; where two words fit, neither is."""
    assert KnownWords(KNOWN).meant_by(word) == meant


def test_a_known_word_stays_what_it_is() -> None:
    """A word that is right is never taken for another one that is a letter away."""
    assert said("THORACOTOMY") == "thoracotomy"
    assert said("INFECTION") == "infection"


def test_words_from_memory_are_marked() -> None:
    """Words of other languages that are from memory are marked as not verified."""
    blocks = [*ROWS.order_words["spelling"], *ROWS.order_words["terms"]]
    assert {block["language"] for block in blocks} >= {"en", "de", "es", "fr", "it", "nl"}
    assert not any(block["verified"] for block in blocks if "memory" in block["source"])


@pytest.mark.parametrize(
    ("text", "procedure"),
    [
        ("Leberbiopsie", "liver-biopsy"),
        ("CT-gesteuerte Lungenbiopsie", "lung-biopsy"),
        ("Nephrostomiewechsel links", "nephrostomy-exchange"),
        ("ponction d'ascite", "paracentesis"),
        ("retrait de filtre cave", "ivc-filter-removal"),
        ("Recambio de nefrostomía derecha", "nephrostomy-exchange"),
        ("BIOPSIA HEPATICA GUIADA POR ECOGRAFIA", "liver-biopsy"),
        ("drenaggio biliare percutaneo", "biliary-drain-placement"),
        ("schildklierpunctie", "thyroid-fna"),
    ],
)
def test_orders_in_other_languages(text: str, procedure: str) -> None:
    """Orders in German, French, Spanish, Italian and Dutch are recognized by their words and names."""
    assert KNOWLEDGE.order_texts.recognize([text]).procedures == (procedure,)
