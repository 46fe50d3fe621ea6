"""Cards stage: patient-view. No order is judged; one card lists what the recorded conditions support.

Each option names what stands against it and what was not checked for it. Nothing is suggested.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cds_service.cards.card import Card, Kind, bullets, paragraphs, summary
from cds_service.cards.evidence import evidence_in_brief, fact_of
from cds_service.cards.not_checked_card import gap_lines
from cds_service.cards.open_questions import DATA_MISSING, names_of, open_questions
from cds_service.cards.order_names import procedure_ids, procedure_label, procedures_named
from cds_service.cards.wording import Wording
from cds_service.certainty import Certainty
from cds_service.clinical_data.retrieved import Unavailable
from cds_service.findings.finding import Findings, OrderFinding
from cds_service.indicator import Indicator
from cds_service.knowledge.questions.condition import ConditionQuestion
from cds_service.knowledge.tables import Knowledge

MOST_OPTIONS = 8
# Gaps without a reference that leave the rest of the data usable.
_PARTIAL = frozenset({"more-pages", "incomplete-error-entry"})


def options_card(findings: Findings, knowledge: Knowledge, wording: Wording) -> Card | None:
    """The options that the record supports, or None where it supports none."""
    options = [order for order in findings.orders if order.procedure and order.indication is Certainty.PRESENT]
    if not options:
        return None
    return Card(
        kind=Kind.OPTIONS,
        indicator=Indicator.INFO,
        summary=summary(wording, "card.options.summary", procedures=procedures_named(options, wording)),
        detail=_detail(options, knowledge, wording),
        source=wording.say("source.indications"),
        topic=("options", wording.say("topic.options")),
        rows=procedure_ids(options),
    )


def options_not_checked_card(findings: Findings, knowledge: Knowledge, wording: Wording) -> Card | None:
    """A card where conditions could not be retrieved at all, or allergies that an option depends on; else None."""
    missed = {q.data_missing for order in findings.orders for q in open_questions(order, knowledge, wording)}
    gaps = [gap for gap in findings.unavailable if _hides_options(gap, missed)]
    if not gaps:
        return None
    data = wording.listed([wording.label("data", gap.data) for gap in gaps])
    return Card(
        kind=Kind.NOT_CHECKED,
        indicator=findings.gap_indicator,
        summary=summary(wording, "card.options.not-checked-summary", data=data),
        detail=paragraphs(
            wording.say("card.not_checked.data"),
            bullets(gap_lines(gaps, wording)),
            wording.say("card.options.not-checked-advice"),
        ),
        source=wording.say("source.service"),
        topic=("not-checked", wording.say("topic.not-checked")),
    )


def _hides_options(gap: Unavailable, missed: set[str | None]) -> bool:
    """Options come from conditions; the other data count only where an option was put to them in vain."""
    at_all = gap.reference is None and gap.reason.key not in _PARTIAL
    return at_all and (gap.data == ConditionQuestion.DATA or (gap.data in DATA_MISSING.values() and gap.data in missed))


def _detail(options: Sequence[OrderFinding], knowledge: Knowledge, wording: Wording) -> str:
    shown, left = options[:MOST_OPTIONS], options[MOST_OPTIONS:]
    more = wording.say("card.options.more", count=len(left), procedures=procedures_named(left, wording, len(left)))
    listed = "\n".join(_option(option, knowledge, wording) for option in shown)
    return paragraphs(wording.say("card.options.about"), listed, more if left else "")


def _option(option: OrderFinding, knowledge: Knowledge, wording: Wording) -> str:
    first = wording.say("card.options.option", procedure=procedure_label(option), reasons=_reasons(option, wording))
    lines = list(_against(option, wording)) or [wording.say("card.options.nothing-against")]
    unknown = names_of(open_questions(option, knowledge, wording), wording)
    if unknown:
        lines.append(wording.say("card.options.not-checked", rows=wording.listed(unknown, most=len(unknown))))
    if option.emergency:
        lines.append(wording.say("card.emergency", procedure=procedure_label(option)))
    return f"{bullets([first])}\n{bullets(lines, level=1)}"


def _reasons(option: OrderFinding, wording: Wording) -> str:
    present = [finding for finding in option.indications if finding.certainty is Certainty.PRESENT]
    items = [evidence_in_brief(item, wording) for finding in present for item in finding.evidence]
    return wording.listed(items or [finding.indication.label for finding in present])


def _against(option: OrderFinding, wording: Wording) -> Iterator[str]:
    """Alerts, then every row that is present, the loudest first."""
    for alert in option.alerts:
        yield wording.say("card.options.alert", alert=wording.say(alert.wording))
    present = [row for row in option.contraindications if row.certainty is Certainty.PRESENT]
    for row in sorted(present, key=lambda row: -(row.indicator or 0)):
        spoken = [finding for finding in row.criteria if finding.certainty is Certainty.PRESENT]
        fact = fact_of(spoken, wording)
        yield wording.say("card.options.against", row=row.contraindication.label, fact=fact)
