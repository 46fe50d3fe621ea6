"""When each question is asked and what it yields to, and whom each procedure and reason is for, beside the tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from cds_service.knowledge.tables import Criterion, Knowledge, Procedure
from tests.support.second_lists import deviating, read_list

COLUMNS = ("id", "when", "yields_to")
_LEFT_OUT = frozenset({
    *("source", "guideline", "grade", "label", "cite", "wording", "advice", "status"),
    *("value", "unit", "comparison", "within_days", "rise", "rise_within_hours", "ratio", "ratio_within_days"),
})  # fmt: skip
"""Fields that say where something is from and how it is said; limits and windows, which cases hold to the step."""


def listed() -> list[dict[str, str]]:
    """One line a question, procedure, reason and alert, of a list beside the tables."""
    return read_list(Path(__file__).parent / "gate_list.csv")


def gate_lines(knowledge: Knowledge) -> Iterator[dict[str, str]]:
    """The same of the tables."""
    for row in knowledge.contraindications:
        yield _line(row.id, row.gate)
        yield from (_question(row.id, question) for question in row.criteria)
    for procedure in knowledge.procedures.values():
        yield from _procedure(procedure)


def _question(row: str, question: Criterion) -> dict[str, str]:
    asked = (question.gate, question.required, question.required_when, question.at_risk_when, question.measured_by)
    yields_to = (*question.superseded_by, "|", *question.replaced_by)
    return _line(f"{row}/{question.id}", *asked, question.question, yields_to=" ".join(yields_to).strip(" |"))


def _procedure(row: Procedure) -> Iterator[dict[str, str]]:
    for_whom = (row.patients, row.radiation_field, row.alternatives, row.at_most_info, row.expected, row.settled_by)
    yield _line(row.id, *for_whom, row.list_complete)
    for reason in row.indications:
        said = (reason.present_if, reason.possible_if, reason.patients, reason.option, reason.option_for)
        yield _line(f"{row.id}/{reason.id}", *said)
    yield from (_line(f"{row.id}/alert {number}", alert) for number, alert in enumerate(row.alerts, 1))


def _line(key: str, *values: Any, yields_to: str = "") -> dict[str, str]:
    return dict(
        zip(COLUMNS, (key, "; ".join(said for value in values if (said := _plain(value))), yields_to), strict=True)
    )


def _members(value: Any) -> list[str]:
    if isinstance(value, msgspec.Struct):
        return list(value.__struct_fields__)
    return [field.name for field in fields(value) if field.init]


def _plain(value: Any) -> str:
    """A value in a few words; empty for nothing, `False` and what restricts nothing."""
    if is_dataclass(value) or isinstance(value, msgspec.Struct):
        said = {name: _plain(getattr(value, name)) for name in _members(value) if name not in _LEFT_OUT}
        kept = " ".join(f"{name}={text}" for name, text in said.items() if text)
        return f"({kept})" if kept else ""
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_plain(inner)}" for key, inner in sorted(value.items()))
    if isinstance(value, frozenset):
        return "|".join(sorted(map(_plain, value)))
    if isinstance(value, Collection) and not isinstance(value, str):
        return "[" + ", ".join(map(_plain, value)) + "]" if value else ""
    return "" if value is None or value is False else str(value)


def test_questions_are_asked_when_the_list_says(knowledge: Knowledge) -> None:
    """Gate, words and dates of each question and what is told in its place; whom each procedure is for, and why."""
    assert deviating(listed(), gate_lines(knowledge), "id") == []


def test_a_line_that_is_lost_or_changed_is_noticed_and_a_new_one_is_free() -> None:
    """What a new row adds stands in no list yet; what the list says stays."""
    said = [{"id": "a", "when": "emergency"}, {"id": "new", "when": ""}]
    listed_before = [{"id": "a", "when": ""}, {"id": "b", "when": ""}]
    assert deviating(listed_before, said, "id") == ["a", "b"]
    assert deviating(said[:1], said, "id") == []
