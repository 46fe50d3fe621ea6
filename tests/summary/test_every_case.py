"""Clinical cases as summaries: nothing of the findings is lost, and nothing unread passes for nothing recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import pytest

from cds_service.answer import Answer
from cds_service.cases import Case, answer_case
from cds_service.certainty import Certainty
from cds_service.errors import CdsError
from cds_service.findings.finding import CriterionFinding
from cds_service.kinds import CLINICAL
from cds_service.knowledge.tables import SECTION_OF, SECTIONS, Knowledge
from cds_service.summary.build import summary_of
from cds_service.summary.document import OrderList, Section, Summary, as_json, from_json
from tests.support.samples import sample
from tests.support.shipped import shipped_cases

CASES = [case for case in shipped_cases() if case.row.get("hook", "order-sign") != "patient-view"]
pytestmark = [pytest.mark.slow, pytest.mark.sampled]
SAID_OF_KINDS = re.compile(
    rf"({'|'.join(kind.key for kind in CLINICAL)})-(unavailable|incomplete|not-sent|not-connected)|not-connected"
)


def judged(case: Case, knowledge: Knowledge, now: datetime, *without: str) -> Answer | None:
    """The answer to a case, without some kinds of data; None for a case that is refused."""
    row = case.row | {"not_sent": [*case.row.get("not_sent", ()), *without]}
    refused = [key for key in row.get("refused", ()) if key not in without]
    row["not_sent"] = [key for key in dict.fromkeys(row["not_sent"]) if key not in refused]
    try:
        return answer_case(Case(case.place, row | {"refused": refused}), knowledge, now)
    except CdsError:
        return None


def summarized(result: Answer, knowledge: Knowledge, language: str = "en") -> Summary:
    """Its summary."""
    return summary_of(result.findings, result.facts, knowledge, patient_id="p1", language=language)


def sections(order: OrderList) -> dict[str, Section]:
    """The sections of one order by id."""
    return {section.id: section for section in order.sections}


def pairs(result: Answer, summary: Summary) -> Iterator[tuple[CriterionFinding, dict[str, Section]]]:
    """Every answered question of a judged order with the sections of its list."""
    for order, listed in zip(result.findings.orders, summary.orders, strict=True):
        if order.procedure is not None:
            for row in order.contraindications:
                yield from ((found, sections(listed)) for found in row.criteria)


def is_said(found: CriterionFinding, section: Section) -> bool:
    """Whether a section tells the answer: as a line, a drug, or its reason in the statement."""
    if any(line.question == found.criterion.id for line in section.lines):
        return True
    if found.holds:
        return {advice.agent for advice in found.holds} <= {drug.agent for drug in section.drugs}
    reason = found.reason.key if found.reason else ""
    if SAID_OF_KINDS.fullmatch(reason) and not found.evidence:
        return bool(section.statement) and section.state in ("not-read", "open", "found")
    # Two questions without an answer may read the same (`INR: no result in the record`): said once.
    return section.state in ("open", "found") and found.certainty is Certainty.UNKNOWN


def test_every_answer_is_in_its_section(knowledge: Knowledge, now: datetime) -> None:
    """Whatever is present or open for an order is told in the section of its question."""
    checked = 0
    for case in sample(CASES, 4):
        if (result := judged(case, knowledge, now)) is None:
            continue
        summary = summarized(result, knowledge)
        assert from_json(as_json(summary)) == summary
        for found, by_id in pairs(result, summary):
            if found.certainty is not Certainty.ABSENT:
                checked += 1
                assert is_said(found, by_id[found.criterion.section]), (case.place, found.criterion.id)
        for order, listed in zip(result.findings.orders, summary.orders, strict=True):
            if order.procedure is not None and order.indication is not Certainty.ABSENT:
                assert sections(listed)["indication"].state != "nothing-recorded", case.place
    assert checked > len(CASES) / 4


@pytest.mark.parametrize("kind", [kind.key for kind in CLINICAL])
def test_nothing_unread_passes_for_nothing_recorded(knowledge: Knowledge, now: datetime, kind: str) -> None:
    """With one kind of data not sent, no section that its questions belong to says that nothing is recorded."""
    states = set()
    for case in sample(CASES, 15):
        if (result := judged(case, knowledge, now, kind)) is None:
            continue
        summary = summarized(result, knowledge)
        assert summary.not_read.state == "not-read", case.place
        assert any(line.text != "" for line in summary.not_read.lines)
        for found, by_id in pairs(result, summary):
            section = by_id[found.criterion.section]
            if kind == found.criterion.question.DATA:
                states.add(section.state)
                assert section.state != "nothing-recorded", (case.place, section.id)
                assert section.statement or section.lines
        for order, listed in zip(result.findings.orders, summary.orders, strict=True):
            if order.procedure is not None and kind == "allergies":
                assert sections(listed)["contrast"].state != "nothing-recorded"
            if order.procedure is not None and kind == "medications":
                assert sections(listed)["antithrombotics"].state != "nothing-recorded"
    assert states & {"not-read", "found", "open"}


@pytest.mark.parametrize("language", ["de", "es"])
def test_every_sentence_is_in_the_language(knowledge: Knowledge, now: datetime, language: str) -> None:
    """No statement, title or step of an English summary stands in one of another language, nor a source with a name.

    A date that ends with a full stop (`23. Nov.`) ends the sentence, and a score is no number with `.00`; `45.000` is
    45,000.
    """
    cites = {limit.cite for limit in knowledge.thresholds.values()}
    named = {cite for cite in cites if f"cite.{cite}" in knowledge.wordings[language]}
    assert named
    for case in sample(CASES, 25):
        if (result := judged(case, knowledge, now)) is None:
            continue
        english, other = (summarized(result, knowledge, name) for name in ("en", language))
        assert {line for line in sentences(english) if line} & set(sentences(other)) == set(), case.place
        text = str(as_json(other))
        assert not [cite for cite in named if f"({cite}" in text], case.place
        assert ".." not in text, case.place
        assert re.search(r"\.00(?!\d)", text) is None, case.place
        assert [[s.state for s in order.sections] for order in english.orders] == [
            [s.state for s in order.sections] for order in other.orders
        ]


def sentences(summary: Summary) -> Iterator[str]:
    """Everything in it that is a sentence of the wording and nothing of the record."""
    yield summary.title
    for section in (*(section for order in summary.orders for section in order.sections), summary.not_read):
        yield from (section.title, section.statement, *section.steps)


PLACES = {
    "cd4-low": "infection",
    "neutropenia": "infection",
    "immunodeficiency": "infection",
    "immunosuppression": "infection",
    "lysis-endocarditis": "infection",
}
"""Questions that stand in another section than their problem does."""


def places(knowledge: Knowledge) -> dict[str, str]:
    """The section of each question that has one of its own."""
    questions = (criterion for row in knowledge.contraindications for criterion in row.criteria)
    return {c.id: c.section for c in questions if c.section != SECTION_OF.get(c.problem, c.problem)}


def test_a_question_stands_where_a_nurse_looks_for_it(knowledge: Knowledge) -> None:
    """Whoever can't lie flat concerns sedation, and weak immunity infection, whatever card they share."""
    assert places(knowledge) == PLACES


def test_a_question_belongs_to_one_section(knowledge: Knowledge) -> None:
    """Each question of the tables stands in a section of the summary that has a title in every language."""
    used = {criterion.section for row in knowledge.contraindications for criterion in row.criteria}
    assert used <= set(SECTIONS)
    for wording in knowledge.wordings.values():
        assert [name for name in SECTIONS if f"summary.section.{name}" not in wording] == []
