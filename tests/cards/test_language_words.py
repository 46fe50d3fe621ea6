"""Every word of a German or Spanish card is of the wording of its language, or of the record: no English is left over.

The cards are those of the clinical cases, and of every question and agent of the tables by a bare code, which leaves
all words to the tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from cds_service.cards.context import CardSettings
from cds_service.cards.wording import Wording
from cds_service.cases import Case, answer_case, request_of
from cds_service.certainty import Certainty
from cds_service.errors import CdsError
from cds_service.findings.finding import EGFR, CriterionFinding, Evidence, HoldAdvice, RenalBasis, Shown, Told
from cds_service.findings.hold_reasons import hold_reasons
from cds_service.indicator import Indicator
from cds_service.knowledge.medication_types import HoldAction
from cds_service.knowledge.tables import Knowledge
from tests.cards.builders import Tables
from tests.support.shipped import shipped_cases, shipped_rows

LANGUAGES = ("de", "es")
CASES = shipped_cases()
WORD = re.compile(r"[^\W\d_]{3,}(?![^\W\d_]|…)")


def _words(text: str) -> set[str]:
    return {word.casefold() for word in WORD.findall(text)}


PROPER_NAMES = _words("""
    SIR CHEST PAUSE EHRA AHA ACC ACCP HRS Knol Thromb Haemost Korean Anesthesiol Adv Hematol ASRA Global Spine MMCTS ACR
    NKF SPR AAAAI KDIGO CTCAE CDC HFA ESC GOLD JHEP Reports ALTA Johnson CIRSE learnir org TIPS MELD Child Pugh FHIR
    AASLD min dia mmHg kPa UNOS CKD EPI Cockcroft Gault IR RI ICD PCS
""")
"""Names of guidelines, scores, units and code systems, the same in every language; guidelines are cited so."""


def _known(language: str, knowledge: Knowledge) -> set[str]:
    """Every word that a card of the language may have of its own: of the wording, of dates, and proper names."""
    wording = " ".join(knowledge.wordings[language].values())
    days = [date(2026, 1, 1) + timedelta(days=31 * n % 365 + n) for n in range(24)]
    said = Wording(knowledge.wordings[language], language)
    dates = " ".join(said.day(day, pattern) for day in days for pattern in ("weekday-of-year", "month"))
    return _words(wording) | _words(dates) | PROPER_NAMES


def _shown(cards: list[dict[str, Any]]) -> Iterator[str]:
    """Everything of the cards that a person reads."""
    for card in cards:
        yield from (card["summary"], card["detail"], card["source"]["label"], card["source"]["topic"]["display"])
        yield from (reason["display"] for reason in card.get("overrideReasons", ()))
        for suggestion in card.get("suggestions", ()):
            yield suggestion["label"]
            yield from (action["description"] for action in suggestion["actions"])


def _foreign(cards: list[dict[str, Any]], known: set[str], record: set[str]) -> set[str]:
    words = set().union(*map(_words, _shown(cards)))
    return {word for word in words - known if not any(word in own for own in record)}


def _substances() -> set[str]:
    """Names of substances and products, which the value sets have in English alone: a card without one says less."""
    sets = [body for name, body in shipped_rows().value_sets.items() if name.startswith(("allergy-", "medication-"))]
    concepts = (c for body in sets for part in body["compose"]["include"] for c in part.get("concept", ()))
    return {word for concept in concepts for word in _words(concept.get("display", ""))}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.slow
def test_a_card_of_a_case_has_no_word_of_another_language(language: str, knowledge: Knowledge, now: datetime):
    """Each card of every sixth clinical case, read whole: summary, detail, buttons, reasons to go ahead."""
    known, left = _known(language, knowledge) | _substances(), {}
    for case in CASES[::6]:
        cards = _cards(case, knowledge, now, language)
        if foreign := _foreign(cards, known, _words(_record(case, now))):
            left[case.row["id"]] = foreign
    assert left == {}


def _record(case: Case, now: datetime) -> str:
    """All that the call brings, without the hyphens that only show at the end of a line."""
    return json.dumps(request_of(case.row, now), ensure_ascii=False).replace("\u00ad", "")


def _cards(case: Case, knowledge: Knowledge, now: datetime, language: str) -> list[dict[str, Any]]:
    try:
        return answer_case(case, knowledge, now, CardSettings(language=language, options=True)).cards
    except CdsError:
        return []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_of_the_tables_is_told_in_the_language(language: str, tables: Tables):
    """Each question, present and unknown, of a record that gives no words."""
    known, left = _known(language, tables.knowledge), {}
    for row in tables.knowledge.contraindications:
        for criterion in row.criteria:
            value = Decimal("1.23") if criterion.question.limit else None
            item = Evidence(
                "Condition/c", None, None, value, criterion.question.limit and criterion.question.limit.unit
            )
            for finding in (tables.present(criterion.id, item), tables.unknown(criterion.id, "not-read-at-all")):
                cards = [tables.card(tables.order("tips", finding), card_settings=CardSettings(language=language))]
                if foreign := _foreign(cards, known, set()):
                    left[criterion.id] = foreign
    assert left == {}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.slow
def test_every_hold_is_told_in_the_language(language: str, tables: Tables):
    """Each row of `holds.toml` with its test, its limit and the other guidelines; and what is done in an emergency."""
    known, left = _known(language, tables.knowledge), {}
    for agent, rows in tables.knowledge.medications.holds.items():
        for row in rows:
            for action in (row.action, HoldAction.EMERGENCY, HoldAction.ASK_FIRST, HoldAction.HELD_ALREADY):
                if foreign := _foreign([_hold_card(tables, agent, row, rows, action, language)], known, set()):
                    left[row.id, action] = foreign
    assert left == {}


def _hold_card(tables: Tables, agent: str, row: Any, rows: Any, action: HoldAction, language: str) -> dict[str, Any]:
    label = tables.knowledge.medications.agents[agent].label
    advice = HoldAdvice(
        agent,
        label,
        action,
        Indicator.WARNING,
        row=row,
        others=tuple(other for other in rows if other.guideline != row.guideline),
        renal=RenalBasis(Decimal(45), "mL/min", "2026-11-20", EGFR),
        last_dose=date(2026, 12, 1) if action is HoldAction.HOLD else None,
    )
    advice = replace(advice, reasons=hold_reasons(advice))
    criterion = tables.criterion("antithrombotic")
    item = Evidence("MedicationRequest/m", None, None, date="2026-11-20", notes=advice.reasons)
    told = Told(Shown.CARD, "present")
    finding = CriterionFinding(
        criterion, Certainty.PRESENT, Indicator.WARNING, evidence=(item,), holds=(advice,), told=told
    )
    return tables.card(tables.order("tips", finding), card_settings=CardSettings(language=language))
