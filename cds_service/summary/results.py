"""The results of one order: each lab that a question asks for, with its newest value, its age and every limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from cds_service.cards.context import CardContext
from cds_service.cards.dates import DAYS_TOLD, moment_of
from cds_service.cards.escape import harmless, sentence_case
from cds_service.cards.evidence import lab_name, shown_result, test_name
from cds_service.cards.members import Member
from cds_service.cards.quantities import shown_limit, shown_reason
from cds_service.certainty import Certainty
from cds_service.findings.finding import Evidence, Shown
from cds_service.indicator import Indicator
from cds_service.summary.document import Result

_NOT_ON_RECORD = ("no-result", "older-than", "data-absent")


def results_of(members: Iterable[Member], cards: CardContext) -> tuple[Result, ...]:
    """One line a lab, in the order of the tables; `members` are questions about labs."""
    by_lab: dict[str, list[Member]] = {}
    for member in members:
        limit = member.finding.criterion.question.limit
        if limit is not None:
            by_lab.setdefault(limit.lab, []).append(member)
    return tuple(_result(lab, asked, cards) for lab, asked in by_lab.items())


def results_to_order(members: Iterable[Member], cards: CardContext) -> Iterator[str]:
    """`Order INR.`: tests that are not on record, or too old, where this order needs them."""
    missing = [m for m in members if _is_missing(m) and m.finding.told.shown is not Shown.NONE]
    labs = dict.fromkeys(lab for member in missing for lab in member.finding.criterion.question.labs)
    if labs:
        names = [test_name(cards.knowledge.labs[lab], cards) for lab in labs]
        yield cards.wording.say("gap_do.order", labs=cards.wording.joined(names))


def _is_missing(member: Member) -> bool:
    reason = member.finding.reason
    return member.finding.certainty is Certainty.UNKNOWN and reason is not None and reason.key in _NOT_ON_RECORD


def _result(lab: str, members: Sequence[Member], cards: CardContext) -> Result:
    wording = cards.wording
    worst = max(members, key=_weight)
    item = next((member.finding.evidence[0] for member in (worst, *members) if member.finding.evidence), None)
    limits = [limit for member in members if (limit := member.finding.criterion.question.limit) is not None]
    shown = [
        wording.say("limit.line", limit=text, cite=wording.label("cite", limit.cite))
        for limit in limits
        if (text := shown_limit(limit, wording))
    ]
    crossed = worst.finding.certainty is Certainty.PRESENT
    return Result(
        lab=lab,
        name=sentence_case(lab_name(cards.knowledge.labs[lab], cards)),
        value=shown_result(item, limits[0], cards) if item and item.value is not None else "",
        date=harmless(item.date or "") if item else "",
        when=_when(item, cards),
        age_days=_age_in_days(item, cards.today),
        limits=tuple(dict.fromkeys(shown)),
        says=_says(worst, cards),
        certainty=worst.finding.certainty.value,
        level=(worst.finding.indicator or Indicator.INFO).word if crossed else "",
        references=(harmless(item.reference),) if item else (),
    )


def _weight(member: Member) -> tuple[int, int]:
    order = (Certainty.ABSENT, Certainty.UNKNOWN, Certainty.PRESENT)
    return order.index(member.finding.certainty), member.indicator


def _says(member: Member, cards: CardContext) -> str:
    if member.finding.certainty is Certainty.UNKNOWN:
        return shown_reason(member.finding.reason, cards.wording)
    notes = [note for item in member.finding.evidence[:1] for note in item.notes]
    what = "within" if member.finding.certainty is Certainty.ABSENT else "beyond"
    said = [cards.wording.say(f"summary.result.{what}"), *(shown_reason(note, cards.wording) for note in notes)]
    return "; ".join(said)


def _when(item: Evidence | None, cards: CardContext) -> str:
    """The date with how long ago: days up to a fortnight, then weeks."""
    if item is None or not item.date:
        return ""
    moment = moment_of(item.date, cards.today, cards.wording)
    age = _age_in_days(item, cards.today)
    return (
        f"{moment.full}, {moment.interval}" if age is not None and age > DAYS_TOLD and moment.interval else moment.full
    )


def _age_in_days(item: Evidence | None, today: date | None) -> int | None:
    try:
        return (today - date.fromisoformat(item.date[:10])).days if item and item.date and today else None
    except ValueError:
        return None  # a year or month is no day
