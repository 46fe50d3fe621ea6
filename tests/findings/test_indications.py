"""Reasons for a procedure: recorded, only possible, or none, and why "none" can't be said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_service.cases import request_of
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge, judge_request, said_of

HEMOPTYSIS, BRONCHIECTASIS, FIBROID = "icd-10-cm|R04.2", "icd-10-cm|J47.9", "icd-10-cm|D25.9"
UFE, BAE = "uterine-fibroid-embolization", "bronchial-artery-embolization"
RAW_ORDER = {"code": f"procedure|{UFE}"}


@pytest.mark.parametrize(
    ("row", "indication", "expected", "reason"),
    [
        ({"order": UFE, "conditions": [FIBROID]}, "uterine-fibroids", "present", None),
        ({"order": UFE, "reasons": [FIBROID]}, "uterine-fibroids", "present", None),
        ({"order": UFE}, "uterine-fibroids", "absent", None),
        ({"order": UFE, "conditions": ["icd-10-cm|I10"]}, "uterine-fibroids", "absent", None),
        ({"order": UFE, "conditions": [{"code": FIBROID, "clinical": "resolved"}]}, "uterine-fibroids", "absent", None),
        (
            {"order": UFE, "conditions": [{"code": FIBROID, "verification": "refuted"}]},
            "uterine-fibroids",
            "absent",
            None,
        ),
        (
            {"order": UFE, "conditions": [{"code": FIBROID, "verification": "provisional"}]},
            "uterine-fibroids",
            "unknown",
            "indication-unconfirmed",
        ),
        (
            {"order": UFE, "conditions": [{"code": FIBROID, "clinical": "remission"}]},
            "uterine-fibroids",
            "unknown",
            "indication-in-remission",
        ),
        ({"order": UFE, "not_sent": ["conditions"]}, "uterine-fibroids", "unknown", "conditions-unavailable"),
        ({"order": UFE, "conditions": [{"text": "quibbledosis"}]}, "uterine-fibroids", "unknown", "uncoded-condition"),
        ({"order": UFE, "conditions": [{"text": "x", "clinical": "resolved"}]}, "uterine-fibroids", "absent", None),
        (
            {"order": UFE, "conditions": [{"code": "icd-10-cm|I10", "fields": {"code": 5}}]},
            "uterine-fibroids",
            "unknown",
            "conditions-incomplete",
        ),
        ({"order": BAE, "conditions": [HEMOPTYSIS, BRONCHIECTASIS]}, "hemoptysis-with-bronchiectasis", "present", None),
        ({"order": BAE, "conditions": [HEMOPTYSIS]}, "hemoptysis-with-bronchiectasis", "unknown", "cause-not-recorded"),
        ({"order": BAE, "conditions": [BRONCHIECTASIS]}, "hemoptysis-with-bronchiectasis", "absent", None),
        (
            {"order": BAE, "conditions": [HEMOPTYSIS], "reasons": [BRONCHIECTASIS]},
            "hemoptysis-with-bronchiectasis",
            "present",
            None,
        ),
        ({"order": "ivc-filter-removal"}, "filter-no-longer-needed", "unknown", "no-code-names-it"),
    ],
)
def test_a_reason_for_a_procedure(
    row: dict[str, Any], indication: str, expected: str, reason: str | None, knowledge: Knowledge, now: datetime
) -> None:
    """A reason is present where all its parts are recorded for certain; what is half recorded is unknown."""
    order = judge(row, knowledge, now)
    (found,) = [f for f in order.indications if f.indication.id == indication]
    assert (found.certainty, found.reason.key if found.reason else None) == (expected, reason)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reasonCode": [{"text": "heavy bleeding"}]}, "unknown"),
        ({"reasonCode": [{}]}, "absent"),
        ({"reasonCode": []}, "absent"),
        ({"reasonCode": [{"coding": [{"system": "urn:local", "code": "F1"}]}]}, "unknown"),
        ({"reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}]}, "absent"),
        ({"reasonReference": [{"reference": "Condition/c1"}]}, "absent"),
        ({"reasonReference": [{"reference": "https://ehr.example.org/fhir/Condition/c1/_history/2"}]}, "absent"),
        ({"reasonReference": [{"reference": "Condition/elsewhere"}]}, "unknown"),
        ({"reasonReference": [{"reference": "DocumentReference/d1"}]}, "unknown"),
        ({"reasonReference": [{"display": "see note"}]}, "unknown"),
        ({"reasonReference": [{"reference": "#gone"}]}, "unknown"),
    ],
)
def test_a_reason_that_can_not_be_read(
    fields: dict[str, Any], expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """An order that gives its reason in words, by a local code or by what was not sent has one; it can't be judged."""
    row = {"order": RAW_ORDER | {"fields": fields}, "conditions": ["icd-10-cm|I10"]}
    assert said_of(judge(row, knowledge, now), "uterine-fibroids") == expected


