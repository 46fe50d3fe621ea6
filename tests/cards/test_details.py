"""Details: Found, Limit, Do, Looked at, in this order, in bullets; advice that this patient can follow."""

from __future__ import annotations

import re
from datetime import date

import pytest

from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import Evidence, LookedAt, Shown
from cds_service.knowledge.advice import Doer
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason
from tests.cards.builders import IOHEXOL, LOOKED_AT, PLATELETS, Tables, live_markdown

BLOCKS = ["Found", "Limit", "Do", "Looked at"]
NEVER_IN_AN_EMERGENCY = re.compile(r"\b(delay|hold|postpone|repeat|again|wait|cancel)", re.IGNORECASE)


def blocks(detail: str) -> dict[str, list[str]]:
    """The blocks of a detail with their lines."""
    found: dict[str, list[str]] = {}
    for line in detail.splitlines():
        if line.startswith("- "):
            name, _, rest = line.removeprefix("- ").partition(":")
            found[name] = [rest.strip()] if rest.strip() else []
        else:
            found[name].append(line.removeprefix("  - "))
    return found


def test_blocks_come_in_one_order_for_every_question(tables: Tables):
    """Whatever a card is about, its blocks are the same four in the same order, and nothing but bullets."""
    for row in tables.knowledge.contraindications:
        for criterion in row.criteria:
            detail = tables.card(tables.order("tips", tables.present(criterion.id, PLATELETS)))["detail"]
            names = list(blocks(detail))
            assert names == [name for name in BLOCKS if name in names]
            assert names[-1] == "Looked at"
            assert live_markdown(detail) == []
            assert all(line.startswith(("- ", "  - ")) for line in detail.splitlines())


def test_a_card_says_what_was_looked_at_once(tables: Tables):
    """Exactly one line names what was read, how far results go, and what was not read."""
    looked_at = (*LOOKED_AT[:2], LookedAt("observations", None, whole=False))
    (card,) = tables.cards(tables.order("tips", tables.present("psychosis", PLATELETS)), looked_at=looked_at)
    assert card["detail"].count("Looked at:") == 1
    assert card["detail"].endswith("- Looked at: 12 diagnoses, 3 allergy entries. Not looked at: results.")
    (card,) = tables.cards(tables.order("tips", tables.present("psychosis", PLATELETS)))
    assert card["detail"].endswith("- Looked at: 12 diagnoses, 3 allergy entries, results to 20 Nov.")


def test_a_part_that_was_not_read_is_said(tables: Tables):
    """A list of which only a part came is not called looked at as a whole."""
    looked_at = (
        LookedAt("conditions", 1, whole=False),
        LookedAt("observations", 3, whole=True, newest=date(2025, 1, 2)),
    )
    (card,) = tables.cards(tables.order("tips", tables.present("psychosis", PLATELETS)), looked_at=looked_at)
    assert card["detail"].endswith("- Looked at: 1 diagnosis (not all), results to 2 Jan 2025.")


def test_five_items_are_listed_and_the_others_counted(tables: Tables):
    """A long list of findings ends with how many more there are."""
    items = [Evidence(f"Condition/{n}", f"Diagnosis {n}", date="2020") for n in range(8)]
    detail = tables.card(tables.order("tips", tables.present("psychosis", *items)))["detail"]
    assert blocks(detail)["Found"][5:] == ["and 3 more"]


def test_a_detail_is_cut_to_its_length_by_whole_lines(tables: Tables):
    """However much is found, a detail is 900 characters at most, and keeps what to do and what was looked at."""
    items = [Evidence(f"Condition/{n}", f"{n} " + "very long words " * 9, date="2020") for n in range(9)]
    names = ("psychosis", "severe-depression", "suicidality", "delirium-or-coma")
    detail = tables.card(tables.order("tips", *(tables.present(name, *items) for name in names)))["detail"]
    assert len(detail) <= 900
    assert list(blocks(detail)) == ["Found", "Do", "Looked at"]


def test_a_limit_names_number_guideline_and_year(tables: Tables):
    """The limit stands with its unit and its source."""
    detail = tables.card(tables.order("tips", tables.present("platelets-high-risk", PLATELETS)))["detail"]
    assert blocks(detail)["Limit"] == ["Below 50 × 10⁹/L (SIR 2019)"]


def test_at_most_three_things_to_do_in_the_order_of_time(tables: Tables):
    """Three sentences at most; what is done now stands before what is done on the day."""
    order = tables.order("renal-artery-angioplasty", tables.present("egfr-contrast", PLATELETS))
    steps = blocks(tables.card(order)["detail"])["Do"]
    advice = tables.knowledge.advice
    known = {tables.knowledge.wording[f"advice.{key}"]: one.when for key, one in advice.items()}
    assert 1 <= len(steps) <= 3
    assert [known[step] for step in steps] == sorted(known[step] for step in steps)


