"""One medication in every form in which records hold it, and what its status, dates and use say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_service.cases import coding, request_of
from cds_service.knowledge.tables import Knowledge
from tests.findings.test_agents_as_written import listed
from tests.findings.test_antithrombotics import ROW
from tests.support.judging import judge_request

Json = dict[str, Any]
NOW = datetime(2026, 11, 24, 9, tzinfo=ZoneInfo("Asia/Shanghai"))


def ago(days: int) -> str:
    """A day before the call; negative for one to come."""
    return (NOW - timedelta(days=days)).date().isoformat()


def said(resources: list[Json], knowledge: Knowledge) -> list[tuple[str, str, str, str]]:
    """Agent, action, level and day of the last dose of each advice, for a list of medications."""
    request = request_of({"order": {"code": "procedure|kidney-ablation", "in_days": 10}}, NOW)
    request["prefetch"]["medications"]["entry"] = [{"resource": resource} for resource in resources]
    order = judge_request(request, knowledge, NOW).orders[0]
    (found,) = [c for row in order.contraindications if row.contraindication.id == ROW for c in row.criteria]
    return sorted((a.agent, a.action.value, a.indicator.word, str(a.last_dose)) for a in found.holds)


def request(number: int, **fields: Any) -> Json:
    """An active MedicationRequest of last month."""
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}",
        "status": "active",
        "intent": "order",
        "authoredOn": ago(30),
        **fields,
    }


def inline(number: int, concept: Json) -> list[Json]:
    """As a concept of the order."""
    return [request(number, medicationCodeableConcept=concept)]


def contained(number: int, concept: Json) -> list[Json]:
    """As a Medication within the order."""
    medication = {"resourceType": "Medication", "id": "med", "code": concept}
    return [request(number, contained=[medication], medicationReference={"reference": "#med"})]


def referenced(number: int, concept: Json) -> list[Json]:
    """As a Medication of its own."""
    medication = {"resourceType": "Medication", "id": f"med{number}", "code": concept}
    return [request(number, medicationReference={"reference": f"Medication/med{number}"}), medication]


def by_ingredient(number: int, concept: Json) -> list[Json]:
    """As the ingredient of a Medication without a code, referred to by its address."""
    medication = {"resourceType": "Medication", "id": f"med{number}", "ingredient": [{"itemCodeableConcept": concept}]}
    return [
        request(number, medicationReference={"reference": f"https://ehr.example.org/fhir/Medication/med{number}"}),
        medication,
    ]


def by_display(number: int, concept: Json) -> list[Json]:
    """As the display of a reference to what is not there; a code without a name has none."""
    if "text" not in concept:
        return inline(number, concept)
    return [request(number, medicationReference={"reference": f"Medication/x{number}", "display": concept["text"]})]


def statement(number: int, concept: Json) -> list[Json]:
    """As a MedicationStatement."""
    return [
        {
            "resourceType": "MedicationStatement",
            "id": f"s{number}",
            "status": "active",
            "dateAsserted": ago(30),
            "medicationCodeableConcept": concept,
        }
    ]


def administration(number: int, concept: Json) -> list[Json]:
    """As a MedicationAdministration that goes on."""
    return [
        {
            "resourceType": "MedicationAdministration",
            "id": f"a{number}",
            "status": "in-progress",
            "effectivePeriod": {"start": ago(30)},
            "medicationCodeableConcept": concept,
        }
    ]


def reported(number: int, concept: Json) -> list[Json]:
    """As US Core has what a patient reports."""
    return [request(number, intent="plan", reportedBoolean=True, medicationCodeableConcept=concept)]


def concepts() -> list[Json]:
    """Each agent by its code and by its first name with a dose, as an EHR writes it."""
    rows = listed()
    codes: list[Json] = [{"coding": [coding(row["code"])]} for row in rows if row["code"]]
    return codes + [{"text": f"{row['names'].split('|')[0]} 5 mg tab PO BID"} for row in rows]


@pytest.fixture(scope="module")
def as_a_concept(knowledge: Knowledge) -> list[tuple[Json, list[tuple[str, str, str, str]]]]:
    """What is said of each agent where the order holds its concept."""
    return [(concept, said(inline(1, concept), knowledge)) for concept in concepts()]


@pytest.mark.parametrize(
    "form", [contained, referenced, by_ingredient, by_display, statement, administration, reported]
)
def test_a_medication_is_the_same_in_every_form(
    form: Callable[[int, Json], list[Json]],
    as_a_concept: list[tuple[Json, list[tuple[str, str, str, str]]]],
    knowledge: Knowledge,
) -> None:
    """Each agent by code and by name: who, what is done, how loud and until when are as for an order with a concept."""
    other = [concept for concept, expected in as_a_concept if said(form(1, concept), knowledge) != expected]
    assert other == []


def bounds(start: int, end: int) -> Json:
    """A dose from a day to another."""
    return {"dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": ago(start), "end": ago(end)}}}}]}


def statement_of(status: str, start: int, end: int) -> Json:
    """A MedicationStatement of a time."""
    period = {"start": ago(start), "end": ago(end)}
    return {"resourceType": "MedicationStatement", "status": status, "effectivePeriod": period}


def given(status: str, days: int) -> Json:
    """A MedicationAdministration."""
    return {"resourceType": "MedicationAdministration", "status": status, "effectiveDateTime": f"{ago(days)}T08:00:00Z"}


def dispensed(status: str, days: int, supply: int) -> Json:
    """A MedicationDispense."""
    handed = {"whenHandedOver": ago(days), "daysSupply": {"value": supply}}
    return {"resourceType": "MedicationDispense", "status": status, **handed}


NEVER, MAY_BE, HOLDS, HELD = None, "may-be-taken", "hold", "held-already"


@pytest.mark.parametrize(
    ("name", "fields", "action"),
    [
        ("active", {}, HOLDS),
        ("active, taken as needed", {"dosageInstruction": [{"asNeededBoolean": True}]}, HOLDS),
        ("active, written seven years ago", {"authoredOn": ago(2500)}, HOLDS),
        ("active, dated to come", {"authoredOn": ago(-3)}, HOLDS),
        ("what a patient reports", {"intent": "plan", "reportedBoolean": True}, HOLDS),
        ("on hold", {"status": "on-hold"}, HELD),
        ("stopped yesterday", {"status": "stopped", "authoredOn": ago(1)}, MAY_BE),
        ("stopped two months ago", {"status": "stopped", "authoredOn": ago(60)}, NEVER),
        ("completed, a course that goes on", {"status": "completed", **bounds(10, -10)}, MAY_BE),
        ("completed, a course that ended yesterday", {"status": "completed", **bounds(30, 1)}, MAY_BE),
        ("completed, a course that ended long ago", {"status": "completed", **bounds(90, 60)}, NEVER),
        ("completed a year ago", {"status": "completed", "authoredOn": ago(400)}, NEVER),
        ("cancelled", {"status": "cancelled"}, NEVER),
        ("a draft of somebody else", {"status": "draft"}, NEVER),
        ("entered in error", {"status": "entered-in-error"}, NEVER),
        ("a proposal", {"intent": "proposal"}, NEVER),
        ("an option", {"intent": "option"}, NEVER),
        ("an order not to give it", {"doNotPerform": True}, NEVER),
        ("said to be taken", statement_of("active", 30, -30), HOLDS),
        ("said to be taken soon", statement_of("intended", -1, -30), HELD),
        ("said not to be taken", statement_of("not-taken", 30, -30), NEVER),
        ("said to have ended two years ago", statement_of("completed", 900, 700), NEVER),
        ("a dose of yesterday", given("completed", 1), HOLDS),
        ("a dose of nine days ago", given("completed", 9), NEVER),
        ("a dose that was not given", given("not-done", 1), NEVER),
        ("a supply of 90 days, handed over 30 days ago", dispensed("completed", 30, 90), HOLDS),
        ("a supply that ran out in summer", dispensed("completed", 200, 90), NEVER),
        ("a supply that is being prepared", dispensed("preparation", 1, 90), NEVER),
    ],
)
def test_what_a_status_says(name: str, fields: Mapping[str, Any], action: str | None, knowledge: Knowledge) -> None:
    """Who takes it is told when to stop, who may take it still is asked, and what never was in use is no medication."""
    found = said([request(1, medicationCodeableConcept={"text": "Eliquis 5 mg tab"}, **fields)], knowledge)
    assert [advice[1] for advice in found] == ([] if action is NEVER else [action]), name


@pytest.mark.parametrize(
    ("text", "agents"),
    [
        ("Eliquis 5mg Starterpack", ["apixaban"]),
        ("apixiban 5 mg", ["apixaban"]),
        ("ASA 81", ["aspirin-low"]),
        ("ASA 325 mg EC daily", ["aspirin-low"]),
        ("ASA class III", []),
        ("5-ASA 800 mg", []),
        ("AAS 100 mg", ["aspirin-low"]),
        ("ASS 100 TAH", ["aspirin-low"]),
        ("DAPT", ["antiplatelet-unspecified"]),
        ("DOAK", ["anticoagulant-unspecified"]),
        ("clopidogrel/aspirin 75/100", ["aspirin-low", "clopidogrel"]),
        ("DuoPlavin 75 mg/100 mg", ["aspirin-combination", "clopidogrel"]),
        ("Xarelto 2,5 mg", ["rivaroxaban"]),
        ("heparin 5,000 unit/mL injection subcut", ["ufh-sc"]),
        ("heparin in dextrose 5% 25,000 unit/250 mL", ["ufh-iv"]),
        ("heparin lock flush 10 unit/mL", []),
        ("heparin (PF) 10 unit/mL in NaCl 0.9 % syringe", []),
        ("heparin 2 units/mL in NaCl 0.9 % 500 mL arterial line", []),
        ("heparin dialysis catheter lock 1000 units/mL", []),
        ("heparin ophthalmic drops", []),
        ("Heparin-Salbe 60000", []),
        ("Cathflo Activase 2 mg", []),
        ("alteplase 50 mg infusion", ["alteplase"]),
        ("epoprostenol 1.5 mg inhaled", ["epoprostenol"]),
        ("Flolan IV", ["epoprostenol"]),
        ("diclofenac 1 % topical gel", []),
        ("Voltaren Schmerzgel forte", []),
        ("Ibuprofen Schmerzpflaster", []),
        ("ketorolac 0.5 % ophthalmic solution", []),
        ("Vessel Due F 250", ["sulodexide"]),
        ("Vessel sealing device", []),
    ],
)
def test_as_it_is_written(text: str, agents: list[str], knowledge: Knowledge) -> None:
    """Doses, packs, abbreviations and two drugs in one name the agent; a flush, a lock, a gel name none."""
    found = said([request(1, medicationCodeableConcept={"text": text})], knowledge)
    assert [advice[0] for advice in found] == agents


@pytest.mark.parametrize("text", ["Integrilin infusion", "tirofiban drip", "ReoPro", "Kengreal infusion"])
def test_a_drug_of_a_running_intervention_is_never_stopped_by_a_number(text: str, knowledge: Knowledge) -> None:
    """Who gets one is in a coronary intervention or just after one: cardiology is asked, nobody is told a last dose."""
    (advice,) = said([request(1, medicationCodeableConcept={"text": text})], knowledge)
    assert advice[1:] == ("ask-first", "warning", "None")


@pytest.mark.parametrize(("text", "often"), [("Xarelto 2.5 mg", 2), ("apixaban 5 mg", 1), ("Lixiana 60 mg", 2)])
def test_doses_are_those_of_the_usual_schedule(text: str, often: int, knowledge: Knowledge) -> None:
    """However often it is taken here: 2 doses of one a day, and 4 of two a day, are two full days before 4 December."""
    timing = {"timing": {"repeat": {"frequency": often, "period": 1, "periodUnit": "d"}}}
    order = request(1, medicationCodeableConcept={"text": text}, dosageInstruction=[timing])
    (advice,) = said([order], knowledge)
    assert advice[3] == "2026-12-01"


@pytest.mark.parametrize(("days", "counts"), [(1, True), (2, True), (3, False)])
def test_a_dose_counts_as_long_as_it_may_act(days: int, counts: bool, knowledge: Knowledge) -> None:
    """Heparin that was given once is held for hours: a dose of three days ago changes nothing."""
    heparin = {"medicationCodeableConcept": {"text": "heparin 25,000 units infusion"}}
    found = said([request(1, **heparin, **given("completed", days))], knowledge)
    assert bool(found) is counts
