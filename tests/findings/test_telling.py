"""When an answer is told and how loudly: each rule with the case that speaks and the one that does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from cds_service.certainty import Certainty
from cds_service.findings.context import order_context, prepare
from cds_service.findings.finding import CriterionFinding, OrderFinding, Shown, Told, Urgency
from cds_service.findings.telling import said_once, tell
from cds_service.findings.urgency import Timing
from cds_service.indicator import Indicator
from cds_service.knowledge.tables import Knowledge
from cds_service.reasons import Reason
from tests.support.judging import facts_of_case, judge

NAMED, LOW, CHOICE = "tips", "port-placement", "generic-thrombectomy"
ON_WARFARIN, CIRRHOSIS = "icd-10-cm|Z79.01", "icd-10-cm|K74.60"
THROMBOCYTOPENIA = "icd-10-cm|D69.6"


def platelets(value: float, age_days: int = 1) -> dict[str, Any]:
    """A platelet count."""
    return {"code": "loinc|777-3", "value": value, "unit": "10*9/L", "days": age_days}


def inr(value: float, age_days: int = 1) -> dict[str, Any]:
    """An INR."""
    return {"code": "loinc|6301-6", "value": value, "unit": "{INR}", "days": age_days}


def told(order: OrderFinding, criterion: str) -> str:
    """`card warning present`, `none info measured`, ... of a criterion; `-` where it says nothing."""
    found = [f for row in order.contraindications for f in row.criteria if f.criterion.id == criterion]
    if not found:
        return "-"
    level = found[0].indicator or Indicator.INFO
    return f"{found[0].told.shown.value} {level.word} {found[0].told.why}"


def ordered(procedure: str, **fields: Any) -> dict[str, Any]:
    """An order of a procedure."""
    return {"code": f"procedure|{procedure}", "fields": fields}


@pytest.mark.parametrize(
    ("procedure", "criterion", "expected"),
    [
        (NAMED, "platelets-high-risk", "card warning present"),
        (CHOICE, "platelets-high-risk", "card info present"),
        (LOW, "platelets-low-risk", "none info absent"),
    ],
)
def test_one_value_in_three_classes(
    procedure: str, criterion: str, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """Platelets of 40 are a warning where a guideline names the procedure, else information, and silent at low risk."""
    assert told(judge({"order": procedure, "labs": [platelets(40)]}, knowledge, now), criterion) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"priority": "stat"}, "card info present"),
        ({"priority": "urgent"}, "card warning present"),
        ({"priority": "routine"}, "card warning present"),
        ({}, "card warning present"),
    ],
)
def test_an_emergency_is_only_informed(
    fields: Mapping[str, Any], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """The same platelets of 40 are information in an emergency and a warning else."""
    row = {"order": ordered(NAMED, **fields), "labs": [platelets(40)]}
    assert told(judge(row, knowledge, now), "platelets-high-risk") == expected


def test_anaphylaxis_is_a_warning_even_in_an_emergency(knowledge: Knowledge, now: datetime) -> None:
    """Another agent costs no time: a severe contrast reaction stays a warning, a mild one is information."""
    severe = {"code": "rxnorm|5956", "manifestation": "sct|39579001"}
    row = {"order": ordered(NAMED, priority="stat"), "allergies": [severe]}
    assert told(judge(row, knowledge, now), "iodinated-contrast-allergy") == "card warning present"
    row["allergies"] = [{"code": "rxnorm|5956"}]
    assert told(judge(row, knowledge, now), "iodinated-contrast-allergy") == "card info present"


def test_no_answer_is_louder_in_an_emergency_than_its_exception_allows(knowledge: Knowledge, now: datetime) -> None:
    """Whatever level an answer was given, also one above what its row says: information, or what the table exempts."""
    patient = prepare(facts_of_case({"order": NAMED}, knowledge, now), knowledge)
    context = order_context((knowledge.procedures[NAMED],), Timing(Urgency.EMERGENCY, 0))
    tried = [
        (criterion, level, tell(CriterionFinding(criterion, Certainty.PRESENT, level), row, context, patient))
        for row in knowledge.contraindications
        for criterion in row.criteria
        for level in Indicator
    ]
    allowed = [(criterion.even_in_emergency or Indicator.INFO) for criterion, _, _ in tried]
    louder = [
        (criterion.id, level)
        for (criterion, level, found), most in zip(tried, allowed, strict=True)
        if (found.indicator or Indicator.INFO) > most
    ]
    assert len(tried) > 400
    assert louder == []


def test_entries_without_anything_to_show_are_not_taken_for_shown(knowledge: Knowledge) -> None:
    """An answer that an entry leaves open gets no card of its own only where another card shows that entry."""
    (row, *_) = knowledge.contraindications
    unsure = CriterionFinding(row.criteria[0], Certainty.UNKNOWN, reason=Reason("possible-by-text"))
    assert said_once([replace(unsure, told=Told(Shown.CARD, "not-read"))])[0].told.shown is Shown.CARD


@pytest.mark.parametrize(
    ("labs", "expected"),
    [
        ([platelets(240)], "none info measured"),
        ([platelets(22)], "none info measured"),
        ([platelets(240, age_days=31)], "card info present"),
        ([], "card info present"),
    ],
)
def test_a_measurement_outranks_a_code(
    labs: list[dict[str, Any]], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """Recorded thrombocytopenia is told only where no valid platelet count says more."""
    row = {"order": NAMED, "conditions": [THROMBOCYTOPENIA], "labs": labs}
    assert told(judge(row, knowledge, now), "thrombocytopenia") == expected


def test_a_bleeding_disorder_is_not_measured_by_platelets(knowledge: Knowledge, now: datetime) -> None:
    """Hemophilia is told whatever the platelets are."""
    row = {"order": NAMED, "conditions": ["icd-10-cm|D66"], "labs": [platelets(240), inr(1.0)]}
    assert told(judge(row, knowledge, now), "bleeding-disorder") == "card warning present"


@pytest.mark.parametrize(
    ("procedure", "conditions", "labs", "expected"),
    [
        (NAMED, [], [], "card info required"),
        (NAMED, [], [platelets(200, age_days=31)], "card info required"),
        (CHOICE, [], [], "none info not-required"),
        (CHOICE, [ON_WARFARIN], [], "card info required"),
        (LOW, [], [], "-"),
    ],
)
def test_a_missing_result_is_told_where_a_guideline_asks_for_it(
    procedure: str,
    conditions: list[str],
    labs: list[dict[str, Any]],
    expected: str,
    knowledge: Knowledge,
    now: datetime,
) -> None:
    """No platelet count is told where a guideline names the procedure at high risk, or on an anticoagulant."""
    row = {"order": procedure, "conditions": conditions, "labs": labs}
    assert told(judge(row, knowledge, now), "platelets-high-risk") == expected


@pytest.mark.parametrize("days", [0, 1, 2, None])
@pytest.mark.parametrize("conditions", [[], [ON_WARFARIN], [CIRRHOSIS]])
@pytest.mark.parametrize("priority", ["stat", "urgent", "routine"])
def test_a_missing_result_warns_only_when_time_is_short_and_the_patient_at_risk(
    days: int | None, conditions: list[str], priority: str, knowledge: Knowledge, now: datetime
) -> None:
    """Today or tomorrow (by priority where no day is given) and at risk it is a warning; never in an emergency."""
    planned = {} if days is None else {"occurrenceDateTime": (now + timedelta(days=days)).date().isoformat()}
    row = {"order": ordered(NAMED, priority=priority, **planned), "conditions": conditions}
    near = (days is not None and days <= 1) or (days is None and priority == "urgent")
    loud = near and bool(conditions) and priority != "stat"
    expected = f"card {'warning' if loud else 'info'} required"
    limit = "platelets-chronic-liver-disease" if CIRRHOSIS in conditions else "platelets-high-risk"
    assert told(judge(row, knowledge, now), limit) == expected


def test_in_an_emergency_a_missing_result_is_no_card_of_its_own(knowledge: Knowledge, now: datetime) -> None:
    """Where something is on record, a missing result is a line; where nothing is at all, that is told."""
    order = ordered(NAMED, priority="stat")
    assert told(judge({"order": order, "labs": [inr(1.0)]}, knowledge, now), "platelets-high-risk").startswith("line")
    assert told(judge({"order": order}, knowledge, now), "platelets-high-risk") == "card info required"


@pytest.mark.parametrize(
    ("conditions", "criterion", "expected"),
    [
        (["icd-10-cm|Z79.82"], "antithrombotic-use", "line info says-little-alone"),
        (["icd-10-cm|Z99.2"], "dialysis", "line info says-little-alone"),
        (["icd-10-cm|I50.9"], "heart-failure-recorded", "none info severity-not-shown"),
        ([{"code": "icd-10-cm|F05", "onset_days": 95}], "delirium-or-coma", "line info may-not-hold"),
        ([{"code": "icd-10-cm|F20.9", "clinical": "remission"}], "psychosis", "line info may-not-hold"),
        (["icd-10-cm|F20.9"], "psychosis", "card info present"),
    ],
)
def test_what_says_little_alone_makes_no_card(
    conditions: list[Any], criterion: str, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """A code that changes nothing by itself, or may no longer hold, is at most a line on another card."""
    row = {"order": "uterine-fibroid-embolization", "conditions": conditions}
    assert told(judge(row, knowledge, now), criterion) == expected


@pytest.mark.parametrize("group", ["sct|735971005", "sct|44027008"])
def test_seafood_is_never_told(group: str, knowledge: Knowledge, now: datetime) -> None:
    """An allergy to seafood is in the decision and on no card."""
    row = {"order": NAMED, "allergies": [{"code": group}]}
    assert told(judge(row, knowledge, now), "seafood-allergy") == "none info says-little-alone"


@pytest.mark.parametrize("kind", ["conditions", "allergies", "observations"])
@pytest.mark.parametrize("procedure", [NAMED, CHOICE, LOW, "paracentesis", "uterine-fibroid-embolization"])
def test_what_failed_is_always_told(kind: str, procedure: str, knowledge: Knowledge, now: datetime) -> None:
    """Data that an order rests on and that were not sent make a card, however small the procedure."""
    row = {"order": procedure, "not_sent": [kind], "patient": {"birthDate": "1950-01-01"}}
    order = judge(row, knowledge, now)
    asked = [f for row in order.contraindications for f in row.criteria if kind == f.criterion.question.DATA]
    assert all(f.told.shown is Shown.CARD for f in asked)
    assert asked or kind == "allergies"


@pytest.mark.parametrize(
    ("procedure", "conditions", "expected"),
    [
        (NAMED, [], "card info not-read"),
        (CHOICE, [], "none info not-required"),
        (CHOICE, [ON_WARFARIN], "card warning not-read"),
    ],
)
def test_medications_that_nobody_sent_are_told_where_they_are_needed(
    procedure: str, conditions: list[str], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """No medication list is told before a named procedure of high risk, or where a diagnosis says that there is one."""
    row = {"order": procedure, "conditions": conditions, "not_sent": ["medications"]}
    assert told(judge(row, knowledge, now), "antithrombotic") == expected


@pytest.mark.parametrize("kind", ["conditions", "allergies"])
def test_a_list_that_failed_is_a_warning_unless_it_is_an_emergency(
    kind: str, knowledge: Knowledge, now: datetime
) -> None:
    """Allergies or conditions that were not sent are a warning before an elective procedure, else information."""
    for priority, level in (("routine", Indicator.WARNING), ("stat", Indicator.INFO)):
        order = judge({"order": ordered(NAMED, priority=priority), "not_sent": [kind]}, knowledge, now)
        asked = [f for row in order.contraindications for f in row.criteria if kind == f.criterion.question.DATA]
        assert {f.indicator for f in asked} == {level}


@pytest.mark.parametrize(
    ("hook", "procedure", "expected"),
    [
        ("order-select", CHOICE, "none info at-signing"),
        ("order-sign", CHOICE, "card info present"),
        ("order-select", NAMED, "card warning present"),
    ],
)
def test_planning_waits_until_the_order_is_signed(
    hook: str, procedure: str, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """While an order is being written only what stops it is told; information for planning comes when it is signed."""
    row = {"hook": hook, "order": procedure, "labs": [platelets(40), inr(1.0)]}
    assert told(judge(row, knowledge, now), "platelets-high-risk") == expected


def test_a_special_limit_takes_the_place_of_the_general_one_only_while_it_speaks(
    knowledge: Knowledge, now: datetime
) -> None:
    """Where a hospital switches the platelet limit for liver disease off, the general one applies again."""
    row = {"order": NAMED, "conditions": [CIRRHOSIS], "labs": [platelets(28), inr(1.0)]}
    assert told(judge(row, knowledge, now), "platelets-high-risk") == "-"
    rows = tuple(
        replace(one, criteria=tuple(c for c in one.criteria if c.id != "platelets-chronic-liver-disease"))
        for one in knowledge.contraindications
    )
    switched_off = dataclasses.replace(knowledge, contraindications=rows)
    assert told(judge(row, switched_off, now), "platelets-high-risk") == "card warning present"
