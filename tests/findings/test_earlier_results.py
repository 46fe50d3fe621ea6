"""What an eGFR was before stands beside it, and changes no answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_service.findings.finding import CriterionFinding
from cds_service.knowledge.tables import Knowledge
from tests.support.judging import judge

MAN = {"birthDate": "1956-11-23", "gender": "male"}


def egfr(value: float, days: int) -> dict[str, Any]:
    """An eGFR of so many days ago."""
    return {"code": "loinc|98979-8", "value": value, "unit": "mL/min/{1.73_m2}", "days": days}


def creatinine(value: float, days: int) -> dict[str, Any]:
    """A creatinine of so many days ago."""
    return {"code": "loinc|2160-0", "value": value, "unit": "mg/dL", "days": days}


def found(labs: list[dict[str, Any]], knowledge: Knowledge, now: datetime) -> CriterionFinding:
    """The finding about the eGFR before contrast."""
    order = judge({"order": "renal-artery-angioplasty", "labs": labs, "patient": MAN}, knowledge, now)
    return next(f for r in order.contraindications for f in r.criteria if f.criterion.id == "egfr-contrast")


@pytest.mark.parametrize(
    ("labs", "before"),
    [
        ([egfr(28, 1), egfr(61, 120)], 61),
        ([egfr(28, 1), egfr(30, 40), egfr(61, 120), egfr(64, 400)], 61),
        ([egfr(61, 120), egfr(28, 1)], 61),
        ([egfr(28, 1), egfr(61, 91)], 61),
        ([egfr(28, 1), egfr(61, 90)], None),
        ([egfr(28, 1), egfr(61, 731)], 61),
        ([egfr(28, 1), egfr(61, 732)], None),
        ([egfr(28, 1)], None),
        ([egfr(28, 1), egfr(31, 1), egfr(61, 120)], None),
        ([creatinine(2.4, 1), creatinine(1.1, 200)], 72),
        ([creatinine(2.4, 1), egfr(61, 200)], 61),
    ],
)
def test_an_egfr_stands_beside_one_of_some_months_before(
    labs: list[dict[str, Any]], before: int | None, knowledge: Knowledge, now: datetime
) -> None:
    """The newest one that is 90 to 730 days older, measured or computed; none where two of the newest disagree."""
    earlier = found(labs, knowledge, now).evidence[0].earlier
    assert (None if earlier is None else round(float(str(earlier.value)))) == before


@pytest.mark.parametrize("old", [15, 61, 110])
def test_what_it_was_changes_no_answer(old: float, knowledge: Knowledge, now: datetime) -> None:
    """The answer rests on the newest result, whatever it was before."""
    alone, with_old = (found([egfr(28, 1), *more], knowledge, now) for more in ([], [egfr(old, 200)]))
    assert (alone.certainty, alone.indicator, alone.reason) == (with_old.certainty, with_old.indicator, with_old.reason)
