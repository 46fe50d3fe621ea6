"""What holds of every card, whoever the patient is.

Each card of the orders that must speak and of the scenarios, in each language: what a strict client of CDS Hooks 2.0.1
takes, and what docs/cards.md says of headline, detail, buttons and reasons to go ahead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from cds_service.cards.context import CardSettings
from cds_service.cases import Case, answer_case
from cds_service.cli.everyday_orders import MUST_SPEAK, case_row, read_everyday_orders
from cds_service.knowledge.tables import PROBLEMS, Knowledge
from tests.cards.test_scenarios import LANGUAGES, NOW, SCENARIOS
from tests.support.responses import response_problems
from tests.support.shipped import shipped_knowledge, shipped_rows

_EVERYDAY = Path(__file__).parents[1] / "everyday"
_LOUDEST_FIRST = ("critical", "warning", "info")
_MOST = 900
_HOLDS_UP = re.compile(r"\b(delay|postpone|hold|repeat|wait until)\b", re.IGNORECASE)
_GLUED = re.compile(r"  | [,.;]|\(\)|,,|\d…|^[A-ZÁÄ][a-záä]+…:")
_MARKUP = re.compile(r"[*_#|<>`\[\]]")
_QUOTES = {"en": "“”", "de": "„“", "es": "«»"}

Json = Mapping[str, Any]


class Shown(NamedTuple):
    """The cards of one call in one language; `emergency`: nothing that is ordered may wait."""

    name: str
    language: str
    cards: list[dict[str, Any]]
    emergency: bool


@cache
def everything_shown() -> tuple[Shown, ...]:
    """What is shown of all patients that are listed because something has to be said."""
    orders = [order for order in read_everyday_orders(_EVERYDAY) if order.kind == MUST_SPEAK]
    cases = [*(Case(order.id, case_row(order, NOW)) for order in orders), *SCENARIOS.values()]
    return tuple(_shown(case, language) for case in cases for language in LANGUAGES)


def _shown(case: Case, language: str) -> Shown:
    answer = answer_case(case, shipped_knowledge(), NOW, CardSettings(language=language))
    judged = [order for order in answer.findings.orders if order.procedure]
    emergency = bool(judged) and all(order.must_not_wait for order in judged)
    return Shown(case.place, language, answer.cards, emergency)


def _is_worst_first(shown: Shown) -> bool:
    levels = [_LOUDEST_FIRST.index(card["indicator"]) for card in shown.cards]
    return levels == sorted(levels) and levels.count(2) <= 1


def _are_few(shown: Shown) -> bool:
    critical = sum(card["indicator"] == "critical" for card in shown.cards)
    return len(shown.cards) <= 3 or critical >= len(shown.cards) - 1


def _delays_nothing(shown: Shown) -> bool:
    return not (shown.emergency and shown.language == "en") or not any(
        _HOLDS_UP.search(card["summary"] + card["detail"].split("- Do")[-1].split("- Looked at")[0])
        for card in shown.cards
        if card["indicator"] == "info"
    )


def _deletes_nothing(shown: Shown) -> bool:
    return not shown.emergency or all(action["type"] != "delete" for card in shown.cards for action in _actions(card))


@pytest.mark.parametrize("rule", [_is_worst_first, _are_few, _delays_nothing, _deletes_nothing])
def test_the_cards_of_a_call_keep_a_rule(rule: Callable[[Shown], bool]):
    """Worst first, one of information, few; in an emergency none that holds up or deletes."""
    assert [(shown.name, shown.language) for shown in everything_shown() if not rule(shown)] == []


def _headline(card: Json, language: str) -> bool:
    text, (opening, closing) = card["summary"], _QUOTES[language]
    quoted = text.count(opening) == text.count(closing)
    named = re.search(r"\b[A-Z]\d\d\.\d|ServiceRequest/", text)
    return len(text) <= 100 and ":" in text and text[-1] != "." and quoted and not _GLUED.search(text) and not named


def _detail(card: Json, language: str) -> bool:
    blocks = [line for line in card["detail"].splitlines() if line.startswith("- ")]
    last = {"en": "- Looked at: ", "de": "- Angesehen: ", "es": "- Revisado: "}[language]
    read = [block for block in blocks if block.startswith(last)]
    return len(card["detail"]) <= _MOST and not _MARKUP.search(card["detail"]) and blocks[-1:] == read != []


def _suggestions(card: Json, language: str) -> bool:
    """Few, one choice of behavior with them, recommended as the standard has it, cancelling last and never alone."""
    offered = card.get("suggestions", [])
    recommended = [one for one in offered if one.get("isRecommended")]
    cancels = [all(action["type"] == "delete" for action in one["actions"]) for one in offered]
    return (
        len(offered) <= 3
        and bool(offered) == ("selectionBehavior" in card)
        and (len(recommended) <= 1 or card["selectionBehavior"] == "any")
        and not any(cancels[:-1])
        and not (any(cancels) and (len(offered) == 1 or card["indicator"] != "critical"))
        and all(one["label"] and UUID(one["uuid"]) for one in (card | {"label": "-"}, *offered))
    )


def _actions(card: Json) -> list[Json]:
    return [action for one in card.get("suggestions", []) for action in one["actions"]]


def _does_what_it_says(card: Json, language: str) -> bool:
    """Each action has its description, and a resource or an id; no drug is ordered, and no condition made up."""
    return all(
        action["description"]
        and (
            re.fullmatch(r"ServiceRequest/[\w.-]+", action["resourceId"]) and "resource" not in action
            if action["type"] == "delete"
            else action["resource"]["resourceType"] == "ServiceRequest"
            and ("id" in action["resource"]) == (action["type"] == "update")
        )
        for action in _actions(card)
    )


def _reasons(card: Json, language: str) -> bool:
    reasons = card.get("overrideReasons", [])
    whole = all(reason["system"] and reason["code"] and reason["display"] for reason in reasons)
    last = "emergency" not in [reason["code"] for reason in reasons[:-1]]
    return whole and last and (3 <= len(reasons) <= 5 if card["indicator"] != "info" else not reasons)


def _is_one_of_cds_hooks(card: Json, language: str) -> bool:
    return response_problems({"cards": [card]}) == []


@pytest.mark.parametrize("rule", [_headline, _detail, _suggestions, _does_what_it_says, _reasons, _is_one_of_cds_hooks])
def test_every_card_keeps_a_rule(rule: Callable[[Json, str], bool]):
    """Headline, detail, buttons, reasons to go ahead and shape are as the docs and the standard have them."""
    broken = [
        (shown.name, shown.language, card["summary"])
        for shown in everything_shown()
        for card in shown.cards
        if not rule(card, shown.language)
    ]
    assert broken == []


def test_a_reason_names_what_is_there(knowledge: Knowledge):
    """What a reason to go ahead needs on the card is a question, of its problem, or an alert."""
    rows = shipped_rows().contraindications.values()
    problems = {c["id"]: c.get("problem", row["problem"]) for row in rows for c in row["criterion"]}
    alerts = {key.removeprefix("alert.") for key in knowledge.wording if key.startswith("alert.")}
    for topic, reasons in knowledge.override_reasons.items():
        needed = {subject for reason in reasons for subject in reason.only_with}
        known = alerts if topic == "order" else {name for name, problem in problems.items() if problem == topic}
        assert needed <= (known if topic in PROBLEMS else set(problems)), topic


@pytest.mark.parametrize(
    ("case", "offered", "not_offered"),
    [
        ({"labs": [{"code": "loinc|777-3", "value": 22, "unit": "10*9/L"}]}, "correction-planned", "drug-already-held"),
        ({"medications": ["apixaban 5 mg"]}, "drug-already-held", "correction-planned"),
        ({"conditions": ["icd-10-cm|D66"]}, "accepted-by-operator", "drug-already-held"),
        ({"labs": [{"code": "loinc|98979-8", "value": 9, "unit": "mL/min/{1.73_m2}"}]}, "benefit-outweighs-risk",
         "no-iodinated-contrast-planned"),
        ({"refused": ["conditions"]}, "done-elsewhere", "already-ordered"),
    ],
)  # fmt: skip
def test_a_reason_to_go_ahead_fits_what_the_card_says(case: Json, offered: str, not_offered: str, knowledge: Knowledge):
    """No drug is "already held" where none is on the card, nothing "already ordered" where no test is missing."""
    values = [("6301-6", 1.0, "{INR}"), ("777-3", 230, "10*9/L")]
    labs = [{"code": f"loinc|{code}", "value": value, "unit": unit} for code, value, unit in values]
    row = {"order": "liver-biopsy"} | case
    row["labs"] = [*case.get("labs", ()), *(lab for lab in labs if lab["code"] not in str(case))]
    card = answer_case(Case("reasons", row), knowledge, NOW).cards[0]
    codes = [reason["code"] for reason in card["overrideReasons"]]
    assert offered in codes
    assert not_offered not in codes


def _lab(code: str, value: float, unit: str, days: int = 1) -> Json:
    return {"code": f"loinc|{code}", "value": value, "unit": unit, "days": days}


@pytest.mark.parametrize(
    ("order", "record", "button"),
    [
        ("diagnostic-angiography", {"labs": [_lab("2160-0", 0.9, "mg/dL", 5), _lab("2160-0", 1.6, "mg/dL", 0)]},
         "Order creatinine for 25 Nov"),
        ("diagnostic-angiography", {"conditions": [{"code": "icd-10-cm|N17.9", "onset_days": 3}]},
         "Order creatinine for 25 Nov"),
        ("renal-artery-angioplasty", {"labs": [_lab("98979-8", 24, "mL/min/{1.73_m2}")]},
         "Order creatinine for 48 h after"),
        ("renal-artery-angioplasty", {"medications": ["metformin"], "labs": [_lab("98979-8", 70, "mL/min/{1.73_m2}")]},
         "Order creatinine for 48 h after"),
        ("liver-ablation", {"conditions": ["icd-10-cm|K74.60"], "labs": [_lab("3255-7", 88, "mg/dL")]},
         "Order fibrinogen, INR, and CBC for 3 Dec"),
        ("tips", {"allergies": [{"text": "Iodine"}]}, "Add this entry to the order for IR"),
        ("tips", {"allergies": [{"text": "Iodine", "manifestation_text": "hives"}]},
         "Add this reaction to the order for IR"),
    ],
)  # fmt: skip
def test_a_button_does_what_the_card_advises(order: str, record: Json, button: str, knowledge: Knowledge):
    """After kidney injury creatinine is ordered for tomorrow, after contrast for 48 hours later."""
    row = {"orders": [{"code": f"procedure|{order}", "in_days": 10}], **record}
    cards = answer_case(Case("buttons", row), knowledge, NOW).cards
    assert button in [one["label"] for card in cards for one in card.get("suggestions", [])]


def test_an_egfr_without_contrast_orders_nothing_for_afterwards(knowledge: Knowledge):
    """Before a biopsy without contrast nobody measures what contrast has done."""
    row = {"order": "liver-biopsy", "labs": [_lab("98979-8", 10, "mL/min/{1.73_m2}")]}
    labels = [one["label"] for one in answer_case(Case("egfr", row), knowledge, NOW).cards[0]["suggestions"]]
    assert labels == ["Add eGFR to the order for IR"]


@pytest.mark.parametrize(
    ("record", "summary"),
    [
        ({"labs": [_lab("6301-6", 2.2, "{INR}"), _lab("777-3", 40, "10*9/L")], "medications": ["apixaban 5 mg"]},
         "INR 2.2, platelets 40 (23 Nov, yesterday), on apixaban: beyond the limits for liver biopsy"),
        ({"medications": ["clopidogrel 75 mg"], "procedures": [
            {"text": "Percutaneous coronary intervention with drug-eluting stent of LAD", "days": 42}]},
         "On clopidogrel, coronary stent or angioplasty 6 weeks ago: ask cardiology before liver biopsy"),
        ({"orders": [{"code": "procedure|deep-vein-thrombolysis"}], "conditions": [
            {"code": "icd-10-cm|I61.0", "text": "Nontraumatic intracerebral hemorrhage in hemisphere, subcortical",
             "onset_days": 42}]},
         "Intracranial bleeding or injury 6 weeks ago (13 Oct): do not start DVT thrombolysis"),
    ],
)  # fmt: skip
def test_a_long_headline_keeps_what_matters(record: Json, summary: str, knowledge: Knowledge):
    """What is of one time has its date once; a long name loses its end, a state gets the name of the tables."""
    row = {"order": "liver-biopsy"} | record
    if "orders" in row:
        del row["order"]
    assert answer_case(Case("headline", row), knowledge, NOW).cards[0]["summary"] == summary
