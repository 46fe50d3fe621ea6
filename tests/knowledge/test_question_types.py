"""The kinds of question: each is complete, and known to everything that goes by it."""

from __future__ import annotations

import json
import re
import typing
from decimal import Decimal

import pytest

from cds_service.kinds import KINDS
from cds_service.knowledge.question_types import QUESTION_TYPES, AnyQuestion
from cds_service.knowledge.questions.question import Question
from cds_service.knowledge.read import SCHEMAS
from cds_service.knowledge.tables import Knowledge

CRITERION = json.loads((SCHEMAS / "contraindications.json").read_text("utf-8"))["properties"]["contraindication"][
    "items"
]["properties"]["criterion"]["items"]


def test_every_kind_of_question_can_be_written() -> None:
    """The schema of the table knows exactly the kinds of question that the program knows, and their fields."""
    assert set(CRITERION["properties"]["kind"]["enum"]) == set(QUESTION_TYPES)
    assert {field for kind in QUESTION_TYPES.values() for field in kind.FIELDS} <= set(CRITERION["properties"])


def test_every_kind_of_question_is_in_the_union_that_is_judged() -> None:
    """A kind that the tables can hold and the judge does not know would not type-check."""
    assert set(typing.get_args(AnyQuestion)) == set(QUESTION_TYPES.values())


def test_every_kind_of_question_reads_a_kind_of_data() -> None:
    """Each names clinical data that a service can ask for."""
    assert all(KINDS[kind.DATA].is_clinical for kind in QUESTION_TYPES.values())


def test_the_shipped_tables_ask_every_kind(knowledge: Knowledge) -> None:
    """Each kind of question is asked by a row, says what it asks, and names what it reads."""
    asked = [criterion for row in knowledge.contraindications for criterion in row.criteria]
    assert {type(criterion.question) for criterion in asked} == set(QUESTION_TYPES.values())
    for criterion in asked:
        needs = list(criterion.question.needs(knowledge))
        assert criterion.question.DATA in {need.kind for need in needs}, criterion.id
        assert all(need.value_set for need in needs)
        assert criterion.question.asks(knowledge)
        assert criterion.indicator.word in criterion.question.told_as(criterion.indicator)


def test_a_kind_of_question_that_forgets_something_can_not_be_made() -> None:
    """A new kind that does not say what it asks, reads or names is refused when its first row is read."""

    class Forgetful(Question):
        """Says only how it is written."""

        WORD, DATA, FIELDS, REQUIRED = "forgetful", "conditions", (), True

    with pytest.raises(TypeError, match="abstract"):
        Forgetful()  # type: ignore[abstract]


def test_a_limit_reads_aloud(knowledge: Knowledge) -> None:
    """A limit says its comparison, number and unit; without a dimension there is no unit."""
    limit = knowledge.thresholds["platelets-high-risk"]
    assert limit.text == f"< {limit.value} 10*9/L"
    assert Decimal(50) == limit.value


def test_no_name_of_a_question_repeats_its_limit(knowledge: Knowledge) -> None:
    """A hospital that changes the limit would otherwise read the old number in the name of the question."""
    wrong = [
        criterion.label
        for row in knowledge.contraindications
        for criterion in row.criteria
        for limit in criterion.question.limits(knowledge)
        if limit.value is not None and re.search(rf"(?<![\d.]){limit.value.normalize():f}(?![\d.])", criterion.label)
    ]
    assert wrong == []
