"""Which procedure an order is: by code, by text, by the recorded condition, or as a common parent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_service.findings.recognition import common_parent
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, said_of

FIBROID, HEMORRHAGE, LIVER_CANCER = "icd-10-cm|D25.9", "icd-10-cm|O72.1", "icd-10-cm|C22.0"


@pytest.mark.parametrize(
    ("order", "conditions", "procedure", "by"),
    [
        ("tips", [], "tips", "code"),
        ({"code": "sct|233445008"}, [], "tips", "code"),
        ({"code": ["urn:local|1", "sct|233445008"]}, [], "tips", "code"),
        ({"text": "TIPS"}, [], "tips", "text"),
        ({"code": "urn:local|1", "display": "TIPS"}, [], "tips", "text"),
        ({"code": "icd-10-pcs|04LE3DT"}, [FIBROID], "uterine-fibroid-embolization", "condition"),
        ({"code": "icd-10-pcs|04LE3DT"}, [HEMORRHAGE], "postpartum-hemorrhage-embolization", "condition"),
        ({"code": "icd-10-pcs|04LE3DT"}, [], "uterine-artery-embolization", "code"),
        ({"code": "icd-10-pcs|04LE3DT", "text": "UFE"}, [], "uterine-fibroid-embolization", "text"),
        ({"text": "uterine artery embolization"}, [FIBROID], "uterine-fibroid-embolization", "condition"),
        ({"text": "uterine artery embolization"}, [FIBROID, HEMORRHAGE], "uterine-artery-embolization", "condition"),
        ({"text": "arterial embolization"}, [LIVER_CANCER], "hepatic-artery-embolization", "condition"),
        ({"text": "uterine fibroid embolization"}, [HEMORRHAGE], "uterine-fibroid-embolization", "text"),
        ({"code": "sct|77343006"}, [], "diagnostic-angiography", "code"),
        ({"code": "sct|77343006", "text": "CT angiography"}, [], None, None),
        ({"code": "sct|233445008", "text": "CT angiography"}, [], "tips", "code"),
        ({"text": "Mammography"}, [FIBROID], None, None),
        ({}, [FIBROID], None, None),
        ({"code": "sct|233445008", "fields": {"doNotPerform": True}}, [], None, None),
        ({"code": "sct|233445008", "fields": {"status": "revoked"}}, [], None, None),
    ],
)
def test_what_an_order_is(
    order: Any, conditions: list[str], procedure: str | None, by: str | None, knowledge: Knowledge, now: datetime
) -> None:
    """An exact code settles it, then the text; what several share is settled by the record, else it is the parent."""
    found = judge({"order": order, "conditions": conditions}, knowledge, now)
    assert (found.procedure.id if found.procedure else None, found.recognised_by) == (procedure, by)


def test_a_resolved_condition_settles_nothing(knowledge: Knowledge, now: datetime) -> None:
    """Only what the record holds for certain today tells procedures apart."""
    row = {"order": {"code": "icd-10-pcs|04LE3DT"}, "conditions": [{"code": FIBROID, "clinical": "resolved"}]}
    found = judge(row, knowledge, now)
    assert found.procedure is not None
    assert found.procedure.id == "uterine-artery-embolization"


def test_the_reason_of_the_order_settles_it(knowledge: Knowledge, now: datetime) -> None:
    """The order's own reason counts as a recorded condition."""
    found = judge({"order": {"code": "icd-10-pcs|04LE3DT"}, "reasons": [FIBROID]}, knowledge, now)
    assert found.procedure is not None
    assert found.procedure.id == "uterine-fibroid-embolization"


def test_candidates_are_judged_together(knowledge: Knowledge, now: datetime) -> None:
    """What can't be told apart is judged as strictly as the strictest, and asked for the reasons of all."""
    found = judge({"order": {"text": "arterial embolization"}, "conditions": [LIVER_CANCER]}, knowledge, now)
    assert {p.id for p in found.candidates} == {"hepatic-artery-embolization", "hepatic-artery-chemoembolization"}
    assert said_of(found, "immune-weakness").startswith("unknown")
    assert (said_of(found, "liver-cancer"), said_of(found, "polycystic-liver")) == ("present", "absent")


def test_a_parent_asks_for_the_reasons_of_its_children(knowledge: Knowledge, now: datetime) -> None:
    """A general procedure is fitting for its own reasons and for those of every procedure below it."""
    found = judge({"order": "uterine-artery-embolization"}, knowledge, now)
    assert {i.indication.id for i in found.indications} > {"uterine-fibroids", "postpartum-hemorrhage", "adenomyosis"}


@pytest.mark.parametrize(
    ("ids", "parent"),
    [
        (["uterine-fibroid-embolization", "postpartum-hemorrhage-embolization"], "uterine-artery-embolization"),
        (["uterine-fibroid-embolization", "renal-artery-embolization"], "generic-arterial-embolization"),
        (["hepatic-artery-embolization", "hepatic-artery-chemoembolization"], "hepatic-artery-embolization"),
        (["renal-artery-embolization", "portal-vein-embolization"], "generic-vascular-embolization"),
        (["tips"], "tips"),
    ],
)
def test_the_nearest_common_parent(ids: list[str], parent: str, knowledge: Knowledge) -> None:
    """The parent is the nearest procedure that all of them come from."""
    assert common_parent(ids, knowledge) == parent


def test_without_a_common_parent_one_of_them_stands_for_all(knowledge: Knowledge) -> None:
    """Procedures that have nothing in common are named by one of them, never by none."""
    assert common_parent(["tips", "ivc-filter-placement"], knowledge) in ("tips", "ivc-filter-placement")


