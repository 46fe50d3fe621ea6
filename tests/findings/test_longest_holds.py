"""The day of the last dose before a whole order, by a count of its own from a list of the sources.

`longest_holds.csv`: the longest hold that the leading guideline of grade A or B gives an agent, in full days or hours,
by bleeding risk and from which clearance (mL/min) on; an agent that is not listed has none, and is given no day.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_service.cases import request_of
from cds_service.knowledge.tables import Knowledge
from tests.findings.test_agents_as_written import listed as agents
from tests.findings.test_antithrombotics import ROW
from tests.support.judging import judge_request

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 14, 9, tzinfo=BERLIN)
ORDERS = {"low": "tunneled-cvc-placement", "high": "kidney-ablation"}
CLEARANCES = (None, 10, 20, 29, 30, 49, 50, 90)
"""mL/min, on each side of each band."""


def longest() -> dict[tuple[str, str], list[tuple[int, str]]]:
    """(agent, bleeding risk) -> the hold from each clearance on, in rising order; "" for none."""
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    with (Path(__file__).parent / "longest_holds.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault((row["agent"], row["risk"]), []).append((int(row["from"] or 0), row["longest"]))
    return found


LONGEST = longest()
NAMES = {row["agent"]: row["names"].split("|")[0] for row in agents()} | {"ufh-iv": "heparin infusion"}


def hold_of(agent: str, risk: str, clearance: int | None) -> str:
    """As listed; without a clearance that of normal kidneys."""
    bands = LONGEST.get((agent, risk), [(0, "")])
    return [said for start, said in bands if clearance is None or clearance >= start][-1]


def day_of_last_dose(hold: str, day: date, moment: datetime | None) -> date | None:
    """Full days lie between the last dose and the day; hours are counted back from the moment."""
    amount, _, unit = hold.partition(" ")
    if not amount:
        return None
    if unit == "d":
        return day - timedelta(days=int(amount) + 1)
    if moment is None:
        return day - timedelta(days=int(amount) // 24)
    return (moment.astimezone(UTC) - timedelta(hours=int(amount))).astimezone(BERLIN).date()


def last_doses(
    texts: list[str], risk: str, clearance: int | None, planned: dict[str, Any], knowledge: Knowledge
) -> Iterator[tuple[str, date | None]]:
    """(agent, day of the last dose) for each medication of one call, an order of this risk and plan."""
    case = {"order": {"code": f"procedure|{ORDERS[risk]}", "fields": planned}, "medications": texts}
    if clearance is not None:
        case |= {"labs": [{"code": "loinc|98979-8", "value": clearance, "unit": "mL/min/{1.73_m2}"}]}
    request = request_of(case, NOW)
    order = judge_request(request, knowledge, NOW).orders[0]
    (found,) = [c for row in order.contraindications if row.contraindication.id == ROW for c in row.criteria]
    yield from ((advice.agent, advice.last_dose) for advice in found.holds)


@pytest.mark.parametrize("risk", ORDERS)
def test_each_agent_before_each_risk_and_kidney(risk: str, knowledge: Knowledge) -> None:
    """Alone on the list, a month before the day: the last dose is as many full days before it as the sources say."""
    day = date(2026, 11, 16)
    planned = {"occurrenceDateTime": day.isoformat()}
    wrong = []
    for agent, name in NAMES.items():
        bands = CLEARANCES if len(LONGEST.get((agent, risk), ())) > 1 else (None, 90)
        for clearance in bands:
            found = dict(last_doses([f"{name} 80 mg"], risk, clearance, planned, knowledge))
            expected = day_of_last_dose(hold_of(agent, risk, clearance), day, None)
            if found.get(agent) != expected:
                wrong.append((agent, clearance, found, expected))
    assert wrong == []


@pytest.mark.parametrize(
    ("planned", "moment"),
    [
        ({"occurrenceDateTime": "2026-11-16T10:00:00+01:00"}, datetime(2026, 11, 16, 10, tzinfo=BERLIN)),
        ({"occurrenceDateTime": "2026-11-16T22:30:00Z"}, datetime(2026, 11, 16, 23, 30, tzinfo=BERLIN)),
        ({"occurrenceDateTime": "2026-11-16T23:30:00Z"}, datetime(2026, 11, 17, 0, 30, tzinfo=BERLIN)),
        # The clock goes back in the night to 25 October.
        ({"occurrenceDateTime": "2026-10-25T05:30:00+01:00"}, datetime(2026, 10, 25, 5, 30, tzinfo=BERLIN)),
        ({"occurrenceDateTime": "2026-10-25T23:30:00+01:00"}, datetime(2026, 10, 25, 23, 30, tzinfo=BERLIN)),
        ({"occurrenceDateTime": "2026-10-27T08:00:00+01:00"}, datetime(2026, 10, 27, 8, tzinfo=BERLIN)),
        # And forward in the night to 28 March.
        ({"occurrenceDateTime": "2027-03-28T06:30:00+02:00"}, datetime(2027, 3, 28, 6, 30, tzinfo=BERLIN)),
        ({"occurrenceDateTime": "2027-03-29T00:30:00+02:00"}, datetime(2027, 3, 29, 0, 30, tzinfo=BERLIN)),
        ({"occurrencePeriod": {"start": "2026-11-16T08:00:00+01:00", "end": "2026-11-16T09:00:00+01:00"}}, None),
    ],
)
def test_a_time_is_the_hospitals(planned: dict[str, Any], moment: datetime | None, knowledge: Knowledge) -> None:
    """With a time in any zone and over a change of the clock: the days are those of the hospital's calendar."""
    anticoagulants = ["warfarin", "apixaban", "rivaroxaban", "dabigatran", "edoxaban", "fondaparinux", "enoxaparin"]
    anticoagulants += ["dalteparin", "ufh-iv", "argatroban", "bivalirudin"]
    texts = [f"{NAMES[agent]} 80 mg" for agent in anticoagulants]
    start = moment or datetime(2026, 11, 16, 8, tzinfo=BERLIN)
    found = dict(last_doses(texts, "high", 90, planned, knowledge))
    assert found == {a: day_of_last_dose(hold_of(a, "high", 90), start.date(), start) for a in anticoagulants}
