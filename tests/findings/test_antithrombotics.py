"""Antithrombotics: each agent in every spelling, hold dates to the day, and what nobody looked at is not absent."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cds_service.cases import request_of
from cds_service.facts.patient_facts import When
from cds_service.findings.holds import choose, last_dose
from cds_service.findings.medication_list import medications_of
from cds_service.knowledge.load import TABLES
from cds_service.knowledge.medication_types import ANTITHROMBOTIC, ClearanceBand, HoldAction, HoldRow
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, judge_request, said_of
from tests.support.reading import read
from tests.support.shipped import shipped_rows
from tests.support.tables import CHANGE, with_site

ROW = "antithrombotic-medication"
AGENTS: dict[str, dict[str, Any]] = {row["id"]: row for row in shipped_rows().medications["agent"]}
SPOKEN = [key for key, row in AGENTS.items() if row["kind"] in ANTITHROMBOTIC]
HOLDS = tomllib.loads((TABLES / "holds.toml").read_text("utf-8"))["hold"]


def agents_of(knowledge: Knowledge, medication: dict[str, Any], **fields: Any) -> set[str]:
    """The agents that one MedicationRequest is recognized as."""
    order = {"status": "active", "intent": "order", "medicationCodeableConcept": medication, **fields}
    (entry,) = medications_of(read(medications=[order]), knowledge).entries
    return set(entry.agents)


def coded(system: str) -> list[tuple[str, str]]:
    """(agent, code) of every code of one system in the agents' value sets."""
    found = []
    for key in SPOKEN:
        value_set = shipped_rows().value_sets.get(AGENTS[key].get("value_set", ""), {"compose": {"include": []}})
        for include in value_set["compose"]["include"]:
            codes = include.get("concept", ()) if include["system"] == system else ()
            found += [(key, concept["code"]) for concept in codes]
    return found


@pytest.mark.parametrize(
    ("system", "least"),
    [
        ("http://www.nlm.nih.gov/research/umls/rxnorm", 45),
        ("http://www.whocc.no/atc", 60),
        ("http://snomed.info/sct", 40),
        ("http://fdasis.nlm.nih.gov", 60),
    ],
)
def test_every_code_of_an_agent_is_recognized(system: str, least: int, knowledge: Knowledge) -> None:
    """Products and ingredients of RxNorm, ATC, SNOMED CT and UNII name their agent, without a word beside them."""
    listed = coded(system)
    assert len({agent for agent, _ in listed}) >= least
    missed = [
        (agent, code)
        for agent, code in listed
        if agent not in agents_of(knowledge, {"coding": [{"system": system, "code": code}]})
    ]
    assert missed == []


def test_every_name_of_an_agent_is_recognized(knowledge: Knowledge) -> None:
    """Generic names, names in other languages and brands are found in a text with a strength behind them."""
    missed = []
    for key in SPOKEN:
        names = (*AGENTS[key].get("words", ()), *AGENTS[key].get("unverified_words", ()))
        found = {name: agents_of(knowledge, {"text": f"{name} 10 mg"}) for name in names}
        # A word that says how it is given tells one use of a name from another.
        missed += [name for name, agents in found.items() if not agents & {key, "ufh-sc", "ufh-iv"}]
    assert missed == []


@pytest.mark.parametrize(
    ("text", "sig", "expected"),
    [
        ("heparin sodium 5000 units", "inject subcutaneously every 8 hours", {"ufh-sc"}),
        ("heparin 25,000 units in 250 mL", "continuous infusion", {"ufh-iv"}),
        ("heparin 100 units/mL", "flush the line", set()),
        ("Heparin Gel 1000", "", set()),
        ("Voltaren Emulgel", "", set()),
        ("ASA III", "", set()),
        ("mesalazine 5-ASA", "", set()),
        ("aspirin-free headache tablets", "", set()),
        ("Vessel sealing device", "", set()),
        ("apixaban 5 MG Oral Tablet [Eliquis]", "", {"apixaban"}),
        ("Plavix 75 mg and aspirin 81 mg", "", {"clopidogrel", "aspirin-low"}),
        ("alteplase 2 mg", "for a blocked port", set()),
    ],
)
def test_texts(text: str, sig: str, expected: set[str], knowledge: Knowledge) -> None:
    """A name counts as a whole word; a gel, a flush and a look-alike are none, and the route tells the use."""
    fields = {"dosageInstruction": [{"text": sig}]} if sig else {}
    assert agents_of(knowledge, {"text": text}, **fields) == expected


