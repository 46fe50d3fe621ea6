"""One line for each thing that a finding rests on: what, value and unit, date."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds_service.cards.evidence import MOST_LINES, by_weight, evidence_in_brief, evidence_line, evidence_lines
from cds_service.cards.wording import Wording
from cds_service.facts.patient_facts import Coding
from cds_service.findings.finding import Evidence
from cds_service.reasons import Reason
from tests.cards.builders import IOHEXOL, PLATELETS

CODED = Coding("http://snomed.info/sct", "395751002", "Iohexol (substance)")


@pytest.mark.parametrize(
    ("evidence", "line"),
    [
        (PLATELETS, "Platelets 42 × 10⁹/L, 2026-11-20"),
        (IOHEXOL, "“Iohexol”, 2021-03-04"),
        (Evidence("Condition/c1", "Hives"), "“Hives”, no date recorded"),
        (Evidence("Condition/c1", None, CODED, date="2026"), "“Iohexol (substance)”, 2026"),
        (Evidence("Condition/c1", "\u200b", Coding("s", "D69.6"), date="2026"), "“D69.6”, 2026"),
        (Evidence("Condition/c1"), "“Condition/c1”, no date recorded"),
        (
            Evidence("Observation/o1", "INR", None, Decimal(2), "1", "2026-11-20", (Reason("preliminary"),)),
            "INR 2, 2026-11-20 (preliminary result)",
        ),
        (
            Evidence("Condition/c1", "Delirium", date="2026-08-01", notes=(Reason("stale", {"days": 30}),)),
            "“Delirium”, 2026-08-01 (recorded more than 30 days ago; may have resolved)",
        ),
    ],
)
def test_evidence_says_what_value_and_date(evidence: Evidence, line: str, wording: Wording):
    """A line names the thing, its value and unit, its date or that there is none, and what softens it."""
    assert evidence_line(evidence, wording) == line


def test_a_summary_names_evidence_in_brief(wording: Wording):
    """In a summary the date is in brackets and a long name is cut."""
    assert evidence_in_brief(PLATELETS, wording) == "Platelets 42 × 10⁹/L (2026-11-20)"
    long = Evidence("Condition/c1", "Personal history of an allergy to radiographic dye " * 3, date="2026")
    assert len(evidence_in_brief(long, wording)) < 80


def test_the_most_telling_evidence_comes_first():
    """The reaction that made an allergy severe is named before plain entries, and a resolved entry last."""
    resolved = Evidence("a/1", "old", notes=(Reason("allergy-inactive"),))
    severe = Evidence("a/3", "anaphylaxis", notes=(Reason("allergy-severe"),))
    assert by_weight([resolved, IOHEXOL, severe]) == [severe, IOHEXOL, resolved]


def test_the_same_line_is_said_once_and_a_long_list_says_how_many_more(wording: Wording):
    """Two imports of one allergy are one line; of twenty conditions five are named and the rest counted."""
    twin = Evidence("AllergyIntolerance/import", "Iohexol", date="2021-03-04")
    assert evidence_lines([IOHEXOL, twin], wording) == ["“Iohexol”, 2021-03-04"]
    many = [Evidence(f"Condition/{n}", f"Condition {n}") for n in range(20)]
    lines = evidence_lines(many, wording)
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == "and 15 more"
