"""The three answers to a question put to a record, and how answers combine (Kleene's three-valued logic).

*Unknown* covers whatever stands in the way of an answer: not sent, unreadable, too old, only possible. It never turns
into *absent* by combining.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Certainty(StrEnum):
    """Present, absent, or unknown."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


def all_of(answers: Iterable[Certainty]) -> Certainty:
    """Absent if any answer is, else unknown if any is, else present; present for no answers."""
    return _first(answers, (Certainty.ABSENT, Certainty.UNKNOWN), Certainty.PRESENT)


def any_of(answers: Iterable[Certainty]) -> Certainty:
    """Present if any answer is, else unknown if any is, else absent; absent for no answers."""
    return _first(answers, (Certainty.PRESENT, Certainty.UNKNOWN), Certainty.ABSENT)


def none_of(answers: Iterable[Certainty]) -> Certainty:
    """Present where every answer is absent."""
    return negated(any_of(answers))


def negated(answer: Certainty) -> Certainty:
    """The opposite; what is unknown stays unknown."""
    return _OPPOSITE[answer]


_OPPOSITE = {
    Certainty.PRESENT: Certainty.ABSENT,
    Certainty.ABSENT: Certainty.PRESENT,
    Certainty.UNKNOWN: Certainty.UNKNOWN,
}


def _first(answers: Iterable[Certainty], deciding: tuple[Certainty, ...], otherwise: Certainty) -> Certainty:
    found = tuple(answers)  # to hash an answer costs more than to compare it with all others
    for answer in deciding:
        if answer in found:
            return answer
    return otherwise