def a_row(amount: str, unit: str, *, least: str | None = None) -> HoldRow:
    """A row that holds so long."""
    return HoldRow(
        id="x",
        agent="x",
        guideline="SIR 2019",
        bleeding_risk="high",
        dose=None,
        band=ClearanceBand(),
        action=HoldAction.HOLD,
        least=Decimal(least or amount),
        most=Decimal(amount),
        unit=unit,
        test=None,
        test_limit=None,
        restart=None,
        source="x",
        grade="B",
        active=True,
    )


def on(text: str) -> When:
    """A day, or a time of the day."""
    zone = datetime.now().astimezone().tzinfo
    if "T" in text:
        moment = datetime.fromisoformat(text).replace(tzinfo=zone)
        return When(moment, moment, text[:10])
    start = datetime.fromisoformat(text).replace(tzinfo=zone)
    return When(start, start.replace(hour=23, minute=59), text)


@pytest.mark.parametrize(
    ("amount", "unit", "a_day", "planned", "expected"),
    [
        ("6", "doses", 2, "2026-12-04", "2026-11-30"),
        ("4", "doses", 2, "2026-12-04", "2026-12-01"),
        ("2", "doses", 1, "2026-12-04", "2026-12-01"),
        ("1", "doses", 2, "2026-12-04", "2026-12-03"),
        ("1", "doses", 1, "2026-12-04", "2026-12-02"),
        ("3", "doses", 2, "2026-12-04", "2026-12-02"),
        ("5", "d", None, "2026-12-04", "2026-11-28"),
        ("7", "d", None, "2026-12-04", "2026-11-26"),
        ("5", "d", None, "2027-01-02", "2026-12-27"),
        ("24", "h", None, "2026-12-04", "2026-12-03"),
        ("36", "h", None, "2026-12-04", "2026-12-02"),
        ("6", "h", None, "2026-12-04", "2026-12-04"),
        ("6", "h", None, "2026-12-04T10:00", "2026-12-04"),
        ("6", "h", None, "2026-12-04T05:00", "2026-12-03"),
        ("24", "h", None, "2026-12-04T10:00", "2026-12-03"),
    ],
)
def test_the_day_of_the_last_dose(amount: str, unit: str, a_day: int | None, planned: str, expected: str) -> None:
    """Full days without it before the day of the procedure, and none on that day; hours count from its time."""
    doses = None if a_day is None else Decimal(a_day)
    assert last_dose(a_row(amount, unit), on(planned), doses) == date.fromisoformat(expected)


def test_a_range_keeps_the_longest_hold() -> None:
    """Of three to five days the last dose keeps five; without a day of the procedure there is no date."""
    assert last_dose(a_row("5", "d", least="3"), on("2026-12-04"), None) == date(2026, 11, 28)
    assert last_dose(a_row("5", "d"), None, None) is None


def days_from(now: datetime, days: int) -> date:
    """A day so many days from now."""
    return date.fromordinal(now.date().toordinal() + days)


