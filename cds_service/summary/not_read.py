"""What was not looked at, and why: kinds of data, entries that can't be read, and what no record of ours holds."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.cards.escape import harmless, sentence_case
from cds_service.cards.quantities import shown_reason
from cds_service.kinds import KINDS
from cds_service.summary.context import SummaryContext
from cds_service.summary.document import Line, Section


def not_read_section(context: SummaryContext) -> Section:
    """The last section: empty lines only where every kind of data was retrieved whole and all of it was read."""
    wording = context.cards.wording
    lines = tuple({line.text: line for line in _lines(context)}.values())
    state = "not-read" if lines else "nothing-recorded"
    said = [] if lines else [wording.say("summary.all-read")]
    if context.in_shadow:
        said.append(wording.say("summary.state.in-shadow", rows=", ".join(context.shadow_names())))
    said.append(wording.say("summary.never-read"))
    return Section("not-read", wording.say("summary.section.not-read"), state, " ".join(said), lines)


def _lines(context: SummaryContext) -> Iterator[Line]:
    findings, wording = context.cards.findings, context.cards.wording
    told = {gap.data for gap in findings.unavailable if not gap.names_one}
    for gap in findings.unavailable:
        told_why = shown_reason(gap.reason, wording, data=gap.data)
        name = harmless(gap.text or gap.reference or "")
        text = wording.say("gap_found.line", what=wording.say("evidence.recorded", name=name), reason=told_why)
        references = (harmless(gap.reference),) if gap.reference else ()
        yield Line(text if name else sentence_case(told_why), "unknown", references=references)
    for look in findings.looked_at:
        if not look.whole and look.data not in told:
            reason = KINDS[look.data].unavailable if look.count is None else KINDS[look.data].incomplete
            yield Line(sentence_case(shown_reason(reason, wording)), "unknown")