def test_every_loud_question_says_what_to_do(knowledge: Knowledge):
    """A warning without an action would only frighten."""
    assert [c.id for row in knowledge.contraindications for c in row.criteria if not c.advice] == []


def test_advice_says_who_does_it(knowledge: Knowledge):
    """Each piece of advice names its doer; what only IR can do is asked of IR or written on the order."""
    used = {key for row in knowledge.contraindications for c in row.criteria for key in c.advice}
    assert sorted(used - set(knowledge.advice)) == []
    of_ir = [key for key, one in knowledge.advice.items() if one.by is Doer.IR]
    told = {key: knowledge.wording[f"advice.{key}"] for key in of_ir}
    assert {k: v for k, v in told.items() if not re.search(r"\bIR\b|on the order|oncology|hematology", v)} == {}


EXCLUSIONS = [
    ("premedication-local-protocol", "iodinated-contrast-allergy", "allergy-physiologic", ()),
    ("gadolinium", "iodinated-contrast-allergy", None, ("egfr-contrast",)),
    ("gadolinium", "iodinated-contrast-allergy", None, ("severe-chronic-kidney-disease",)),
    ("hydration", "egfr-contrast", None, ("lvef-severe",)),
    ("hydration", "egfr-contrast", None, ("dialysis",)),
]


@pytest.mark.parametrize(("advice", "criterion", "note", "beside"), EXCLUSIONS)
def test_advice_leaves_out_what_this_patient_cannot_have(
    advice: str, criterion: str, note: str | None, beside: tuple[str, ...], tables: Tables
):
    """No premedication for a physiologic reaction, no gadolinium with a low eGFR, no fluid for a failing heart."""
    notes = (Reason(note),) if note else ()
    item = Evidence("Observation/1", "Iohexol", notes=notes)
    others = [tables.present(name, PLATELETS, shown=Shown.NONE) for name in beside]
    order = tables.order("renal-artery-angioplasty", tables.present(criterion, item), *others)
    sentence = tables.knowledge.wording[f"advice.{advice}"]
    assert advice in tables.criterion(criterion).advice
    assert sentence not in tables.card(order)["detail"]


def test_no_gadolinium_with_an_allergy_to_it_and_no_carbon_dioxide_above_the_diaphragm(tables: Tables):
    """Both are asked of IR only where the patient and the procedure allow them."""
    finding = tables.present("iodinated-contrast-allergy", IOHEXOL)
    allowed = tables.card(tables.order("renal-artery-angioplasty", finding))["detail"]
    assert "carbon dioxide" in allowed
    order = tables.order("renal-artery-angioplasty", finding, gadolinium_allergy=True)
    assert "gadolinium" not in tables.card(order)["detail"]
    assert not tables.knowledge.procedures["bronchial-artery-embolization"].co2
    above = tables.card(tables.order("bronchial-artery-embolization", finding))["detail"]
    assert "carbon dioxide" not in above


def test_no_plasma_for_an_inr_of_cirrhosis(tables: Tables):
    """The advice on an INR of the liver says so, and never to correct the INR."""
    card = tables.card(tables.order("tips", tables.present("inr-chronic-liver-disease", PLATELETS)))
    assert "no plasma for the INR alone" in card["detail"]
    assert "warfarin" not in card["detail"]


def test_in_an_emergency_nothing_is_held_up(tables: Tables):
    """Of every question at every procedure of emergencies: meanwhile, and no word that would delay."""
    for row in tables.knowledge.contraindications:
        for criterion in row.criteria:
            finding = tables.present(criterion.id, Evidence("Condition/1", "Finding"), indicator="info")
            card = tables.card(tables.order("solid-organ-trauma-embolization", finding))
            steps = [line for name, lines in blocks(card["detail"]).items() if name.startswith("Do") for line in lines]
            assert "Do:" not in card["detail"], criterion.id
            assert not NEVER_IN_AN_EMERGENCY.search(" ".join(steps)), (criterion.id, steps)
            assert not [s for s in card.get("suggestions", ()) if s["actions"][0]["type"] == "delete"]


def test_a_fault_stands_in_the_detail_and_what_to_ask_in_the_headline(tables: Tables):
    """The server's answer is no headline."""
    gap = Unavailable("allergies", Reason("fhir-status", {"status": 503}))
    order = tables.order(
        "uterine-fibroid-embolization", tables.unknown("iodinated-contrast-allergy", "allergies-unavailable")
    )
    card = tables.card(order, unavailable=(gap,))
    assert card["summary"] == (
        "Allergy list could not be read: ask about contrast reactions before fibroid embolization"
    )
    assert "status 503" in card["detail"]
