"""Cards stage: a call of which nothing could be judged, because nothing of the record could be retrieved.

Clients show an HTTP error to nobody, and some say "all clear" over it; so it is one card, and an error only for the
clients that ask for one.
"""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.cards.card import Card, Kind, bullets, paragraphs, summary
from cds_service.cards.order_names import emergency_block, procedure_ids, procedures_named
from cds_service.cards.quantities import shown_reason
from cds_service.cards.wording import Wording
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.errors import NothingJudged
from cds_service.findings.finding import Findings
from cds_service.kinds import KINDS
from cds_service.knowledge.tables import Knowledge


def nothing_judged(findings: Findings, knowledge: Knowledge) -> NothingJudged | None:
    """The error that says why nothing could be judged; None where something was."""
    if not findings.nothing_retrieved:
        return None
    gaps = _clinical(findings)
    why = "; ".join(_reasons(gaps, Wording(knowledge.wording)))
    return NothingJudged(f"Nothing could be judged: {why}.", tuple(dict.fromkeys(gap.reason.key for gap in gaps)))


def nothing_judged_card(findings: Findings, wording: Wording) -> Card:
    """The card that says so; a warning, but in an emergency, which nothing may delay."""
    judged = [order for order in findings.orders if order.procedure is not None]
    reasons = _reasons(_clinical(findings), wording)
    places = {"procedures": procedures_named(judged, wording, most=2)} if judged else {}
    key = "card.nothing_judged.summary" if judged else "card.nothing_judged.summary-patient"
    return Card(
        kind=Kind.NOT_CHECKED,
        indicator=findings.nothing_judged_indicator,
        summary=summary(wording, key, **places),
        detail=paragraphs(
            emergency_block(judged, wording),
            wording.say("card.not_checked.data"),
            bullets(reasons),
            wording.say("card.what-can-be-done"),
            bullets([wording.say("card.nothing_judged.advice")]),
        ),
        source=wording.say("source.service"),
        topic=("not-checked", wording.say("topic.not-checked")),
        rows=procedure_ids(judged),
    )


def _clinical(findings: Findings) -> list[Unavailable]:
    return [gap for gap in findings.unavailable if gap.data in KINDS and KINDS[gap.data].is_clinical]


def _reasons(gaps: Sequence[Unavailable], wording: Wording) -> list[str]:
    return list(dict.fromkeys(shown_reason(gap.reason, wording, data=gap.data) for gap in gaps))
