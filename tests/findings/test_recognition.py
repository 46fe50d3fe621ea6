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
    """A procedure that says no reason of its own is fitting for the reasons of every procedure below it."""
    found = judge({"order": "uterine-artery-embolization"}, knowledge, now)
    assert {i.indication.id for i in found.indications} == {"uterine-fibroids", "postpartum-hemorrhage"}


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