EMBOLIZATION = "sct|57238002"


def kind_of(order: Any, knowledge: Knowledge, now: datetime) -> tuple[str | None, str | None]:
    """Procedure id, and how it was recognized."""
    found = judge({"order": order}, knowledge, now)
    return (found.procedure.id if found.procedure else None), found.recognised_by


def test_the_text_names_the_child_of_the_coded_parent(knowledge: Knowledge, now: datetime) -> None:
    """The code of arterial embolization with the text TACE is a chemoembolization: its own questions are asked."""
    found = judge({"order": {"code": EMBOLIZATION, "text": "Transarterial chemoembolization"}}, knowledge, now)
    assert found.procedure is not None
    assert (found.procedure.id, found.code_and_text_differ) == ("hepatic-artery-chemoembolization", False)
    assert said_of(found, "immune-weakness").startswith("unknown")


def test_a_code_and_a_text_that_contradict_each_other(knowledge: Knowledge, now: datetime) -> None:
    """A biopsy by its code and a chemoembolization by its text is judged as both, and the finding says so."""
    row = {
        "order": {"code": "icd-10-pcs|0FB03ZX", "text": "Transarterial chemoembolization"},
        "conditions": [LIVER_CANCER],
    }
    found = judge(row, knowledge, now)
    assert found.code_and_text_differ
    assert {p.id for p in found.candidates} == {"liver-biopsy", "hepatic-artery-chemoembolization"}
    assert found.procedure in found.candidates
    assert said_of(found, "immune-weakness").startswith("unknown")


def test_a_code_with_its_own_display_contradicts_nothing(knowledge: Knowledge, now: datetime) -> None:
    """The title of a code beside the code says no more than the code, though its words may name another procedure."""
    title = "Drainage of Left Thyroid Gland Lobe, Percutaneous Approach, Diagnostic"
    assert kind_of({"text": title}, knowledge, now) == ("percutaneous-drainage", "text")
    assert kind_of({"code": "icd-10-pcs|0G9G3ZX", "display": title}, knowledge, now) == ("thyroid-fna", "code")


@pytest.mark.parametrize(
    ("fields", "procedure", "by"),
    [
        ({"orderDetail": [{"text": "Uterine fibroid embolization"}]}, "uterine-fibroid-embolization", "details"),
        ({"orderDetail": [{"coding": [{"system": "http://snomed.info/sct", "code": "233445008"}]}]}, "tips", "details"),
        ({"note": [{"text": "Paracentesis please, tense ascites"}]}, "paracentesis", "details"),
        ({"note": [{"text": "MRI last week. S/P TIPS"}]}, None, None),
        ({"bodySite": [{"text": "Liver"}]}, None, None),
        ({"orderDetail": "not a concept", "note": 5}, None, None),
        ({}, None, None),
    ],
)
def test_details_of_a_general_order(
    fields: dict[str, Any], procedure: str | None, by: str | None, knowledge: Knowledge, now: datetime
) -> None:
    """An order as general as "IR procedure" is what its orderDetail says, else its notes, else it stays unknown."""
    found = judge({"order": {"text": "IR PROCEDURE", "fields": fields}}, knowledge, now)
    assert (found.procedure.id if found.procedure else None, found.recognised_by) == (procedure, by)
    assert found.looks_interventional is (procedure is None)


def test_a_note_never_overrides_what_is_ordered(knowledge: Knowledge, now: datetime) -> None:
    """A named procedure stays what it is, and a laboratory test is no biopsy because its note speaks of one."""
    note = {"note": [{"text": "before liver biopsy"}]}
    assert kind_of({"text": "IR paracentesis", "fields": note}, knowledge, now) == ("paracentesis", "text")
    assert kind_of({"text": "Platelet count", "fields": note}, knowledge, now) == (None, None)
    assert kind_of({"text": "MRI liver", "fields": note}, knowledge, now) == (None, None)


def test_a_body_site_completes_a_general_order(knowledge: Knowledge, now: datetime) -> None:
    """What alone names no procedure may do so together with its body site."""
    fields = {"bodySite": [{"text": "Renal artery"}], "orderDetail": [{"text": "Angioplasty"}]}
    assert kind_of({"text": "IR PROCEDURE", "fields": fields}, knowledge, now) == (
        "renal-artery-angioplasty",
        "details",
    )


@pytest.mark.parametrize(
    ("order", "looks"),
    [
        ({"text": "IR XYZ"}, True),
        ({"text": "Chest X-ray"}, False),
        ({"code": "http://www.ama-assn.org/go/cpt|1"}, False),
        ({"code": "urn:local|1", "fields": {"category": [{"text": "Interventional Radiology"}]}}, True),
        ({"code": "urn:local|1", "fields": {"category": [{"coding": [{"system": "urn:c", "code": "IR"}]}]}}, True),
        ({"code": "urn:local|1", "fields": {"category": [{"text": "Laboratory"}]}}, False),
        ({"code": "icd-10-pcs|B31R1ZZ"}, True),
        ({"text": "IR XYZ", "fields": {"status": "revoked"}}, False),
        ({}, False),
    ],
)
def test_an_order_that_is_not_known_may_look_interventional(
    order: Any, looks: bool, knowledge: Knowledge, now: datetime
) -> None:
    """The department's prefix, its category or a code of its families tells an unknown order of ours from any other."""
    found = judge({"order": order}, knowledge, now)
    assert (found.procedure, found.looks_interventional) == (None, looks)
