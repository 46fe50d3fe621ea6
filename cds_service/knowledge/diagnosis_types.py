"""What a diagnosis in words says, as frozen types: the output of `diagnosis_texts.py`. Only types live here."""

from __future__ import annotations

from enum import Enum

import msgspec

from cds_service.knowledge.value_sets import Hit


class Standing(Enum):
    """How a text speaks of a diagnosis that it names and doesn't deny."""

    STATED = "stated"
    PAST = "past"
    """`history of`, `status post`, `resolved`: it may still hold."""
    DOUBTFUL = "doubtful"
    """`possible`, `rule out`, `?`, or joined to what is denied."""


class Mention(msgspec.Struct, frozen=True):
    """A diagnosis that a text names. `sure`: every word of the phrase around it is known."""

    hits: tuple[Hit, ...]
    standing: Standing
    sure: bool


class DiagnosisReading(msgspec.Struct, frozen=True):
    """What a text says. `known`: every word is known, and together they say something."""

    mentions: tuple[Mention, ...]
    known: bool