@pytest.mark.parametrize(("verification", "expected"), [("confirmed", "present"), ("refuted", "absent")])
def test_a_condition_that_was_sent_says_what_an_order_only_names(
    verification: str, expected: str, knowledge: Knowledge, now: datetime
) -> None:
    """An order names its reason as it was when it was written; the Condition itself says that it is refuted."""
    reason = {"reasonReference": [{"reference": "Condition/c1", "display": "Acute liver failure"}]}
    recorded = {"code": "icd-10-cm|K72.00", "verification": verification}
    row = {"order": RAW_ORDER | {"fields": reason}, "conditions": [recorded]}
    (found,) = [
        one for one in judge(row, knowledge, now).contraindications if one.contraindication.id == "liver-failure"
    ]
    assert found.certainty == expected


def test_the_reason_of_one_order_is_not_the_reason_of_another(knowledge: Knowledge, now: datetime) -> None:
    """Each order is judged by its own reasons and the patient's conditions."""
    first = {"code": f"procedure|{UFE}", "fields": {"reasonCode": [{"coding": [_coding(FIBROID)]}]}}
    findings = judge_request(request_of({"orders": [first, UFE]}, now), knowledge, now)
    assert [said_of(order, "uterine-fibroids") for order in findings.orders] == ["present", "absent"]


def _coding(code: str) -> dict[str, str]:
    return {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code.partition("|")[2]}


@pytest.mark.parametrize(
    ("conditions", "alerts"),
    [
        (["icd-10-cm|I71.010"], 1),
        (["icd-10-cm|I71.012"], 0),
        ([{"code": "icd-10-cm|I71.010", "clinical": "resolved"}], 0),
        ([{"code": "icd-10-cm|I71.010", "verification": "provisional"}], 0),
    ],
)
def test_a_type_a_dissection_is_an_alert(
    conditions: list[Any], alerts: int, knowledge: Knowledge, now: datetime
) -> None:
    """A dissection of the ascending aorta is never taken for a reason for a stent graft."""
    order = judge({"order": "thoracic-aortic-stent-graft", "conditions": conditions}, knowledge, now)
    assert len(order.alerts) == alerts
    assert (said_of(order, "thoracic-aortic-dissection") == "present") is (conditions == ["icd-10-cm|I71.012"])


@pytest.mark.parametrize(
    ("conditions", "options"),
    [
        ([FIBROID], [UFE]),
        ([HEMOPTYSIS], []),
        ([{"code": FIBROID, "verification": "provisional"}], []),
        ([], []),
    ],
)
def test_options_of_patient_view(
    conditions: list[Any], options: list[str], knowledge: Knowledge, now: datetime
) -> None:
    """Without an order, the procedures are named for which the record holds a whole reason for certain."""
    findings = judge_request(request_of({"hook": "patient-view", "conditions": conditions}, now), knowledge, now)
    assert [order.procedure.id for order in findings.orders if order.procedure] == options
