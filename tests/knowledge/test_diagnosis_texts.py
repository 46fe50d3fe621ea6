"""Diagnoses in words: ordinary ones are read, and what a question asks for is never read as something else."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.knowledge.diagnosis_types import DiagnosisReading, Standing
from cds_service.knowledge.value_sets import rules_of
from tests.support.shipped import shipped_knowledge, shipped_rows

ROWS, KNOWLEDGE = shipped_rows(), shipped_knowledge()
ASKED = frozenset(name for name in ROWS.value_sets if name.startswith(("condition-", "criterion-")))


def listed(name: str) -> dict[str, Any]:
    """A file of texts."""
    return tomllib.loads((Path(__file__).parent / "diagnoses" / name).read_text("utf-8"))


ORDINARY = [text for group, texts in listed("ordinary.toml").items() if group != "asked_for" for text in texts]
ASKED_FOR = listed("ordinary.toml")["asked_for"]
TELLING = listed("telling.toml")["value_set"]
SHORT_FORMS = [(text, name) for name, texts in listed("short_forms.toml").items() for text in texts.split(" | ")]
SURE = [(text, row["id"]) for row in TELLING for text in row["sure"]]
UNSURE = [(text, row["id"]) for row in TELLING for text in row["unsure"]]


def read(text: str) -> DiagnosisReading:
    """What the shipped tables make of a text."""
    return KNOWLEDGE.diagnosis_texts.read(text)


def named(reading: DiagnosisReading) -> set[tuple[str, bool, Standing]]:
    """Each value set that is named, whether surely, and how."""
    return {(hit.value_set, hit.sufficient, mention.standing) for mention in reading.mentions for hit in mention.hits}


def may_be(reading: DiagnosisReading, value_set: str) -> bool:
    """Whether a text leaves it possible that the patient has a diagnosis of the value set."""
    return not reading.known or value_set in {name for name, _, _ in named(reading)}


@cache
def displays() -> list[tuple[str, str]]:
    """(display, value set) of everything that is asked for."""
    found = {(rule.display, name) for name in ASKED for rule in rules_of(ROWS.value_sets[name])[0] if rule.display}
    return sorted((display, name) for display, name in found if display)


def test_there_are_texts_enough() -> None:
    """The two lists are long enough to say something about problem lists."""
    assert len(set(ORDINARY)) >= 300
    assert len(SURE) + len(UNSURE) >= 300


# Thousands of texts in a few tests: each test names those that fail.
def test_ordinary_diagnoses_are_read_and_bring_nothing() -> None:
    """Everyday diagnoses, as hospitals write them, are understood, and answer no question."""
    assert [text for text in ORDINARY if not read(text).known or named(read(text))] == []


REMARKS = (
    *("untreated", "poorly controlled", "on meds", "stable", "improving", "worsening", "progressive", "since 2015"),
    *("(2018)", "dx 03/2021", "stage 4", "left", "bilateral", "with complications", "without complications", "NOS"),
    *("followed by cardiology", "f/u oncology", "see note", "(CMS/HCC)", "[I10]", "per patient", "confirmed"),
    *("unbehandelt", "gut eingestellt", "unter Therapie", "stabil", "schwer", "seit 2015", "ED 2019", "beidseits"),
    *("estable", "leve", "en tratamiento", "sin tratamiento", "desde 2015", "conocida"),
)
"""What problem lists add to a diagnosis, and what changes nothing."""


@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_leaves_a_diagnosis_as_it_is(remark: str) -> None:
    """What is read without a remark is read with it, and says the same."""
    texts = [
        text for text in (*ORDINARY[::9], *(text for text, _ in SURE[::9])) if read(text).known and "," not in text
    ]
    changed = [text for text in texts if not read(f"{text} {remark}").known]
    assert changed == []
    told = [
        text
        for text in texts
        if {hit[0] for hit in named(read(text))} - {h[0] for h in named(read(f"{text} {remark}"))}
    ]
    assert told == []


@pytest.mark.parametrize(
    "written",
    [
        *(
            "E11.9 {}",
            "I10 - {}",
            "1. {}",
            "PMH: {}",
            "Patient has {}",
            "Hx: {}",
            "Nebendiagnose: {}",
            "Paciente con {}",
        ),
        *(
            "{} [E11.9]",
            "{} (I10)",
            "{} x 10 years",
            "{} last A1c 7.2",
            "{} (disorder)",
            "{} - Active",
            "{}, gesichert",
        ),
    ],
)
def test_a_diagnosis_is_read_as_lists_write_it(written: str) -> None:
    """A code, a heading, a number or a date beside a diagnosis leaves it readable."""
    texts = [
        text for text in (*ORDINARY[::9], *(text for text, _ in SURE[::9])) if read(text).known and "," not in text
    ]
    assert [text for text in texts if not read(written.format(text)).known] == []


@pytest.mark.parametrize(
    ("text", "value_set"),
    [
        ("HTN I50.9", "criterion-heart-failure"),
        ("Hypertension (I10), F20.0", "criterion-psychosis"),
        ("Adipositas E66.0, D69.6", "criterion-thrombocytopenia"),
        ("I50 HTN", "criterion-heart-failure"),
        ("depresión severa", "criterion-severe-depression"),
        ("demencia severa", "criterion-severe-cognitive-impairment"),
        ("schwere Herzinsuffizienz", "criterion-heart-failure-advanced"),
        ("hipertensión pulmonar", "criterion-pulmonary-hypertension"),
        ("edema agudo de pulmón", "criterion-heart-failure-acute"),
        ("hepatitis isquémica", "criterion-liver-failure-acute"),
        ("prótesis mitral", "criterion-mechanical-valve"),
        ("Blasensteine", "criterion-other-cause-of-symptoms"),
    ],
)
def test_words_that_are_plain_alone_may_say_more_together(text: str, value_set: str) -> None:
    """What words say together, or a code among them, is not lost because each of them is an everyday word."""
    assert may_be(read(text), value_set)


def test_a_text_of_words_and_of_what_is_not_known_is_not_read() -> None:
    """A measurement beside a plain diagnosis may be what is asked for."""
    assert not read("HTN EF 15%").known


@pytest.mark.parametrize("remark", ["untreated", "stable", "(CMS/HCC)", "with complications", "seit 2015"])
def test_a_remark_leaves_an_inverted_diagnosis_as_it_is(remark: str) -> None:
    """`Heart failure, diastolic` with a remark is still that."""
    assert named(read(f"Heart failure, diastolic {remark}")) == named(read("Heart failure, diastolic"))
    assert read(f"Cancer, breast {remark}").known


def test_everyday_diagnoses_that_are_asked_for_are_read() -> None:
    """Everyday diagnoses that some question asks for are understood, and name just that."""
    readings = [(text, read(text), value_set) for text, value_set in ASKED_FOR.items()]
    assert [t for t, r, expected in readings if not r.known or {name for name, _, _ in named(r)} != {expected}] == []


def test_what_is_asked_for_is_found_by_its_words() -> None:
    """A diagnosis that a question asks for is present in the words in which problem lists have it."""
    assert [one for one in SURE if (one[1], True, Standing.STATED) not in named(read(one[0]))] == []


def test_what_may_be_asked_for_is_never_read_as_something_else() -> None:
    """A text that may mean what a question asks for names it, or counts as not read."""
    assert [one for one in UNSURE if not may_be(read(one[0]), one[1])] == []


def test_short_forms_of_everything_that_is_asked_for_are_read_or_told() -> None:
    """Usual short forms of each value set, in English, German and Spanish, name it, or the text counts as not read."""
    without = {"condition-hepatectomy-planned"}  # a plan
    assert {name for _, name in SHORT_FORMS} == ASKED - without
    assert [one for one in SHORT_FORMS if not may_be(read(one[0]), one[1])] == []


def test_displays_as_people_write_them_are_read_or_told() -> None:
    """The name of a code in small letters, without its kind, or without what stands in brackets, hides nothing."""
    silent = [
        (written, name)
        for display, name in displays()
        for bare in [re.sub(r" \((disorder|finding|situation|procedure|event)\)", "", display)]
        for written in {bare, bare.lower(), f"known {bare}"}
        if not may_be(read(written), name)
    ]
    assert silent == []


@pytest.mark.parametrize(
    "around", ["no {}", "denies {}", "family history of {}", "FH: {}", "r/o {}", "possible {}", "V.a. {}"]
)
def test_a_short_form_that_is_denied_or_in_doubt_is_not_present(around: str) -> None:
    """Denied, somebody else's or in doubt, none is stated; `with` and the like begin something new."""
    plain = [(text, name) for text, name in SHORT_FORMS if not {"with", "con", "s/p", "on"} & set(text.split())]
    stated = [one for one in plain if (one[1], True, Standing.STATED) in named(read(around.format(one[0])))]
    assert stated == []


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ("CHF", Standing.STATED),
        ("CHF, well controlled", Standing.STATED),
        ("cirrhosis and CHF", Standing.STATED),
        ("CHF without edema", Standing.STATED),
        ("h/o CHF", Standing.PAST),
        ("CHF (resolved)", Standing.PAST),
        ("history of COPD and CHF", Standing.PAST),
        ("?CHF", Standing.DOUBTFUL),
        ("r/o CHF", Standing.DOUBTFUL),
        ("CHF vs COPD", Standing.DOUBTFUL),
        ("possible CHF", Standing.DOUBTFUL),
        ("CHF, suspected", Standing.DOUBTFUL),
        ("no COPD, CHF", Standing.DOUBTFUL),
        ("no COPD and CHF", Standing.DOUBTFUL),
        ("V.a. Herzinsuffizienz", Standing.DOUBTFUL),
        ("Z.n. Herzinsuffizienz", Standing.PAST),
        ("no CHF", None),
        ("denies CHF", None),
        ("no history of CHF", None),
        ("no COPD or CHF", None),
        ("negative for CHF", None),
        ("keine Herzinsuffizienz", None),
        ("Family history of CHF", None),
        ("FH: CHF", None),
        ("screening for CHF", None),
    ],
)
def test_the_words_around_a_diagnosis_say_how_it_is_meant(text: str, standing: Standing | None) -> None:
    """Denied or somebody else's is none of the patient's; history and doubt are kept apart from what is stated."""
    found = {how for value_set, _, how in named(read(text)) if value_set == "criterion-heart-failure"}
    assert found == ({standing} if standing else set())


