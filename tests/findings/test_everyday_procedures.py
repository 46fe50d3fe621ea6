"""Every procedure can be ordered by its own id and is judged; those beyond the source's table ask for no reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from cds_service.answer import Answer
from cds_service.cases import Case, answer_case
from cds_service.findings.context import order_context
from cds_service.findings.finding import Urgency
from cds_service.findings.urgency import Timing
from cds_service.knowledge.tables import BEYOND, CONTRAST, IN_VESSELS, SOURCE_TABLE, Knowledge
from tests.support.judging import judge, said_of
from tests.support.shipped import shipped_knowledge

SOON = Timing(Urgency.URGENT, days_left=1)
PROCEDURES = shipped_knowledge().procedures
BEYOND_THE_TABLE = sorted(key for key, procedure in PROCEDURES.items() if procedure.origin == BEYOND)
ANAPHYLAXIS = {"code": "sct|395751002", "manifestation": "sct|39579001"}
NORMAL = [
    {"code": "loinc|777-3", "value": 210, "unit": "10*3/uL"},
    {"code": "loinc|6301-6", "value": 1.0, "unit": "{INR}"},
    {"code": "loinc|98979-8", "value": 92, "unit": "mL/min/{1.73_m2}"},
    {"code": "loinc|751-8", "value": 4, "unit": "10*3/uL"},
    {"code": "loinc|1975-2", "value": 0.6, "unit": "mg/dL"},
]


def egfr(value: float) -> dict[str, Any]:
    """An eGFR of the day before."""
    return {"code": "loinc|98979-8", "value": value, "unit": "mL/min/{1.73_m2}"}


BLAND = ("hepatic-artery-embolization", "splenic-artery-embolization")
"""Embolization without a drug, before which weak immunity only informs."""


def answered(procedure: str, knowledge: Knowledge, now: datetime, **more: Any) -> Answer:
    """The answer to an order by the procedure's own id, with normal results."""
    return answer_case(Case("", {"id": "x", "order": procedure, "labs": NORMAL, "expect": {}} | more), knowledge, now)


def test_every_procedure_can_be_ordered(knowledge: Knowledge, now: datetime) -> None:
    """An order by the procedure's own id is that procedure, and every row that applies to it is answered."""
    for procedure in sorted(PROCEDURES):
        answer = answered(procedure, knowledge, now, patient={"birthDate": "1950-01-01"})
        (order,) = answer.decision["procedures"]
        assert order["procedure"] == procedure
        assert {row["certainty"] for row in order["contraindications"]} == {"absent"}, procedure
        rows = {row["id"] for row in order["contraindications"]}
        uses = PROCEDURES[procedure].uses
        assert ("iodine-allergy" in rows) == bool({CONTRAST, "iodised-oil"} & uses), procedure
        assert ("immune-weakness" in rows) == ("chemotherapy" in uses or procedure in BLAND), procedure


def test_nothing_is_said_of_a_well_patient(knowledge: Knowledge, now: datetime) -> None:
    """Beyond the source's table no reason is asked for: with normal results and no conditions there is no card."""
    answers = {procedure: answered(procedure, knowledge, now) for procedure in BEYOND_THE_TABLE}
    assert [key for key, answer in answers.items() if "indications" in answer.decision["procedures"][0]] == []
    assert {key: answer.cards for key, answer in answers.items() if answer.cards} == {}


def test_nothing_known_is_never_nothing_against(knowledge: Knowledge, now: datetime) -> None:
    """Where conditions and allergies could not be retrieved, no procedure is passed without a card."""
    refused = ["conditions", "allergies"]
    assert [key for key in BEYOND_THE_TABLE if not answered(key, knowledge, now, refused=refused).cards] == []


def test_a_parent_of_the_source_table_asks_as_before(knowledge: Knowledge, now: datetime) -> None:
    """An embolization of no named vessel still asks for the reasons of the source's procedures below it."""
    order = judge({"order": "generic-arterial-embolization"}, knowledge, now)
    asked = {finding.indication.id for finding in order.indications}
    below = [p for p in PROCEDURES.values() if p.parent == "generic-arterial-embolization"]
    assert {i.id for p in below for i in p.indications} <= asked
    assert {p.origin for p in below} == {SOURCE_TABLE, BEYOND}


def test_a_parent_beyond_the_table_asks_for_no_reason(knowledge: Knowledge, now: datetime) -> None:
    """A thrombectomy of no named vessel may be one of a limb artery, whose reasons the table does not list."""
    assert knowledge.children["generic-thrombectomy"]
    assert judge({"order": "generic-thrombectomy"}, knowledge, now).indications == ()


def test_an_order_that_may_be_beyond_the_table_misses_no_reason(knowledge: Knowledge, now: datetime) -> None:
    """Where an order may be a procedure of the source's table or one beyond it, no reason is called absent."""
    order = judge({"order": {"text": "Splenic artery embolization"}}, knowledge, now)
    assert {p.id for p in order.candidates} == {"solid-organ-trauma-embolization", "splenic-artery-embolization"}
    assert order.indications == ()


@pytest.mark.parametrize(
    ("procedure", "labs", "allergies", "row", "expected"),
    [
        ("nephrostomy-placement", [egfr(9)], [], "kidney-failure", "present info"),
        ("port-placement", [egfr(9)], [], "kidney-failure", "present info"),
        ("dialysis-fistulagram", [egfr(20)], [], "kidney-failure", "present info"),
        ("drain-check", [egfr(20)], [], "kidney-failure", "absent"),
        ("endoleak-embolization", [egfr(20)], [], "kidney-failure", "present warning"),
        ("gastrostomy-placement", [], [ANAPHYLAXIS], "iodine-allergy", "present info"),
        ("biliary-drain-placement", [], [ANAPHYLAXIS], "iodine-allergy", "present critical"),
        ("lymphangiogram", [], [ANAPHYLAXIS], "iodine-allergy", "present critical"),
        ("paracentesis", [], [ANAPHYLAXIS], "iodine-allergy", "-"),
        ("stroke-thrombectomy", [], [ANAPHYLAXIS], "iodine-allergy", "present warning"),
    ],
)
def test_how_loud_a_row_is(
    procedure: str,
    labs: list[dict[str, Any]],
    allergies: list[dict[str, Any]],
    row: str,
    expected: str,
    knowledge: Knowledge,
    now: datetime,
) -> None:
    """A row is information where it is the procedure's own reason, and is not asked where it plays no part."""
    case = {"order": procedure, "labs": labs, "allergies": allergies}
    assert said_of(judge(case, knowledge, now), row) == expected


def test_a_row_is_quiet_only_where_it_is_for_every_candidate(knowledge: Knowledge) -> None:
    """An order that may be a nephrostomy or a port is warned of kidney failure, and asked about contrast in vessels."""
    nephrostomy, port = (knowledge.procedures[key] for key in ("nephrostomy-placement", "port-placement"))
    assert order_context((nephrostomy,), SOON).expected == {"kidney-failure"}
    assert order_context((nephrostomy, port), SOON).expected == frozenset()
    in_vessels = replace(port, uses=frozenset({CONTRAST, IN_VESSELS}))
    assert IN_VESSELS in order_context((nephrostomy, in_vessels), SOON).uses