@pytest.mark.parametrize(
    ("medication", "labs", "before"),
    [
        ({"code": "rxnorm|1364430", "text": "apixaban 5 mg"}, 45, 4),
        ({"code": "rxnorm|1364430", "text": "apixaban 5 mg"}, 90, 3),
        ({"code": "rxnorm|1037042", "text": "dabigatran 150 mg"}, 90, 3),
        ({"code": "rxnorm|1037042", "text": "dabigatran 150 mg"}, 40, 5),
        ({"code": "rxnorm|1114195", "text": "rivaroxaban 20 mg"}, 90, 3),
        ({"code": "rxnorm|1599538", "text": "edoxaban 60 mg"}, 90, 3),
        ({"code": "rxnorm|11289", "text": "warfarin"}, 90, 6),
        ({"code": "rxnorm|32968", "text": "clopidogrel"}, 90, 6),
        ({"code": "rxnorm|1116632", "text": "ticagrelor"}, 90, 6),
        ({"code": "rxnorm|613391", "text": "prasugrel"}, 90, 8),
        ({"code": "rxnorm|321208", "text": "fondaparinux"}, 90, 4),
    ],
)
def test_the_last_dose_before_an_order(
    medication: dict[str, Any], labs: int, before: int, knowledge: Knowledge, now: datetime
) -> None:
    """Before a procedure of high risk in twelve days the day of the last dose stands in the finding."""
    case = {
        "order": {"code": "procedure|tips", "in_days": 12},
        "labs": [{"code": "loinc|98979-8", "value": labs, "unit": "mL/min/{1.73_m2}"}],
        "medications": [medication],
    }
    order = judge(case, knowledge, now)
    (finding,) = [c for row in order.contraindications if row.contraindication.id == ROW for c in row.criteria]
    (advice,) = finding.holds
    assert (advice.action, advice.last_dose) == (HoldAction.HOLD, days_from(now, 12 - before))
    assert advice.row is not None
    assert advice.row.guideline == "SIR 2019"


def test_nothing_of_grade_c_speaks(knowledge: Knowledge) -> None:
    """Whatever the risk and the clearance, the row that speaks is active and of grade A or B."""
    assert [row["id"] for row in HOLDS if row["grade"] == "C" and row["status"] == "active"] == []
    for rows in knowledge.medications.holds.values():
        for risk in ("low", "high"):
            for clearance in (None, *map(Decimal, (5, 20, 27, 35, 55, 90))):
                chosen = choose(rows, risk, clearance)
                told = [row for row in (chosen.row, *chosen.others) if row is not None]
                assert all(row.active and row.grade in ("A", "B") for row in told)


def test_an_agent_with_drafts_alone_gets_no_number(knowledge: Knowledge, now: datetime) -> None:
    """Every agent of which no active row speaks is named at most, without an amount or a date."""
    drafts = {key for key, rows in knowledge.medications.holds.items() if not any(row.active for row in rows)}
    assert len(drafts) >= 20
    for key in drafts & set(SPOKEN):
        text = next(iter((*AGENTS[key].get("words", ()), *AGENTS[key].get("unverified_words", ()))))
        case = {"order": {"code": "procedure|tips", "in_days": 12}, "medications": [{"text": text}]}
        order = judge(case, knowledge, now)
        criteria = [c for row in order.contraindications if row.contraindication.id == ROW for c in row.criteria]
        assert all(one.row is None and one.last_dose is None for c in criteria for one in c.holds), key


UNREAD = [
    {"not_sent": ["medications"]},
    {"refused": ["medications"]},
    {"medications": [{"fields": {"medicationReference": {"reference": "Medication/elsewhere"}}}]},
    {"medications": [{"fields": {"medicationReference": {"reference": "#nothing"}}}]},
    {"medications": [{}]},
    {"medications": [{"code": "http://hl7.org/fhir/sid/ndc|00000-0000-00"}]},
    {"medications": [{"code": "rxnorm|99999999"}]},
    {"medications": [{"text": "warfarin", "status": "unknown"}]},
    {"medications": [{"text": "warfarin", "status": "nonsense"}]},
    {"medications": [{"text": "lisinopril", "fields": {"status": 5}}]},
    {"medications": [{"text": "lisinopril", "fields": {"modifierExtension": [{"url": "x", "valueBoolean": True}]}}]},
    {"medications": [{"text": "lisinopril", "fields": {"subject": {"reference": "Patient/other"}}}]},
    {"medications": ["see scanned list"]},
]


