"""Cards stage, patient-view: one quiet card with the interventional options that the record supports, the best first.

An option that something critical stands against, or an alert, is none. The best: least stands against it, then what
cannot wait, then what a department does most often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cds_service.cards.context import CardContext
from cds_service.cards.evidence import fact_of, found_line
from cds_service.cards.gaps import gaps_of
from cds_service.cards.headline import first_fitting
from cds_service.cards.members import Member
from cds_service.cards.order_names import procedure_ids, procedure_name
from cds_service.cards.part import Part, Step, Words
from cds_service.certainty import Certainty
from cds_service.findings.finding import OrderFinding, Shown
from cds_service.indicator import Indicator

TOPIC = "options"
_RAREST = 9


def options_part(context: CardContext) -> Part | None:
    """The options that the record supports, or None where it supports none."""
    options = ranked(context.findings.orders)
    if not options:
        return None
    return Part(
        topic=TOPIC,
        indicator=Indicator.INFO,
        words=lambda: _words(options, context),
        rows=procedure_ids(options),
    )


def _words(options: Sequence[OrderFinding], context: CardContext) -> Words:
    wording = context.wording
    names = [procedure_name(option, context) for option in options]
    listed = [wording.listed(names, most) for most in (3, 2, 1)]
    return Words(
        summary=first_fitting([wording.say("options.summary", procedures=shown) for shown in listed]),
        found=tuple(_option(option, context) for option in options),
        steps=(Step(wording.say("options.ask")),),
        source=wording.say("source.rules"),
    )


def options_not_checked_part(context: CardContext) -> Part | None:
    """What says that conditions could not be read, so that no option is no answer; only beside shown options."""
    gaps = gaps_of(context)
    if gaps is None or not gaps.unread:
        return None
    wording = context.wording
    data = wording.joined([wording.label("record", kind) for kind in gaps.unread])
    words = Words(
        summary=first_fitting([wording.say("options.not-checked", data=data)]), source=wording.say("source.service")
    )
    return Part(topic="gaps", indicator=Indicator.INFO, words=lambda: words)


def ranked(orders: Sequence[OrderFinding]) -> list[OrderFinding]:
    """The options, the best first."""
    options = [order for order in orders if order.procedure and order.indication is Certainty.PRESENT]
    possible = [order for order in options if not order.alerts and _worst(order) < Indicator.CRITICAL]
    return sorted(possible, key=_rank)


def _rank(option: OrderFinding) -> tuple[int, bool, int]:
    procedure = option.procedure
    often = procedure.frequency if procedure else None
    return _worst(option), not (procedure and procedure.emergency), often or _RAREST


def _worst(option: OrderFinding) -> int:
    return max((member.indicator for member in _against(option)), default=0)


def _against(option: OrderFinding) -> Iterator[Member]:
    for row in option.contraindications:
        for found in row.criteria:
            if found.certainty is Certainty.PRESENT and found.told.shown is Shown.CARD:
                yield Member(row.contraindication, found, (option,))


def _option(option: OrderFinding, context: CardContext) -> str:
    wording = context.wording
    against = sorted(_against(option), key=lambda member: -member.indicator)
    facts = wording.listed([fact_of(member, context).what for member in against], 2)
    key = "options.against" if against else "options.option"
    name = procedure_name(option, context)
    return wording.say(key, procedure=name, reasons=_reasons(option, context), facts=facts)


def _reasons(option: OrderFinding, context: CardContext) -> str:
    present = [finding for finding in option.indications if finding.certainty is Certainty.PRESENT]
    items = [found_line(item, None, context) for finding in present for item in finding.evidence]
    return context.wording.listed(items or [finding.indication.label for finding in present], 2)
