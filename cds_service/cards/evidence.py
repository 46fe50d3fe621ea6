"""Cards stage: what the record says, as one line a thing: what, value and unit, date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds_service.cards.escape import MOST_CHARACTERS, harmless
from cds_service.cards.quantities import shown_quantity, shown_reason
from cds_service.cards.wording import Wording
from cds_service.findings.finding import CriterionFinding, Evidence

MOST_LINES = 5
_NAME_IN_BRIEF = 60
# How much an item says for its criterion: the reaction that made it severe first, a softened item last.
_FIRST = frozenset({"allergy-severe"})
_PLAIN = frozenset({"preliminary", "computed", "matched-by-text", "not-normalized"})


def evidence_line(evidence: Evidence, wording: Wording) -> str:
    """One item in full: `Platelets 42 × 10⁹/L, 2026-11-20 (preliminary result)`."""
    what = _what(evidence, wording, MOST_CHARACTERS)
    line = _dated(what, evidence, wording)
    if not evidence.notes:
        return line
    notes = "; ".join(shown_reason(note, wording) for note in evidence.notes)
    return wording.say("evidence.noted", what=line, note=notes)


def evidence_in_brief(evidence: Evidence, wording: Wording) -> str:
    """One item for a summary: `Platelets 42 × 10⁹/L (2026-11-20)`, its name cut where it is long."""
    what = _what(evidence, wording, _NAME_IN_BRIEF)
    date = harmless(evidence.date or "")
    return wording.say("evidence.brief", what=what, date=date) if date else what


def evidence_lines(evidence: Iterable[Evidence], wording: Wording) -> list[str]:
    """Every item once, the most telling first; a long list ends with how many more there are."""
    lines = list(dict.fromkeys(evidence_line(item, wording) for item in by_weight(evidence)))
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[:MOST_LINES], wording.say("list.more-lines", count=len(lines) - MOST_LINES)]


def fact_of(criteria: Sequence[CriterionFinding], wording: Wording) -> str:
    """The most telling item of the loudest criterion; its label where nothing is recorded under it."""
    loudest = max(criteria, key=lambda found: found.indicator or 0)
    items = by_weight(loudest.evidence)
    return evidence_in_brief(items[0], wording) if items else loudest.criterion.label


def by_weight(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Severe reactions first, then plain items, then those that a note softens; otherwise in the given order."""
    return sorted(evidence, key=_weight)


def _weight(evidence: Evidence) -> int:
    keys = {note.key for note in evidence.notes}
    if keys & _FIRST:
        return 0
    return 1 if keys <= _PLAIN else 2


def _what(evidence: Evidence, wording: Wording, most: int) -> str:
    display = evidence.coding.display if evidence.coding else None
    code = evidence.coding.code if evidence.coding else None
    candidates = (harmless(text, most) for text in (evidence.text, display, code, evidence.reference) if text)
    name = next((text for text in candidates if text), "")
    if evidence.value is None:
        return wording.say("evidence.recorded", name=name)
    return wording.say("evidence.measured", name=name, value=shown_quantity(evidence.value, evidence.unit, wording))


def _dated(what: str, evidence: Evidence, wording: Wording) -> str:
    date = harmless(evidence.date or "")
    return wording.say("evidence.dated", what=what, date=date) if date else wording.say("evidence.undated", what=what)
