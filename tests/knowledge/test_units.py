"""Units: UCUM is read as UCUM, what laboratories write beside it as they mean it, and what is not sure not at all."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.knowledge.lab_units import common_spellings
from cds_service.knowledge.tables import Knowledge
from tests.support.shipped import shipped_knowledge

UNITS = shipped_knowledge().units
COUNT, MASS, MOLES = UNITS.read("10*9/L")[0], UNITS.read("mg/dL")[0], UNITS.read("umol/L")[0]

SAME = {
    "10*9/L": [
        *("10*9/L", "10*9/l", "10^9/L", "10**9/L", "10E9/L", "10e9/L", "10⁹/L", "×10⁹/L", "x10^9/L"),
        *("x 10*9/L", "x10(9)/L", "x10^(9)/L"),
        *("10 ^9 / L", "10*9{cells}/L", "G/L", "G/l", "Gpt/l", "/nL", "K/uL", "k/uL", "K/UL", "K/µL", "K/μL", "K/mcL"),
        *("x10(3)/mcL", "x10E3/uL", "X10E3/UL", "10*3/uL", "10^3/µL", "10³/µL", "Thousand/uL", "THOU/UL", "thou/uL"),
        *("Tsd/µl", "Tsd./µl", "1000/uL", "10*6/mL", "10*3/mm3", "K/mm³", "Thou/mm3", "K/cumm", "10*3{cells}/uL"),
        *("10*3cells/uL", "10*9.L-1", "10^3/microliter", "千/μL", "10*9 per L", "(10*9)/L"),
    ],
    "/uL": ["/uL", "{cells}/uL", "{#}/uL", "cells/uL", "cells/µL", "/mm3", "/mm³", "/cu mm", "10*6/L", "Zellen/µl"],
    "mg/dL": ["mg/dL", "mg/dl", "MG/DL", "mg / dL", "mg/100mL", "mg.dL-1", "mg per dL", "10*-3.g/dL"],
    "umol/L": ["umol/L", "umol/l", "µmol/L", "μmol/l", "UMOL/L", "micromol/L", "mcmol/L", "umol.L^-1", "nmol/mL"],
    "mL/min/{1.73_m2}": [
        *("mL/min/{1.73_m2}", "mL/min/{1.73m2}", "ml/min/1,73 m²", "ml/min/1.73 m2", "mL/min/1.73.m2"),
        *("mL/min/1.73m^2", "mL/min/1.73", "mL/min/1.73sq m", "mL/min/(1.73_m2)", "ML/MIN/1.73M2"),
    ],
    "mm[Hg]": ["mm[Hg]", "mmHg", "mm Hg", "MMHG", "mm(Hg)", "Torr", "torr"],
    "%": ["%", "percent", "{of leukocytes}%", "％", "pct"],
    "1": ["1", "{INR}", "{ratio}", "{}", "{score}"],
}  # fmt: skip


@pytest.mark.parametrize(("canonical", "text"), [(key, text) for key, texts in SAME.items() for text in texts])
def test_one_unit_in_many_spellings(canonical: str, text: str) -> None:
    """Every spelling that laboratories use of a unit is that unit."""
    assert UNITS.read(text)[0] == UNITS.read(canonical)[0]


@pytest.mark.parametrize(
    ("text", "other", "factor"),
    [
        ("mmol/L", "umol/L", 1000),
        ("mg/L", "mg/dL", Fraction(1, 10)),
        ("g/L", "mg/dL", 100),
        ("10*9/L", "/uL", 1000),
        ("10*4/uL", "10*9/L", 10),
        ("mL/s", "mL/min", 60),
        ("L/h", "mL/min", Fraction(1000, 60)),
        ("kPa", "mm[Hg]", Fraction(1000000, 133322)),
    ],
)
def test_units_of_one_dimension(text: str, other: str, factor: Fraction) -> None:
    """A unit is as many times another one as arithmetic says."""
    one, two = UNITS.read(text)[0], UNITS.read(other)[0]
    assert (one.dimension, one.factor / two.factor) == (two.dimension, factor)


@pytest.mark.parametrize(
    "text",
    [
        *("109/L", "103/uL", "x103/uL", "10 9/L", "E9/L", "10x9/L", "{10*9}/L", "{x10^9}/L"),  # a lost superscript
        *("5/uL", "10*9", "m/uL", "M/L2", "bil/L", "mg//dL", "mg/dL/", "/", "(", "mg/(dL", "mg/dL)", "^9/L", "mg^/dL"),
        *("furlong", "H", "(low)", "000", "<5", "mg/dL H", "10^99999/L", "L" * 50, "mgdL", "seconds of arc"),
    ],
)
def test_what_is_no_unit_of_a_lab(text: str) -> None:
    """What has lost a sign, is no unit, or is another one, is not taken for a count or a concentration."""
    assert not {COUNT.dimension, MASS.dimension, MOLES.dimension} & {r.dimension for r in UNITS.read(text)}


@pytest.mark.parametrize(("text", "lab", "reads"), [
    ("%", "inr", False), ("s", "inr", False), ("1", "inr", True), ("INR", "inr", True), ("Ratio", "inr", True),
    ("G/L", "platelets", True), ("g/L", "platelets", False), ("g/L", "creatinine", True), ("G/L", "creatinine", True),
    ("mmol/L", "creatinine", True), ("mmol/L", "platelets", False), ("mEq/L", "creatinine", False),
    ("mg/mmol", "creatinine", False), ("mL/min/m2", "egfr", False), ("L/min", "fev1-percent", False),
    ("%", "ecog", False), ("score", "ecog", True),
])  # fmt: skip
def test_a_unit_is_read_for_a_lab(text: str, lab: str, reads: bool, knowledge: Knowledge) -> None:
    """A unit counts for a lab where its dimension is one that the lab is reported in, or where it is a word for it."""
    found = knowledge.labs[lab]
    fits = any(reading.dimension in found.scales for reading in knowledge.units.read(text))
    assert (fits or text.casefold() in found.unit_words) is reads


def test_every_published_spelling_is_read_for_a_lab(knowledge: Knowledge) -> None:
    """What the profiles list as a unit of a lab, the service converts, and nothing is listed for no lab."""
    spellings = [common_spellings(lab, knowledge.units) for lab in knowledge.labs.values()]
    listed = {text for of_lab in spellings for texts in of_lab.values() for text in texts}
    assert set(knowledge.units.published) <= listed


PARTS = st.sampled_from(
    [
        *"()/.*^-+{}[]0123456789 xX",
        "10",
        "mg",
        "dL",
        "L",
        "u",
        "µ",
        "mol",
        "K",
        "G",
        "%",
        "1.73",
        "m2",
        "min",
        "e9",
        "³",
    ]
)


@given(st.lists(PARTS, max_size=12).map("".join))
def test_no_text_is_an_error(text: str) -> None:
    """Whatever stands in place of a unit is read or not, and fails no call."""
    for reading in UNITS.read(text):
        assert reading.factor > 0
