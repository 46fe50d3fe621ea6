"""Cards stage: the detail of a card: the blocks Found, Limit, Do and Looked at, in bullets, at most 900 characters."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.cards.advice import MOST_SENTENCES
from cds_service.cards.context import CardContext
from cds_service.cards.dates import planned_day
from cds_service.cards.escape import sentence_case, shorten
from cds_service.cards.part import Words
from cds_service.cards.wording import Wording
from cds_service.findings.finding import LookedAt

MOST_CHARACTERS = 900
MOST_FOUND = 5
_MOST_LIMITS = 3
_MOST_OF_A_LINE = 320
_SHORT_LINE = 80


def detail_of(part: Words, context: CardContext) -> str:
    """The detail; where it is too long, fewer items of the record are listed, then fewer limits, then shorter lines."""
    wording = context.wording
    end = looked_at_line(context)
    for length in (_MOST_OF_A_LINE, _SHORT_LINE):
        for limits in (_MOST_LIMITS, 1):
            for found in range(MOST_FOUND, 0, -1):
                text = "\n".join([*_blocks(part, wording, found, limits, length), f"- {end}"])
                if len(text) <= MOST_CHARACTERS:
                    return text
    return text


def _blocks(part: Words, wording: Wording, found: int, limits: int, length: int) -> list[str]:
    do = "meanwhile" if part.meanwhile else "do"
    steps = [step.sentence for step in part.steps[:MOST_SENTENCES]]
    return [
        *_block("found", _at_most(part.found, found, length, wording), wording),
        *_block("limit", _at_most(part.limits, limits, length, wording), wording),
        *_block(do, steps, wording),
    ]


def _block(name: str, lines: Sequence[str], wording: Wording) -> list[str]:
    """A bullet with one line, or with a list below it; nothing for no lines."""
    if len(lines) <= 1:
        return [f"- {wording.say(f'block.{name}', line=line)}" for line in lines]
    return [f"- {wording.say(f'block.{name}-list')}", *(f"  - {line}" for line in lines)]


def _at_most(lines: Sequence[str], most: int, length: int, wording: Wording) -> list[str]:
    shown = [sentence_case(shorten(line, length)) for line in lines[:most]]
    left = len(lines) - most
    return [*shown, wording.say("list.more-lines", count=left)] if left > 0 else shown


def looked_at_line(context: CardContext) -> str:
    """`Looked at: 3 allergy entries, 12 diagnoses, results to 20 Nov. Not looked at: medications.`"""
    wording = context.wording
    kinds = context.findings.looked_at
    read = ", ".join(shown_kind(kind, context) for kind in kinds if kind.count is not None) or wording.say(
        "looked_at.order"
    )
    unread = ", ".join(wording.label("unlooked", kind.data) for kind in kinds if kind.count is None)
    if unread:
        return wording.say("block.looked-at-partly", read=read, unread=unread)
    return wording.say("block.looked-at", read=read)


def shown_kind(kind: LookedAt, context: CardContext) -> str:
    """What was read of one kind of data: `3 diagnoses`, `results to 20 Nov`; and where that is not all of it."""
    wording = context.wording
    if kind.newest is not None:
        what = wording.say("looked_at.results-to", date=planned_day(kind.newest, context.today, wording))
    elif f"looked_at.{kind.data}.other" in wording.templates:
        what = wording.count(f"looked_at.{kind.data}", kind.count or 0)
    else:
        what = f"{kind.count} {wording.label('data', kind.data)}"
    return what if kind.whole else wording.say("looked_at.partly", what=what)
