"""Cards stage: the refusal of a call of which nothing could be judged, with every reason in words."""

from __future__ import annotations

from cds_service.cards.wording import Wording
from cds_service.errors import NothingJudged
from cds_service.findings.finding import Findings
from cds_service.kinds import KINDS
from cds_service.knowledge.tables import Knowledge


def nothing_judged(findings: Findings, knowledge: Knowledge) -> NothingJudged:
    """The error that says why nothing of the record could be retrieved."""
    wording = Wording(knowledge.wording)
    gaps = [gap for gap in findings.unavailable if gap.data in KINDS and KINDS[gap.data].is_clinical]
    why = "; ".join(dict.fromkeys(wording.reason(gap.reason, data=gap.data) for gap in gaps))
    return NothingJudged(f"Nothing could be judged: {why}.", tuple(dict.fromkeys(gap.reason.key for gap in gaps)))
