"""How loudly is decided once: a card is as loud as what the decision says of its rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.answer import Answer
from cds_service.cases import Case, answer_case, read_cases
from cds_service.errors import CdsError
from cds_service.knowledge.tables import Knowledge

CASES = read_cases(Path(__file__).parents[1] / "cases")
LEVELS = ("info", "warning", "critical")


def rows_of(found: Answer) -> list[dict[str, Any]]:
    """Every contraindication row of the decision."""
    return [row for entry in found.decision.get("procedures", ()) for row in entry.get("contraindications", ())]


def loudest(said: list[str]) -> str:
    """The worst of some levels."""
    return max(said, key=LEVELS.index)


@pytest.mark.parametrize("case", CASES, ids=[case.row["id"] for case in CASES])
def test_a_card_is_as_loud_as_the_decision(case: Case, knowledge: Knowledge, now: datetime) -> None:
    """No card speaks louder or softer than the rows that it is about, in no clinical case."""
    try:
        found = answer_case(case, knowledge, now)
    except CdsError:
        return
    rows = rows_of(found)
    for card in found.cards:
        topic = card["source"]["topic"]["code"]
        present = [row["indicator"] for row in rows if row["id"] == topic and row["certainty"] == "present"]
        if present:
            assert card["indicator"] == loudest(present)
        if topic == "not-checked" and case.row.get("hook") != "patient-view":
            open_ones = [c for row in rows for c in row.get("criteria", ()) if c["certainty"] == "unknown"]
            # A missing reason for the procedure has no level of its own in the decision; it is never louder than the
            # data that it rests on.
            assert card["indicator"] == loudest(["info", *(c["indicator"] for c in open_ones)])
