"""Reasons to go ahead are counted by what they say of the card."""

from __future__ import annotations

from cds_service.knowledge.override_reasons import reason_in_words, reasons_by_kind
from cds_service.knowledge.tables import Knowledge

SYSTEM = "https://example.org/ir-cds/fhir/CodeSystem/override-reasons"


def test_reasons_are_counted_by_kind(knowledge: Knowledge):
    """Useful, wrong, data gap, limit or urgency; an old code, or one of another system, is counted apart."""
    given = {
        "other-agent-planned": 2,
        "correction-planned": 1,
        "tolerated-since": 1,
        "emergency": 4,
        "not-applicable": 1,
    }
    reasons = {f"{SYSTEM}|{code}": count for code, count in given.items()} | {"urn:ehr|because": 2}
    assert reasons_by_kind(reasons, knowledge.reason_kinds) == {"urgency": 4, "useful": 3, "other": 3, "wrong": 1}


def test_a_reason_is_told_in_words(knowledge: Knowledge):
    """A report tells a reason of the tables in its words, and one of the EHR's own as its code."""
    assert reason_in_words(f"{SYSTEM}|accepted-by-operator", knowledge.override_reasons) == "Accepted by the operator"
    assert reason_in_words("urn:ehr|because", knowledge.override_reasons) == "because"
