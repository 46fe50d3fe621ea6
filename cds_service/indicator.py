"""How loudly a person is told: the card levels of CDS Hooks 2.0.1, Card Attributes."""

from __future__ import annotations

from enum import IntEnum


class Indicator(IntEnum):
    """The level of a card or finding; ordered, so that `max` is the worst."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """The CDS Hooks spelling: `info`, `warning` or `critical`."""
        return _WORDS[self]

    @property
    def lower(self) -> Indicator:
        """One level lower; info stays info."""
        return Indicator(max(self - 1, Indicator.INFO))


_WORDS = ("", *(level.name.lower() for level in Indicator))


def indicator_of(word: str) -> Indicator:
    """The level of a CDS Hooks word."""
    return Indicator[word.upper()]
