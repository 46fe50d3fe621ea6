"""However a contrast allergy is spelled and worded, and wherever it stands, it warns; a look-alike never does.

More examples, at random: `pytest --hypothesis-profile=nightly tests/findings/test_allergy_properties.py`.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.judging import judge, said_of
from tests.support.reading import NOW
from tests.support.shipped import shipped_knowledge

KNOWLEDGE = shipped_knowledge()


def listed(text: str) -> tuple[str, ...]:
    """The items of a list with `|` between them."""
    return tuple(" ".join(item.split()) for item in text.split("|"))


AGENTS = listed("""
iohexol | iopamidol | iodixanol | ioversol | iopromide | iomeprol | ioxaglate | diatrizoate | ioxitalamate |
Omnipaque | Isovue | Visipaque | Ultravist | Optiray | Solutrast | Renografin | Iomeron | Xenetix | Lipiodol |
IV contrast | contrast media | CT contrast | X-ray dye | iodinated contrast | radiocontrast | iodine | IVP dye
| Kontrastmittel | Jodkontrastmittel | Röntgenkontrastmittel | jodhaltiges Kontrastmittel | Jod | KM | produit
de contraste iodé | produits de contraste | iode | medio de contraste yodado | contraste yodado | yodo | mezzo
di contrasto iodato | iodio | jodiumhoudend contrastmiddel | jodium | contraste iodado | Iodocontrast |
йогексол | контрастное вещество | йод | イオヘキソール | 造影剤 | ヨード造影剤 | 碘海醇 |
碘对比剂 | 造影剂 | 이오헥솔 | 조영제
""")
TOLD = listed("""
{} | Allergy to {} | allergic to {} | {} allergy | {} - hives | {} (rash) | h/o {} reaction | possible {}
allergy | {}? | severe reaction to {} | avoid {} | {}: urticaria 2019 | Reaktion auf {} | {} - Exanthem |
allergie: {} | alergia a {} | allergia a {} | allergie voor {} | [{}] | {}, unknown reaction | no {}! | NKDA
except {} | only {} | tolerated {} after steroids | tolerates {} only with premedication | No known drug
allergies other than {}
""")
OTHERS = listed("""
penicillin | Latex | peanuts - anaphylaxis | shellfish | hair dye | MRI contrast | Dotarem | Betadine | sulfa
| NKDA | no known food allergies | denies latex allergy | Penizillin | pollen | iodine-125 seeds | fish oil |
Foobaril
""")
JOINTS = (", ", "; ", " / ", "\n", " and ", " & ", " + ", " | ", ". ", " und ", " et ", " y ")
PLACES = ("text", "display", "substance", "substance display", "description", "manifestation", "note")
CODES = (
    None,
    ("urn:local", "17"),
    ("http://snomed.info/sct", "419199007"),
    ("http://snomed.info/sct", "409137002"),
    ("http://snomed.info/sct", "300913006"),
    ("http://www.nlm.nih.gov/research/umls/rxnorm", "7980"),
    ("http://hl7.org/fhir/sid/icd-10", "Z88.8"),
    ("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown"),
)
LOOK_ALIKES = listed("""
shellfish | seafood | povidone-iodine | Betadine | iodine tincture, skin | Iodine-125 seed implant |
radioactive iodine | I-131 therapy | iodine deficiency | amiodarone | Dotarem contrast | Gadavist | Magnevist
| ProHance contrast | MultiHance | gadolinium | MRI contrast | MRT-Kontrastmittel | Lumason contrast | SonoVue
| Definity contrast | Optison | barium contrast | hair dye | red dye | food dye | methylene blue | fluorescein
| penicillin | latex | Meeresfrüchte | fruits de mer | mariscos | Jodtinktur | Fisch | Penicillinallergie |
青霉素 | ペニシリン | 페니실린
""")
DENIALS = listed("""
No known allergy to {} | No known allergy to {} (finding) | denies {} allergy | not allergic to {} | no {}
allergy | No history of {} reaction | tolerates {} | {} tolerated without problems | no allergy to latex, {}
or penicillin | keine {}-Allergie | keine bekannte Allergie gegen {} | pas d'allergie au {} | sin alergia a {}
| niega alergia a {} | nessuna allergia a {} | geen allergie voor {} | sem alergia a {} | nega alergia a {} |
{} allergy ruled out
""")
SPACED = tuple(agent for agent in AGENTS if agent.isascii() or "é" in agent or "ö" in agent)


def _glue(text: str) -> str:
    """The strength of an agent without a blank, as `isovue370`."""
    return f"{text}370" if text[-1].isalpha() else text


def _hide(text: str, mark: str, pick: int) -> str:
    """A character that nobody sees, somewhere inside."""
    place = pick % len(text) or 1
    return text[:place] + mark + text[place:]


def _plural(text: str) -> str:
    return f"{text}s" if text.isascii() and text[-1].isalpha() else text


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """The same text in another spelling."""
    for change in draw(
        st.lists(st.sampled_from(("case", "soft", "zero", "form", "wide", "blanks", "marks")), max_size=3)
    ):
        if change == "case":
            text = draw(st.sampled_from((str.upper, str.title, str.lower, str.swapcase)))(text)
        elif change in ("soft", "zero"):
            text = _hide(
                text,
                "\u00ad" if change == "soft" else draw(st.sampled_from("\u200b\u200c\ufeff\u2060")),
                draw(st.integers(0, 50)),
            )
        elif change == "form":
            text = unicodedata.normalize(draw(st.sampled_from(("NFC", "NFD", "NFKD"))), text)
        elif change == "wide":
            text = "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)
        elif change == "blanks":
            text = text.replace(" ", draw(st.sampled_from(("\u00a0", "  ", "\t", " "))))
        else:
            text = draw(st.sampled_from(("{}.", "*{}*", '"{}"', "- {}", "({})", "{} ;"))).format(text)
    return text


@st.composite
def told(draw: st.DrawFn) -> str:
    """A text that holds an allergy to iodinated contrast, or to iodine."""
    agent = draw(st.sampled_from(AGENTS))
    agent = draw(st.sampled_from((str, _glue, _plural)))(agent)
    parts = draw(st.lists(st.sampled_from(OTHERS), max_size=2))
    parts.insert(draw(st.integers(0, len(parts))), draw(st.sampled_from(TOLD)).format(agent))
    joined = parts[0]
    for part in parts[1:]:
        joined += draw(st.sampled_from(JOINTS)) + part
    return draw(spelled(joined))


def entry(text: str, place: str, code: tuple[str, str] | None) -> dict[str, Any]:
    """An AllergyIntolerance with the text in one place, and beside it a code."""
    coding: dict[str, Any] = {"system": code[0], "code": code[1]} if code else {}
    resource: dict[str, Any] = {"code": {"coding": [coding]} if coding else {"text": "Other"}}
    reaction: dict[str, Any] = {"manifestation": [{"text": "rash"}]}
    if place == "text":
        resource["code"]["text"] = text
    elif place == "display":
        resource["code"] = {"coding": [coding | {"display": text}]}
    elif place == "note":
        resource["note"] = [{"text": text}]
    elif place == "description":
        reaction["description"] = text
    elif place == "manifestation":
        reaction["manifestation"] = [{"text": text}]
    else:
        reaction["substance"] = {"text": text} if place == "substance" else {"coding": [{"display": text}]}
    return {"fields": resource | {"reaction": [reaction]}}


def said(allergy: dict[str, Any]) -> str:
    """What the iodine row says before a TIPS."""
    return said_of(judge({"order": "tips", "allergies": [allergy]}, KNOWLEDGE, NOW), "iodine-allergy")


@given(text=told(), place=st.sampled_from(PLACES), code=st.sampled_from(CODES))
def test_a_contrast_allergy_is_never_cleared(text: str, place: str, code: tuple[str, str] | None) -> None:
    """An entry that holds an allergy to contrast or iodine warns, in any words, place and company."""
    assert said(entry(text, place, code)) in ("present warning", "present critical"), (text, place, code)


@given(
    name=st.sampled_from(LOOK_ALIKES).flatmap(spelled),
    form=st.sampled_from(("{}", "Allergy to {}", "{} - rash", "{} 2019", "allergic to {}")),
    other=st.sampled_from(("", "NKDA", "penicillin", "latex", "pollen")),
    place=st.sampled_from(PLACES),
    code=st.sampled_from(CODES),
)
def test_a_look_alike_never_warns(name: str, form: str, other: str, place: str, code: tuple[str, str] | None) -> None:
    """Seafood, antiseptics, other contrast agents, dyes and isotopes never warn of iodinated contrast."""
    text = form.format(name) + (f"; {other}" if other else "")
    assert said(entry(text, place, code)) not in ("present warning", "present critical"), (text, place, code)


@given(
    agent=st.sampled_from(SPACED),
    form=st.sampled_from(DENIALS),
    place=st.sampled_from(PLACES),
    code=st.sampled_from(CODES),
    data=st.data(),
)
def test_a_denied_allergy_never_warns(
    agent: str, form: str, place: str, code: tuple[str, str] | None, data: st.DataObject
) -> None:
    """A text that denies the allergy to an agent never warns of it, in any spelling and in any place."""
    text = data.draw(spelled(form.format(agent)))
    assert said(entry(text, place, code)) not in ("present warning", "present critical"), (text, place, code)


@given(
    text=st.text(max_size=200)
    | st.lists(st.sampled_from((*AGENTS, *OTHERS, *JOINTS, "no", "denies")), max_size=30).map(" ".join)
)
def test_no_text_is_an_error(text: str) -> None:
    """Whatever is written, an entry is judged or unknown; a text never breaks the call."""
    assert said(entry(text, "text", None)).partition(" ")[0] in ("present", "absent", "unknown")
