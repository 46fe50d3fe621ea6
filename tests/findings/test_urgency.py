"""How soon a procedure is needed: by priority, by nature, by a recorded reason that is current."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cds_service.findings.finding import OrderFinding, Urgency
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge


def an_order(procedure: str, **fields: Any) -> dict[str, Any]:
    """An order of a procedure with further members."""
    return {"code": f"procedure|{procedure}", "fields": fields}


@pytest.mark.parametrize(
    ("priority", "expected"),
    [
        ("stat", Urgency.EMERGENCY),
        ("asap", Urgency.URGENT),
        ("urgent", Urgency.URGENT),
        ("routine", Urgency.ELECTIVE),
        (None, Urgency.ELECTIVE),
        ("soon", Urgency.ELECTIVE),
        (3, Urgency.ELECTIVE),
    ],
)
def test_the_priority_of_the_order_counts(
    priority: Any, expected: Urgency, knowledge: Knowledge, now: datetime
) -> None:
    """A stat order is an emergency, an urgent one urgent; a priority that nobody can read says nothing."""
    fields = {} if priority is None else {"priority": priority}
    assert judge({"order": an_order("tips", **fields)}, knowledge, now).urgency is expected


@pytest.mark.parametrize(
    ("procedure", "priority", "conditions", "expected"),
    [
        ("postpartum-hemorrhage-embolization", None, [], Urgency.EMERGENCY),
        ("vascular-malformation-embolization", "routine", [], Urgency.ELECTIVE),
        ("vascular-malformation-embolization", None, [], Urgency.EMERGENCY),
        ("bronchial-artery-embolization", None, [("icd-10-cm|R04.2", 0)], Urgency.EMERGENCY),
        ("bronchial-artery-embolization", None, [("icd-10-cm|R04.2", 7)], Urgency.EMERGENCY),
        ("bronchial-artery-embolization", None, [("icd-10-cm|R04.2", 8)], Urgency.ELECTIVE),
        ("bronchial-artery-embolization", "routine", [("icd-10-cm|R04.2", None)], Urgency.ELECTIVE),
        ("bronchial-artery-embolization", "urgent", [("icd-10-cm|R04.2", None)], Urgency.EMERGENCY),
        ("uterine-fibroid-embolization", None, [("icd-10-cm|R04.2", 0)], Urgency.ELECTIVE),
    ],
)
def test_a_bleed_makes_an_emergency_while_it_lasts(
    procedure: str,
    priority: str | None,
    conditions: list[tuple[str, int | None]],
    expected: Urgency,
    knowledge: Knowledge,
    now: datetime,
) -> None:
    """A recorded bleed counts for seven days, where it is a reason for the procedure; undated, by the order."""
    recorded = [{"code": code} | ({} if days is None else {"onset_days": days}) for code, days in conditions]
    order = an_order(procedure, **({"priority": priority} if priority else {}))
    assert judge({"order": order, "conditions": recorded}, knowledge, now).urgency is expected


def planned(found: OrderFinding) -> str | None:
    """The day of the procedure as text."""
    return found.planned.isoformat() if found.planned else None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"occurrenceDateTime": "2026-12-04"}, "2026-12-04"),
        ({"occurrencePeriod": {"start": "2026-12-04T08:00:00Z", "end": "2026-12-05"}}, "2026-12-04"),
        ({"occurrencePeriod": "4 Dec"}, None),
        ({"occurrenceDateTime": "next week"}, None),
        ({"occurrenceTiming": {"repeat": {"frequency": 1}}}, None),
        ({"occurrenceTiming": {"event": ["2026-12-06", "2026-12-04T09:00:00Z"]}}, "2026-12-04"),
        ({"occurrenceTiming": {"event": "tomorrow"}}, None),
        ({}, None),
    ],
)
def test_the_day_of_the_procedure_is_read(
    fields: dict[str, Any], expected: str | None, knowledge: Knowledge, now: datetime
) -> None:
    """The day is that of the occurrence; one that can't be read leaves the order as it is."""
    found = judge({"order": an_order("tips", **fields)}, knowledge, now)
    assert (planned(found), found.procedure and found.procedure.id) == (expected, "tips")


def test_an_appointment_gives_the_day(knowledge: Knowledge, now: datetime) -> None:
    """The start of an appointment is the day of the procedure."""
    start = (now + timedelta(days=3)).isoformat()
    order = an_order("tips", start=start)
    assert planned(judge({"order": order}, knowledge, now)) == start[:10]
