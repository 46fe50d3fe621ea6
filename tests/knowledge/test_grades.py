"""Nothing of grade C speaks: what rests on memory is a draft, in every table, and the loader makes nothing of it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from cds_service.knowledge.load import TABLES
from cds_service.knowledge.tables import Knowledge

UNSOURCED = "C"


def graded() -> Iterator[tuple[str, dict[str, Any]]]:
    """(file, row) of every row of every table that has a grade."""
    for path in sorted(TABLES.rglob("*.toml")):
        yield from ((path.name, row) for row in _rows(tomllib.loads(path.read_text("utf-8"))))


def _rows(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("grade"), str):
            yield node
        for value in node.values():
            yield from _rows(value)
    elif isinstance(node, list):
        for value in node:
            yield from _rows(value)


def test_every_row_of_grade_c_is_a_draft() -> None:
    """In whatever table it stands."""
    unsourced = [(file, row) for file, row in graded() if row["grade"].startswith(UNSOURCED)]
    assert len(unsourced) > 50
    assert [(file, row["id"]) for file, row in unsourced if row.get("status") != "draft"] == []


def test_what_rests_on_a_draft_limit_is_not_asked(knowledge: Knowledge) -> None:
    """No question of the tables in use rests on a limit that is a draft, and no row in use is one of grade C."""
    drafts = {row["id"] for _, row in graded() if row["grade"].startswith(UNSOURCED) and "id" in row}
    criteria = [c for row in knowledge.contraindications for c in row.criteria]
    questions = [c.question for c in criteria]
    rests_on = [t for q in questions for t in (getattr(q, "threshold", None), *getattr(q, "thresholds", ())) if t]
    limits = {limit.id for limit in rests_on if limit.status != "active"}
    assert len(rests_on) > len(knowledge.contraindications)
    reasons = [i for p in knowledge.procedures.values() for i in p.indications]
    table = knowledge.medications
    used = {c.id for c in criteria} | {i.id for i in reasons} | {*table.ask_first}
    assert limits == set()
    assert used & drafts == set()
    assert not any(row.grade.startswith(UNSOURCED) and row.active for rows in table.holds.values() for row in rows)
