"""Cards of calls with several orders, and what their buttons note on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cds_service.cases import Case, answer_case
from cds_service.knowledge.tables import Knowledge
from tests.cards.test_scenarios import NOW

STAT = {"code": "procedure|liver-biopsy", "fields": {"priority": "stat"}}
LATER = {"code": "procedure|kidney-biopsy", "in_days": 12}
SOON = {"code": "procedure|liver-biopsy", "in_days": 8}
IN_RANGE = [
    {"code": "loinc|6301-6", "value": 1.0, "unit": "{INR}", "days": 1},
    {"code": "loinc|777-3", "value": 240, "unit": "10*9/L", "days": 1},
]
APIXABAN = {"medications": ["apixaban 5 mg"]}
Json = Mapping[str, Any]


def _cards(knowledge: Knowledge, *orders: Json, **record: Any) -> list[dict[str, Any]]:
    return answer_case(Case("several", {"orders": list(orders), **record}), knowledge, NOW).cards


def _notes(card: Json) -> list[str]:
    actions = [action for suggestion in card["suggestions"] for action in suggestion["actions"]]
    updates = [action["resource"] for action in actions if action["type"] == "update"]
    return [note["text"] for resource in updates for note in resource["note"]]


def test_what_cannot_wait_is_not_told_to_hold_like_what_can(knowledge: Knowledge):
    """Of an emergency and a planned biopsy on apixaban, only the planned one is told the day of the last dose."""
    planned, now = _cards(knowledge, STAT, LATER, labs=IN_RANGE, **APIXABAN)
    assert planned["indicator"] == "warning"
    assert "hold before kidney biopsy, last dose" in planned["summary"]
    assert now["indicator"] == "info"
    assert now["summary"].startswith("On apixaban: tell IR and ask about reversal now")
    assert [len(_notes(card)) for card in (planned, now)] == [1, 1]


def test_orders_that_can_all_wait_share_a_card(knowledge: Knowledge):
    """One card a problem, with the day of the earlier procedure."""
    (card,) = _cards(knowledge, SOON, LATER, labs=IN_RANGE, **APIXABAN)
    assert "both orders" in card["summary"]


def test_all_results_of_a_card_are_noted(knowledge: Knowledge):
    """Add these results: each with its day, and what is taken; not the first alone."""
    labs = [
        {"code": "loinc|6301-6", "value": 2.4, "unit": "{INR}", "days": 1},
        {"code": "loinc|777-3", "value": 40, "unit": "10*9/L", "days": 1},
    ]
    (card,) = _cards(knowledge, LATER, labs=labs, **APIXABAN)
    (note,) = _notes(card)
    assert note.startswith(
        "For interventional radiology: INR 2.4 (23 Nov); platelets 40 (23 Nov); On apixaban, last dose "
    )


def test_the_day_of_the_last_dose_is_noted_as_the_button_says(knowledge: Knowledge):
    """Add "last apixaban 3 Dec": the note has the day as well."""
    (card,) = _cards(knowledge, LATER, labs=IN_RANGE, **APIXABAN)
    assert card["suggestions"][0]["label"] == "Add “last apixaban 3 Dec” to the order"
    assert _notes(card) == ["For interventional radiology: On apixaban, last dose Thu 3 Dec."]


def test_a_reason_is_asked_for_once(knowledge: Knowledge):
    """An order that is there twice needs one sentence."""
    tips = {"code": "procedure|tips", "in_days": 9}
    labs = [{"code": "loinc|1975-2", "value": 1.0, "unit": "mg/dL", "days": 1}]
    summaries = [card["summary"] for card in _cards(knowledge, tips, tips, labs=labs)]
    assert sum("add why TIPS is needed" in summary for summary in summaries) <= 1
    assert not any("1 more" in summary and "add why" in summary for summary in summaries)


# --- Buttons of a critical card that is about several orders ---

LEG = {"code": "procedure|leg-arterial-thrombolysis", "in_days": 3}
VEIN = {"code": "procedure|deep-vein-thrombolysis", "in_days": 3}
BIOPSY = {"code": "procedure|liver-biopsy", "in_days": 3}
BRAIN_BLEED = {
    "conditions": [
        {"code": "icd-10-cm|I61.9", "display": "Nontraumatic intracerebral hemorrhage", "onset_days": 21},
        {"code": "icd-10-cm|I82.421", "display": "Acute embolism and thrombosis of right iliac vein", "onset_days": 2},
    ],
    "labs": IN_RANGE,
}


def _actions(card: Json, label: str) -> list[tuple[str, str]]:
    (suggestion,) = [one for one in card["suggestions"] if one["label"].startswith(label)]
    actions = suggestion["actions"]
    return [
        (a["type"], a["resourceId"] if a["type"] == "delete" else a["resource"]["code"]["coding"][0]["code"])
        for a in actions
    ]


@pytest.mark.parametrize("orders", [(LEG,), (LEG, LEG), (LEG, VEIN), (LEG, VEIN, LEG)])
def test_cancel_deletes_every_order_that_the_card_is_critical_for(knowledge: Knowledge, orders: tuple[Json, ...]):
    """One click deletes all of them, and the button says how many."""
    card = next(c for c in _cards(knowledge, *orders, **BRAIN_BLEED) if c["indicator"] == "critical")
    label = "Cancel this order" if len(orders) == 1 else f"Cancel these {len(orders)} orders"
    assert _actions(card, label) == [("delete", f"ServiceRequest/draft-{n}") for n in range(1, len(orders) + 1)]


def test_replace_takes_the_place_of_every_order_that_it_can(knowledge: Knowledge):
    """Two thromboses, each in a draft of its own: each draft is deleted and gets its thrombectomy."""
    card = next(c for c in _cards(knowledge, LEG, VEIN, **BRAIN_BLEED) if c["indicator"] == "critical")
    actions = _actions(card, "Replace with ")
    assert [kind for kind, _ in actions] == ["delete", "create", "delete", "create"]


def test_an_order_beside_the_critical_one_stays(knowledge: Knowledge):
    """A biopsy is not deleted with the lysis that must not be done, whichever was written first."""
    for orders in ((BIOPSY, LEG), (LEG, BIOPSY)):
        card = next(c for c in _cards(knowledge, *orders, **BRAIN_BLEED) if c["indicator"] == "critical")
        lysis = f"ServiceRequest/draft-{orders.index(LEG) + 1}"
        assert _actions(card, "Cancel this order") == [("delete", lysis)]