@given(
    st.sampled_from([*ORDINARY, *(text for text, _ in SURE)]),
    st.sampled_from(["The {}", "{}, left", "{} (right)", "Known {}", "{}, bilateral", "  {} ", "{} - documented"]),
    st.sampled_from([str, str.upper, str.lower]),
)
def test_side_articles_and_capitals_change_nothing(text: str, around: str, case: Any) -> None:
    """A diagnosis means the same with a side, an article, in capitals or in small letters."""
    other = read(case(around.format(text)))
    assert (other.known, named(other)) == (read(text).known, named(read(text)))


def test_a_side_of_the_heart_is_kept() -> None:
    """Heart failure is not read as right heart failure, which another question asks for."""
    row = "criterion-pulmonary-hypertension"
    assert row not in {name for name, _, _ in named(read("Heart failure, chronic"))}
    assert may_be(read("Known right-sided heart failure"), row)
    assert row in {name for name, _, _ in named(read("Right heart failure, chronic"))}


@given(st.deferred(lambda: st.sampled_from(displays())), st.data())
def test_a_slip_of_the_pen_hides_nothing(one: tuple[str, str], data: st.DataObject) -> None:
    """What is asked for, with a letter left out of a longer word, still names something asked for, or is not read."""
    longer = list(re.finditer(r"[^\W\d_]{5,}", one[0]))
    if longer:
        word = data.draw(st.sampled_from(longer))
        place = data.draw(st.integers(word.start(), word.end() - 1))
        reading = read(one[0][:place] + one[0][place + 1 :])
        assert reading.mentions or not reading.known


def test_the_names_of_what_is_asked_for_are_no_other_diagnoses() -> None:
    """Every name that the value sets give their codes names that value set."""
    codes = KNOWLEDGE.codes
    assert [
        (display, value_set)
        for display, value_set in displays()
        if not may_be(read(display), value_set) and value_set not in {hit.value_set for hit in codes.named(display)}
    ] == []
