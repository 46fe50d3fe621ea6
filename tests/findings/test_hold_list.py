"""How long each agent is held, beside the tables: by bleeding risk and kidney function, to the mL and the dose.

`beside` are rows that fit and are not told: another dose of the same guideline, or the same number of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.findings.holds import choose
from cds_service.knowledge.medication_types import HoldRow
from cds_service.knowledge.tables import Knowledge
from tests.support.second_lists import read_list

HIGHEST = 120
"""mL/min; above it no row begins."""
COLUMNS = ("agent", "low", "high")


def listed() -> list[dict[str, str]]:
    """Agent, and its holds before procedures of low and of high bleeding risk: of a list beside the tables."""
    return read_list(Path(__file__).parent / "hold_list.csv")


def holds_of(agent: str, knowledge: Knowledge) -> dict[str, str]:
    """The line of an agent: what is said without a clearance, then from which clearance on it is something else."""
    rows = knowledge.medications.holds[agent]
    return {"agent": agent} | {risk: "; ".join(_by_clearance(rows, risk)) for risk in COLUMNS[1:]}


def _by_clearance(rows: tuple[HoldRow, ...], risk: str) -> Iterator[str]:
    said = _said(rows, risk, None)
    yield f"unknown: {said}"
    before = ""
    for clearance in range(1, HIGHEST + 1):
        said = _said(rows, risk, Decimal(clearance))
        if said != before:
            yield f"from {clearance}: {said}"
        before = said


def _said(rows: tuple[HoldRow, ...], risk: str, clearance: Decimal | None) -> str:
    chosen = choose(rows, risk, clearance)
    said = [_row(row) for row in (chosen.row, *chosen.others) if row]
    unsaid = [row for row in rows if _fits(row, risk, clearance) and row not in (chosen.row, *chosen.others)]
    said += [f"beside {_row(row)}" for row in unsaid]
    return " | ".join([*said, *(["copies disagree"] if chosen.disagree else [])]) or "nothing"


def _fits(row: HoldRow, risk: str, clearance: Decimal | None) -> bool:
    return row.active and row.bleeding_risk in (None, risk) and row.band.holds(clearance)


def _row(row: HoldRow) -> str:
    numbers = "-".join(str(number) for number in dict.fromkeys((row.least, row.most)) if number is not None)
    return " ".join(part for part in (row.action, numbers, row.unit, f"({row.guideline})") if part)


@pytest.mark.parametrize("row", listed(), ids=[row["agent"] for row in listed()])
def test_an_agent_is_held_as_long_as_the_list_says(row: dict[str, str], knowledge: Knowledge) -> None:
    """Doses, days or hours, the guideline and those that say otherwise, on each side of each clearance."""
    assert holds_of(row["agent"], knowledge) == row
