"""Cards stage: at most three cards. Critical ones stand alone; all that is information is one card.

Where there are more than three all the same, the quieter ones share the last; the decision holds everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.cards.advice import MOST_SENTENCES
from cds_service.cards.context import CardContext
from cds_service.cards.escape import shorten
from cds_service.cards.headline import MOST_CHARACTERS
from cds_service.cards.part import Part, Words
from cds_service.indicator import Indicator

MOST_CARDS = 3
_OF_THE_FIRST = 4
"""Items of the record that are listed of the loudest; the others are there with their headlines."""
SEVERAL = "several"
"""The topic of a card that holds more than one matter."""


def folded(parts: Sequence[Part], context: CardContext) -> list[Part]:
    """The cards, the loudest first; of equally loud ones the weightiest, else as given."""
    ranked = sorted(parts, key=lambda part: (-part.indicator, -part.weight))
    critical = [part for part in ranked if part.indicator is Indicator.CRITICAL]
    warnings = [part for part in ranked if part.indicator is Indicator.WARNING]
    notes = [part for part in ranked if part.indicator is Indicator.INFO]
    quiet = [_together(notes, context)] if notes else []
    room = MOST_CARDS - len(critical)
    if len(warnings) + len(quiet) <= room:
        return [*critical, *warnings, *quiet]
    alone = max(room - 1, 0)
    left = [*warnings[alone:], *notes]
    rest = [_together(left, context)] if room > 0 or warnings[alone:] else []
    return [*critical, *warnings[:alone], *rest]


def _together(parts: Sequence[Part], context: CardContext) -> Part:
    """One card of several: the headline of the loudest, the headlines of the others, what to do about each."""
    first = parts[0]
    if len(parts) == 1:
        return first
    topics = dict.fromkeys(part.topic for part in parts)
    return Part(
        topic=first.topic if len(topics) == 1 else SEVERAL,
        indicator=max(part.indicator for part in parts),
        words=lambda: _words_together([part.words() for part in parts], context),
        rows=tuple(dict.fromkeys(row for part in parts for row in part.rows)),
        holds=tuple((part.topic, part.rows) for part in parts),
        subjects=tuple(dict.fromkeys(subject for part in parts for subject in part.subjects)),
    )


def _words_together(parts: Sequence[Words], context: CardContext) -> Words:
    first = parts[0]
    steps = list(
        dict.fromkeys(step for turn in range(MOST_SENTENCES) for part in parts for step in part.steps[turn : turn + 1])
    )
    return Words(
        summary=_summary(first.summary, len(parts) - 1, context),
        found=tuple(dict.fromkeys([*first.found[:_OF_THE_FIRST], *(part.summary for part in parts[1:])])),
        limits=tuple(dict.fromkeys(line for part in parts for line in part.limits)),
        steps=tuple(sorted(steps[:MOST_SENTENCES], key=lambda step: step.when)),
        source=first.source,
        source_row=first.source_row,
        suggestions=tuple(suggestion for part in parts for suggestion in part.suggestions)[:MOST_SENTENCES],
        meanwhile=any(part.meanwhile for part in parts),
    )


def _summary(summary: str, more: int, context: CardContext) -> str:
    """The first headline, and how many more there are: in words where they fit, else as a number."""
    whole = context.wording.count("headline.more", more, summary=summary)
    if len(whole) <= MOST_CHARACTERS:
        return whole
    number = f" (+{more})"
    return shorten(summary, MOST_CHARACTERS - len(number)) + number
