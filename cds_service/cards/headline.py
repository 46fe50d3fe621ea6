"""Cards stage: a headline, `fact (when): what it means for this order`, at most 100 characters.

What does not fit is left out in this order: how long ago, further facts, the name of the procedure, the end of a long
name, the date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from cds_service.cards.context import CardContext
from cds_service.cards.dates import Moment
from cds_service.cards.escape import CUT, sentence_case, shorten
from cds_service.cards.evidence import Fact
from cds_service.cards.wording import Wording

MOST_CHARACTERS = 100
"""Of a summary; CDS Hooks 2.0.1, Card Attributes, allows 139."""
MOST_FACTS = 3
_LEAST_LEFT = 12
_QUOTES = (("„", "“"), ("«", "»"), ("“", "”"))


def headline(
    facts: Sequence[Fact],
    means: Callable[[str, int], str],
    procedures: Sequence[str],
    context: CardContext,
    *,
    interval: bool = False,
) -> str:
    """The first wording that fits.

    Args:
        facts: the most telling first.
        means: what they mean, for what the orders are called and how many facts are told.
        procedures: what the orders are called, the best first, the shortest last.
        context: of the call.
        interval: how long ago comes before the date: the interval itself is the limit.
    """
    wording = context.wording
    first = facts[0]
    shorter = [[replace(first, what=what, when=first.short_when or first.when)] for what in first.shorter]
    undated = [replace(first, when=Moment())]
    for told in (facts[:MOST_FACTS], *shorter[:1], undated, *shorter[1:]):
        for line in _candidates(told, means, procedures, wording, interval=interval):
            if len(line) <= MOST_CHARACTERS:
                return sentence_case(line)
    meaning = means(procedures[-1], 1)
    what = first.shorter[-1] if first.shorter else first.what
    room = max(_LEAST_LEFT, MOST_CHARACTERS - len(wording.say("headline.line", fact="”", means=meaning)))
    return fitting(wording.say("headline.line", fact=_cut(what, room), means=meaning))


def with_less_of(fact: str, say: Callable[[str], str]) -> str:
    """A sentence around a fact, with as little of the record's words as it takes to fit."""
    line = say(fact)
    if len(line) <= MOST_CHARACTERS:
        return line
    return say(_cut(fact, max(_LEAST_LEFT, MOST_CHARACTERS - len(line) + len(fact))))


def _cut(what: str, room: int) -> str:
    """A fact with fewer of the record's words; those of a sentence stay whole."""
    for opening, closing in _QUOTES:
        before, mark, rest = what.partition(opening)
        quoted, end, after = rest.rpartition(closing)
        if mark and end:
            left = max(_LEAST_LEFT, room - len(what) + len(quoted))
            return f"{before}{opening}{shorten(quoted.removesuffix(CUT), left)}{closing}{after}"
    return shorten(what, room)


def fitting(line: str) -> str:
    """A sentence with a capital, cut where it is too long."""
    return shorten(sentence_case(line), MOST_CHARACTERS)


def first_fitting(lines: Iterable[str]) -> str:
    """The first sentence that fits; else the last, cut. Those after it are not worded."""
    line = ""
    for line in lines:
        if len(line) <= MOST_CHARACTERS:
            return sentence_case(line)
    return fitting(line)


def _candidates(
    facts: Sequence[Fact],
    means: Callable[[str, int], str],
    procedures: Sequence[str],
    wording: Wording,
    *,
    interval: bool,
) -> Iterator[str]:
    for procedure in procedures:
        for count in range(len(facts), 0, -1):
            for brief in (False, True):
                fact = _facts(facts[:count], wording, brief=brief, interval=interval)
                yield wording.say("headline.line", fact=fact, means=means(procedure, count))


def _facts(facts: Sequence[Fact], wording: Wording, *, brief: bool, interval: bool) -> str:
    """`INR 2.2, platelets 41 (24 Nov, today), on aspirin`: what is of one time has its date once."""
    dated = [fact for fact in facts if fact.when != Moment()]
    if len({fact.when for fact in dated}) == 1 and dated == list(facts[: len(dated)]):
        together = _dated(", ".join(fact.what for fact in dated), dated[0], wording, brief=brief, interval=interval)
        return ", ".join([together, *(fact.what for fact in facts[len(dated) :])])
    return ", ".join(_dated(fact.what, fact, wording, brief=brief, interval=interval) for fact in facts)


def _dated(what: str, fact: Fact, wording: Wording, *, brief: bool, interval: bool) -> str:
    when = fact.when
    if interval and when.interval:
        key = "headline.interval-brief" if brief else "headline.interval"
        return wording.say(key, what=what, interval=when.interval, date=when.brief)
    date = when.brief if brief else when.full
    return wording.say("headline.dated", what=what, date=date) if date else what
