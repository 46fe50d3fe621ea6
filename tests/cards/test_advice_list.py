"""What each question and procedure says and advises, beside the tables: keys of the wording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cds_service.knowledge.tables import Knowledge
from tests.support.second_lists import deviating, read_list

COLUMNS = ("id", "says", "cite", "advice")


def listed() -> list[dict[str, str]]:
    """One line a question or procedure, of a list beside the tables."""
    return read_list(Path(__file__).parent / "advice_list.csv")


def advice_lines(knowledge: Knowledge) -> Iterator[dict[str, str]]:
    """The same of the tables."""
    for row in knowledge.contraindications:
        for question in row.criteria:
            limit = getattr(question.question, "threshold", None)
            cite = getattr(limit, "cite", "") or row.cite
            yield dict(zip(COLUMNS, (question.id, question.says or "", cite, " ".join(question.advice)), strict=True))
    for procedure in knowledge.procedures.values():
        notes = " ".join(f"{row}={key}" for row, key in sorted(procedure.notes.items()))
        yield dict(zip(COLUMNS, (procedure.id, "co2" if procedure.co2 else "", "", notes), strict=True))


def test_what_is_advised_is_what_the_list_says(knowledge: Knowledge) -> None:
    """Each question has the sentence, the source and the advice of the list, each procedure its notes."""
    assert deviating(listed(), advice_lines(knowledge), "id") == []