@pytest.mark.parametrize("record", UNREAD, ids=str)
def test_what_was_not_read_is_never_absent(record: dict[str, Any], knowledge: Knowledge, now: datetime) -> None:
    """A list that was not sent, refused, half read or not understood leaves the question unknown."""
    order = judge({"order": "tips", **record}, knowledge, now)
    assert said_of(order, ROW).startswith("unknown")
    if "warfarin" not in str(record):
        other = judge({"order": "abdominal-aortic-stent-graft", **record}, knowledge, now)
        assert said_of(other, "metformin").startswith("unknown")


@pytest.mark.parametrize("text", ["lisinopril 10 mg", "acetaminophen", "insulin glargine", "アムロジピン"])
def test_other_medications_are_read(text: str, knowledge: Knowledge, now: datetime) -> None:
    """A medication that is something else makes nobody ask."""
    assert said_of(judge({"order": "tips", "medications": [text]}, knowledge, now), ROW) == "absent"


def test_a_medication_among_the_drafts_counts(knowledge: Knowledge, now: datetime) -> None:
    """What is ordered in the same session is on the list, although it is a draft."""
    warfarin = {
        "resourceType": "MedicationRequest",
        "id": "d9",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "warfarin 5 mg"},
    }
    assert said_of(judge({"order": "tips", "drafts": [warfarin]}, knowledge, now), ROW).startswith("present")


def test_one_medicine_in_two_resources_is_one_advice(knowledge: Knowledge, now: datetime) -> None:
    """An order and what the patient reported are one agent, with both references."""
    both = [{"code": "rxnorm|1364430", "text": "apixaban"}, {"text": "Eliquis", "intent": "plan"}]
    order = judge({"order": "tips", "medications": both}, knowledge, now)
    (finding,) = [c for row in order.contraindications if row.contraindication.id == ROW for c in row.criteria]
    assert [one.agent for one in finding.holds] == ["apixaban"]
    assert {item.reference for item in finding.evidence} == {"MedicationRequest/m1", "MedicationRequest/m2"}


def test_a_hospital_decides_on_a_hold(tmp_path: Path, now: datetime) -> None:
    """A site's own number replaces the shipped one; without a reason and an approver it is refused."""
    text = f'[[hold]]\nid = "apixaban-high-from-50-sir-2019"\nleast = 2\nmost = 2\nunit = "d"\n{CHANGE}\n'
    site = with_site(tmp_path, {"holds.toml": text})
    case = {"order": {"code": "procedure|tips", "in_days": 12}, "medications": ["apixaban"]}
    (finding,) = [
        c for row in judge(case, site, now).contraindications if row.contraindication.id == ROW for c in row.criteria
    ]
    assert finding.holds[0].last_dose == days_from(now, 12 - 3)
    assert ("holds", "apixaban-high-from-50-sir-2019") in {(change["table"], change["id"]) for change in site.changes}


def test_what_is_not_connected_is_asked_of_nobody(tmp_path: Path, knowledge: Knowledge, now: datetime) -> None:
    """Declared once by the site, the missing list stands in the decision as that, makes no card, and stays unknown."""
    site = with_site(tmp_path, {"not_connected.toml": f'[[not_connected]]\nid = "medications"\n{CHANGE}\n'})
    case = {"order": "tips", "not_sent": ["medications"]}
    order = judge(case, site, now)
    assert said_of(order, ROW) == "unknown info"
    (finding,) = [c for row in order.contraindications if row.contraindication.id == ROW for c in row.criteria]
    assert (finding.told.shown, finding.reason and finding.reason.key) == ("none", "medications-not-connected")
    gaps = judge_request(request_of(case, now), site, now).unavailable
    assert [gap.reason.key for gap in gaps if gap.data == "medications"] == ["not-connected"]
    sent = judge({"order": "tips", "medications": ["warfarin"]}, site, now)
    assert said_of(sent, ROW).startswith("present")
