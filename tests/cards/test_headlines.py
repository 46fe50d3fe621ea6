"""Headlines: the fact first, then what it means for the order; short, and never a code, an id or a row's label."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest

from cds_service.cards.context import CardSettings
from cds_service.cards.dates import moment_of
from cds_service.cards.headline import MOST_CHARACTERS
from cds_service.cards.quantities import rounded
from cds_service.cards.wording import Wording
from cds_service.findings.finding import Computed, Evidence
from cds_service.knowledge.lab_types import Lab
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason
from tests.cards.builders import IOHEXOL, PLATELETS, TODAY, Tables

LONG = "Acute on chronic combined systolic (congestive) and diastolic (congestive) heart failure with a long name"
ICD = re.compile(r"\b[A-Z]\d\d\.")
BANNED = re.compile(
    r"could not be had|was not had|that the table knows|\bthe table\b|\brow\b|criteri|not checked for|bleeding tendency"
    r"|iodine or contrast allergy|nothing against|all-clear|if it is elective|\bconsider\b|\binvolve\b|as appropriate"
    r"|recognized by its text|secondary source|peer-reviewed|\bdraft\b|at least \d|\(s\)",
    re.IGNORECASE,
)
DECISION_ONLY = ("reason.", "grade.", "suggestion.", "data.")


@pytest.mark.parametrize("language", ["en"])
def test_no_sentence_holds_a_banned_phrase(language: str, knowledge: Knowledge):
    """No sentence of a card hedges, speaks of tables and rows, or claims an all-clear."""
    sentences = knowledge.wordings[language].items()
    found = {key: text for key, text in sentences if BANNED.search(text) and not key.startswith(DECISION_ONLY)}
    assert found == {}


def test_every_headline_fits_whatever_the_record_holds(tables: Tables):
    """Each question of each row, for the procedure with the longest name and the longest names in the record."""
    longest = max(tables.knowledge.procedures.values(), key=lambda procedure: len(procedure.short)).id
    labels = tuple(f"{row.label}:" for row in tables.knowledge.contraindications)
    for row in tables.knowledge.contraindications:
        for criterion in row.criteria:
            number = None if criterion.question.limit is None else Decimal("123.456")
            items = [Evidence(f"Condition/{n}", LONG, None, number, "mg/dL", "2026-11-20") for n in range(4)]
            order = tables.order(longest, tables.present(criterion.id, *items), text="left embolization")
            card = tables.card(order)
            assert len(card["summary"]) <= MOST_CHARACTERS, card["summary"]
            assert not card["summary"].endswith(".")
            assert not card["summary"].startswith(labels)
            assert "draft-1" not in card["summary"]
            assert len(card["detail"]) <= 900


def test_a_headline_is_the_fact_when_it_was_and_what_it_means(tables: Tables):
    """Fact, date with how long ago, then the limit for this procedure."""
    card = tables.card(tables.order("liver-biopsy", tables.present("platelets-high-risk", PLATELETS)))
    assert card["summary"] == "Platelets 42 (20 Nov, 4 days ago): below 50 for liver biopsy"


def test_a_diagnosis_is_named_in_the_words_of_the_record_and_never_by_its_code(tables: Tables):
    """A record that holds a bare ICD code gets the words of the tables; one with words keeps its words."""
    bare = Evidence("Condition/c1", "F20.9", None)
    card = tables.card(tables.order("tips", tables.present("psychosis", bare)))
    assert card["summary"] == "Psychotic disorder: settle who consents before TIPS"
    worded = Evidence("Condition/c1", "Schizophrenia, F20.9", None, date="2019")
    card = tables.card(tables.order("tips", tables.present("psychosis", worded)))
    assert card["summary"].startswith("Schizophrenia")


@pytest.mark.parametrize(
    ("texts", "named"),
    [
        (("right renal angioplasty",), "right renal angioplasty"),
        (("Angioplasty renal artery LT",), "left renal angioplasty"),
        (("L renal angioplasty",), "left renal angioplasty"),
        (("renal angioplasty, R",), "right renal angioplasty"),
        (("renal angioplasty (L)",), "left renal angioplasty"),
        (("Nierenarterienangioplastie links",), "left renal angioplasty"),
        (("Nierenarterienangioplastie re.",), "right renal angioplasty"),
        (("angioplastia renal izq.",), "left renal angioplasty"),
        (("renal angioplasty b/l",), "bilateral renal angioplasty"),
        (("R/L renal angioplasty",), "bilateral renal angioplasty"),
        (("renal angioplasty r/o stenosis",), "renal angioplasty"),
        (("renal angioplasty L 4",), "renal angioplasty"),
        (("re: renal angioplasty",), "renal angioplasty"),
        (("renal angioplasty bilateral",), "bilateral renal angioplasty"),
        (("left gastric artery",), "renal angioplasty"),
        (("renal angioplasty",), "renal angioplasty"),
    ],
)
def test_the_side_of_an_order_is_kept(texts: tuple[str, ...], named: str, tables: Tables):
    """A side that the order names is told; a side in the name of a vessel is none."""
    (text,) = texts
    order = tables.order("renal-artery-angioplasty", tables.present("platelets-high-risk", PLATELETS), text=text)
    assert tables.card(order)["summary"].endswith(f"below 50 for {named}")


def test_two_orders_are_both_and_more_are_counted(tables: Tables):
    """One card for two orders says "both orders", for three "all 3 orders"."""
    orders = [
        tables.order(name, tables.present("platelets-high-risk", PLATELETS), reference=f"ServiceRequest/{n}")
        for n, name in enumerate(["tips", "liver-biopsy", "kidney-biopsy"])
    ]
    assert tables.card(*orders[:2])["summary"].endswith("below 50 for both orders")
    assert tables.card(*orders)["summary"].endswith("below 50 for all 3 orders")


def test_every_procedure_has_a_short_name(knowledge: Knowledge):
    """No card has to cut the name of a procedure."""
    assert [p.id for p in knowledge.procedures.values() if not 0 < len(p.short) <= 30] == []


@pytest.mark.parametrize(
    ("value", "lab", "limit", "shown"),
    [
        ("17.3719", "egfr", "30", "17"),
        ("49.6", "platelets", "50", "49.6"),
        ("49.96", "platelets", "50", "49.96"),
        ("1.84", "inr", "1.8", "1.84"),
        ("2.44", "inr", "1.8", "2.4"),
        ("50", "platelets", "50", "50"),
        ("1.5", "creatinine", None, "1.50"),
        ("132.6", "creatinine", None, "133"),
        ("7.25", "bilirubin", "3", "7.3"),
    ],
)
def test_values_are_rounded_and_never_across_the_limit(
    value: str, lab: str, limit: str | None, shown: str, knowledge: Knowledge
):
    """A value has the decimals of its lab, one more where rounding would reach or cross the limit."""
    row: Lab = knowledge.labs[lab]
    assert rounded(Decimal(value), row, None if limit is None else Decimal(limit)) == shown


def test_a_limit_is_told_in_the_unit_of_the_value(tables: Tables):
    """A count per microliter is held against the limit per microliter, and keeps its unit."""
    item = Evidence("Observation/o1", "Platelets", None, Decimal(22000), "/uL", "2026-11-20")
    card = tables.card(tables.order("liver-biopsy", tables.present("platelets-high-risk", item)))
    assert card["summary"] == "Platelets 22,000/µL (20 Nov, 4 days ago): below 50,000 for liver biopsy"


@pytest.mark.parametrize(
    ("criterion", "lab", "value", "unit", "says", "limit"),
    [
        ("bilirubin-tips", "Bilirubin", "68.4", "umol/L", "Bilirubin 68 µmol/L", "Above 51 µmol/L"),
        ("bilirubin-tips", "Bilirubin", "51.4", "umol/L", "Bilirubin 51.4 µmol/L", "Above 51.3 µmol/L"),
        ("creatinine-chemoembolization", "Creatinine", "88.00", "umol/L", "Creatinine 88 µmol/L", "µmol/L"),
        ("platelets-high-risk", "Platelets", "22", "10*3/uL", "Platelets 22", "Below 50 × 10³/µL"),
        ("platelets-high-risk", "Platelets", "22000", "/uL", "Platelets 22,000/µL", "Below 50,000/µL"),
        ("cd4-low", "CD4 cells", "0.15", "10*9/L", "CD4 cells 0.150 × 10⁹/L", "Below 0.200 × 10⁹/L"),
    ],
)
def test_value_and_limit_have_one_unit_and_its_decimals(
    criterion: str, lab: str, value: str, unit: str, says: str, limit: str, tables: Tables
):
    """A line never holds two units: the limit is told in that of the value, both as precise as the lab is."""
    item = Evidence("Observation/o1", lab, None, Decimal(value), unit, "2026-11-20")
    card = tables.card(tables.order("tips", tables.present(criterion, item)))
    assert card["summary"].startswith(f"{says} (20 Nov")
    told = next(line for line in card["detail"].splitlines() if line.startswith("- Limit"))
    assert limit in told
    assert "mg/dL" not in told


def test_a_rise_is_told_in_the_unit_of_the_values(tables: Tables):
    """Creatinine in µmol/L is held against 26.5 µmol/L, not 0.3 mg/dL."""
    values = [
        Evidence(f"Observation/{n}", "Creatinine", None, Decimal(v), "umol/L", "2026-11-24")
        for n, v in enumerate((141, 88))
    ]
    card = tables.card(tables.order("tips", tables.present("creatinine-rise", *values)))
    assert card["summary"].startswith("Creatinine 88 to 141 µmol/L")
    assert "26.5 µmol/L" in card["detail"]
    assert "mg/dL" not in card["detail"]


def test_a_score_with_its_class_leads_what_it_is_made_of(tables: Tables):
    """Child-Pugh C is told before the bilirubin that is a part of it, though both are as loud."""
    knowledge = tables.knowledge
    made = Computed(knowledge.labs["child-pugh"].derivation, (), (), "C", or_worse=False)
    score = Evidence("Observation/s", "Child-Pugh score", None, Decimal(11), "{score}", "2026-11-20", (), made)
    bilirubin = Evidence("Observation/b", "Bilirubin", None, Decimal("3.4"), "mg/dL", "2026-11-20")
    order = tables.order(
        "hepatic-artery-chemoembolization",
        tables.present("bilirubin-chemoembolization", bilirubin),
        tables.present("child-pugh-chemoembolization", score),
    )
    assert tables.card(order)["summary"].startswith("Child-Pugh 11, class C (20 Nov")


@pytest.mark.parametrize(
    ("answer", "language", "says"),
    [
        ("POSITIVE", "en", "Pregnancy test positive"),
        ("pos", "de", "Schwangerschaftstest positiv"),
        (None, "es", "Prueba de embarazo positiva"),
    ],
)
def test_an_answer_is_told_in_the_language_of_the_card(answer: str | None, language: str, says: str, tables: Tables):
    """However the record writes or codes it, a positive test is called that, in small letters."""
    item = Evidence("Observation/o1", "Pregnancy test", None, answer, None, "2026-11-20")
    order = tables.order("uterine-fibroid-embolization", tables.present("pregnancy-test-uterus", item))
    assert tables.card(order, card_settings=CardSettings(language=language))["summary"].startswith(f"{says} (20")


def test_a_comparator_is_kept(tables: Tables):
    """A result that is only known to be below a number is told as that."""
    item = Evidence("Observation/o1", "Platelets", None, "<20", "10*9/L", "2026-11-20")
    card = tables.card(tables.order("liver-biopsy", tables.present("platelets-high-risk", item)))
    assert card["summary"].startswith("Platelets below 20 (20 Nov")


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("2026-11-24", "24 Nov, today"),
        ("2026-11-23T23:59:00Z", "23 Nov, yesterday"),
        ("2026-11-20", "20 Nov, 4 days ago"),
        ("2026-11-11", "11 Nov, 13 days ago"),
        ("2026-11-10", "10 Nov"),
        ("2026-10-03", "3 Oct"),
        ("2021-03-04", "Mar 2021"),
        ("2021-03", "Mar 2021"),
        ("2021", "2021"),
        ("2026-12-04", "4 Dec"),
        ("soon", "soon"),
        (None, ""),
    ],
)
def test_time_is_as_near_or_vague_as_recorded(text: str | None, full: str, wording: Wording):
    """Days up to thirteen are counted, older dates stand alone, and no date is made more exact than it is."""
    assert moment_of(text, TODAY, wording).full == full


def test_time_goes_over_the_end_of_the_year(wording: Wording):
    """Days are counted over New Year; older dates of last year have month and year."""
    assert moment_of("2026-12-28", date(2027, 1, 3), wording).full == "28 Dec, 6 days ago"
    assert moment_of("2026-11-20", date(2027, 1, 3), wording).full == "Nov 2026"


def test_where_the_interval_is_the_limit_it_comes_first(tables: Tables):
    """An acute state that counts for some days is told in whole weeks before its date."""
    item = Evidence("Condition/c1", "Septic shock", None, date="2026-11-03")
    card = tables.card(tables.order("tips", tables.present("multiple-organ-failure-or-shock", item)))
    assert card["summary"].startswith("Septic shock 3 weeks ago (3 Nov): ")


def test_a_headline_holds_three_values_at_most_the_worst_first(tables: Tables):
    """What is of one time has its date once."""
    inr = Evidence("Observation/inr", "INR", None, Decimal("2.4"), "1", "2026-11-20")
    found = [tables.present("inr-high-risk", inr), tables.present("platelets-high-risk", PLATELETS)]
    card = tables.card(tables.order("tips", *found))
    assert card["summary"] == "INR 2.4, platelets 42 (20 Nov, 4 days ago): beyond the limits for TIPS"


def test_a_severe_reaction_names_the_agent(tables: Tables):
    """The agent stands in the headline, as recorded, with the day of the record."""
    order = tables.order("uterine-fibroid-embolization", tables.present("iodinated-contrast-allergy", IOHEXOL))
    assert tables.card(order)["summary"] == (
        "“Iohexol” on the allergy list (Mar 2021): use another agent or none for fibroid embolization"
    )


def test_rows_without_a_sentence_of_their_own_are_limits(knowledge: Knowledge):
    """Every question has a sentence of its own for what it means, but those whose limit or hold says it."""
    fallback = [c for row in knowledge.contraindications for c in row.criteria if c.says is None]
    assert [c.id for c in fallback if c.question.limit is None] == ["antithrombotic"]


RADIOGRAPHIC = "Adverse reaction to radiographic contrast media"
SEVERITY = "severity-not-recorded"
GAPS = ("no-result", "data-absent", "older-than", "adults-only", "unit-missing", "uncoded-allergy", SEVERITY)


def _longest_names(tables: Tables, language: str) -> list[str]:
    """The procedures with the longest names in a language, and one with a short name."""
    names = tables.knowledge.wordings[language]
    shown = {key: names.get(f"procedure.{key}", row.short) for key, row in tables.knowledge.procedures.items()}
    return [*sorted(shown, key=lambda key: -len(shown[key]))[:2], "tips"]


def _cuts_other_than(text: str, summary: str) -> bool:
    """Whether something is cut that is not the beginning of this text."""
    starts = [text[:end].rstrip(" ,;:–(") for end in range(6, len(text))]
    return any(not part.endswith(tuple(starts)) for part in summary.split("…")[:-1])


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_only_the_words_of_the_record_are_cut(language: str, tables: Tables):
    """Whatever question, procedure and gap: a headline that must be short cuts what it quotes, never its own words."""
    settings, cut = CardSettings(language=language), set()
    for procedure in _longest_names(tables, language):
        for criterion in (one for row in tables.knowledge.contraindications for one in row.criteria):
            number = None if criterion.question.limit is None else Decimal("123.456")
            for text in (LONG, RADIOGRAPHIC, "Allergie"):
                item = Evidence("Condition/1", text, None, number, "mg/dL", "2026-11-20")
                found = [tables.present(criterion.id, item)]
                gaps = [key for key in GAPS if criterion.question.labs and (key != SEVERITY or number is None)]
                found += [tables.unknown(criterion.id, Reason(key, {"days": 30}), item) for key in gaps]
                for answer in found if text == LONG else found[:1]:
                    order = tables.order(procedure, answer, text="left embolization", planned=date(2026, 12, 24))
                    for card in tables.cards(order, card_settings=settings):
                        if "  " in card["summary"] or _cuts_other_than(text, card["summary"]):
                            cut.add(card["summary"])
    assert sorted(cut) == []
