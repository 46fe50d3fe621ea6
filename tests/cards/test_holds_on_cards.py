"""Cards about antithrombotics: the headline holds the agent, what is done and when; the detail is as on every card."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from cds_service.cards.context import CardSettings
from cds_service.certainty import Certainty
from cds_service.findings.finding import CriterionFinding, Evidence, HoldAdvice, Shown, Told
from cds_service.findings.hold_reasons import hold_reasons
from cds_service.findings.holds import full_days
from cds_service.indicator import Indicator
from cds_service.knowledge.medication_types import HoldAction, HoldRow
from tests.cards.builders import Tables

INR = Evidence("Observation/inr", "INR", None, Decimal("2.4"), "1", "2026-11-20")
VALVE = Evidence("Condition/v", "Mechanical mitral valve", None, date="2019")


def _advice(tables: Tables, agent: str, action: HoldAction, row: HoldRow | None = None, **more: Any) -> HoldAdvice:
    known = tables.knowledge.medications.agents[agent]
    days = full_days(row, known.doses_a_day) if row else None
    advice = HoldAdvice(agent, known.label, action, Indicator.WARNING, row=row, full_days=days, **more)
    return replace(advice, reasons=hold_reasons(advice))


def _finding(tables: Tables, *holds: HoldAdvice) -> CriterionFinding:
    items = [Evidence(f"MedicationRequest/{n}", one.label, notes=one.reasons) for n, one in enumerate(holds)]
    states = [item for one in holds for item in one.because]
    told, level = Told(Shown.CARD, "present"), max(one.indicator for one in holds)
    return CriterionFinding(
        tables.criterion("antithrombotic"),
        Certainty.PRESENT,
        level,
        evidence=(*items, *states),
        told=told,
        holds=holds,
    )


def _row(tables: Tables, agent: str, risk: str = "high") -> HoldRow:
    rows = tables.knowledge.medications.holds[agent]
    return next(row for row in rows if row.active and row.fits(risk, None))


def _card(tables: Tables, *findings: CriterionFinding, language: str = "en", urgent: bool = False) -> dict[str, Any]:
    order = tables.order("portal-vein-embolization", *findings)
    order = replace(order, source_control=True) if urgent else order
    return tables.card(order, card_settings=CardSettings(language=language))


def _holding_rows(tables: Tables) -> Sequence[HoldRow]:
    rows = [row for rows in tables.knowledge.medications.holds.values() for row in rows]
    return [row for row in rows if row.active and row.action is HoldAction.HOLD]


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_the_headline_of_a_hold_has_the_agent_and_how_long_or_until_when(language: str, tables: Tables):
    """Every active hold of the tables: with a day planned the day of the last dose, without one the number."""
    wording = tables.knowledge.wordings[language]
    for row in _holding_rows(tables):
        name = wording.get(f"agent.{row.agent}", tables.knowledge.medications.agents[row.agent].label)
        number = f"{row.most or row.least:f}"
        summary = _card(tables, _finding(tables, _advice(tables, row.agent, row.action, row)), language=language)[
            "summary"
        ]
        assert name in summary, row.id
        assert number.replace(".", "," if language != "en" else ".") in summary, row.id
        if row.unit != "h":
            dated = _advice(tables, row.agent, row.action, row, last_dose=date(2026, 12, 1))
            summary = _card(tables, _finding(tables, dated), language=language)["summary"]
            assert name in summary, row.id
            assert "1" in summary, row.id
            assert any(day in summary for day in ("Tue 1 Dec", "Di. 1. Dez.", "mar 1 dic")), summary


def test_doses_are_told_in_days_as_well(tables: Tables):
    """Who omits six doses of two a day omits three days; one dose is one."""
    six = _advice(tables, "apixaban", HoldAction.HOLD, replace(_row(tables, "apixaban"), least=Decimal(6), most=None))
    assert _card(tables, _finding(tables, six))["summary"].endswith(
        "omit 6 doses (3 days) before portal vein embolization"
    )
    one = _advice(
        tables,
        "enoxaparin",
        HoldAction.HOLD,
        replace(_row(tables, "apixaban"), least=Decimal(1), most=None, doses_a_day=Decimal(1)),
    )
    assert "1 Dosis (1 Tag) auslassen" in _card(tables, _finding(tables, one), language="de")["summary"]


def test_the_result_that_shows_the_effect_stands_beside_the_agent(tables: Tables):
    """Warfarin and INR are one matter: one fact, one action; without an INR that is said."""
    held = _finding(tables, _advice(tables, "warfarin", HoldAction.HOLD, _row(tables, "warfarin")))
    measured = _card(tables, tables.present("inr-high-risk", INR), held)
    start = "On warfarin, INR 2.4 (20 Nov, 4 days ago): hold for 5 full days before"
    assert measured["summary"].startswith(start)
    assert measured["detail"].index("warfarin") < measured["detail"].index("INR 2.4")
    order = tables.order("portal-vein-embolization", held, tables.unknown("inr-high-risk", "no-result"))
    assert tables.cards(order)[0]["summary"].startswith("On warfarin, no INR on record: hold for 5 full days before")


def test_a_valve_or_clot_is_named_with_who_is_asked(tables: Tables):
    """Bridging is a question of vitamin K antagonists; of a direct anticoagulant it is said that there is none."""
    asked = {"ask": ("anticoagulation",), "because": (VALVE,)}
    warfarin = _card(tables, _finding(tables, _advice(tables, "warfarin", HoldAction.ASK_FIRST, **asked)))
    assert warfarin["summary"].startswith("On warfarin, “Mechanical mitral valve” (2019): ask about bridging before")
    assert "Stop nothing on your own: ask whether bridging is needed." in warfarin["detail"]
    apixaban = _card(tables, _finding(tables, _advice(tables, "apixaban", HoldAction.ASK_FIRST, **asked)))
    assert "bridging" not in apixaban["summary"]
    assert "no bridging" in apixaban["detail"]


@pytest.mark.parametrize(
    ("agent", "reversal"),
    [
        ("warfarin", "vitamin K and prothrombin complex"),
        ("phenprocoumon", "vitamin K and prothrombin complex"),
        ("apixaban", "a specific reversal agent, or prothrombin complex"),
        ("dabigatran", "idarucizumab"),
        ("enoxaparin", "protamine"),
        ("clopidogrel", None),
    ],
)
def test_in_an_emergency_the_reversal_is_asked_for_by_what_is_taken(agent: str, reversal: str | None, tables: Tables):
    """What a class is reversed with is named where the tables have a source for it, and nowhere else."""
    advice = replace(_advice(tables, agent, HoldAction.EMERGENCY), indicator=Indicator.INFO)
    card = _card(tables, _finding(tables, advice), urgent=True)
    assert ("ask about reversal" in card["summary"]) is (reversal is not None)
    assert ("ask hematology" in card["detail"]) is (reversal is not None)
    assert reversal is None or reversal in card["detail"]


def test_a_class_of_the_tables_that_is_a_draft_says_nothing(tables: Tables):
    """Grade C stays silent: without its active row no reversal is named, the agent and its last dose still are."""
    medications = replace(tables.knowledge.medications, classes={})
    silent = Tables(dataclasses.replace(tables.knowledge, medications=medications))
    advice = replace(_advice(silent, "apixaban", HoldAction.EMERGENCY), indicator=Indicator.INFO)
    card = _card(silent, _finding(silent, advice), urgent=True)
    assert card["summary"] == "On apixaban: tell IR now, and do not wait for it to wear off"
    assert "reversal" not in card["detail"]


def test_the_detail_has_found_limit_and_do(tables: Tables):
    """Found is the record alone: number and guideline stand under Limit, the day and whom to ask under Do."""
    row = _row(tables, "apixaban")
    others = tuple(r for r in tables.knowledge.medications.holds["apixaban"] if r.active and r.guideline == "PAUSE")
    advice = _advice(tables, "apixaban", HoldAction.HOLD, row, last_dose=date(2026, 12, 1), others=others)
    detail = _card(tables, _finding(tables, advice))["detail"]
    found, _, rest = detail.partition("- Limit")
    limit, _, do = rest.partition("- Do")
    assert "SIR" not in found
    assert "omit" not in found
    assert "SIR 2019" in limit
    assert "last dose of apixaban on Tue 1 Dec" in do
