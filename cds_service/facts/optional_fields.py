"""Fields that are no reason to give up a resource: where one can't be read, it counts as not sent."""

from __future__ import annotations

import msgspec

from cds_service.facts.patient_facts import Concept
from cds_service.facts.resources import RawAnnotation, RawConcept, RawPeriod, RawReference, RawTiming, concept, is_given

_concepts = msgspec.json.Decoder(list[RawConcept] | RawConcept)
_annotations = msgspec.json.Decoder(list[RawAnnotation] | RawAnnotation | str)
_reference_decoder = msgspec.json.Decoder(RawReference)
_period_decoder = msgspec.json.Decoder(RawPeriod)
_timing_decoder = msgspec.json.Decoder(RawTiming)
_text_decoder = msgspec.json.Decoder(str)


def decode_concepts(raw: msgspec.Raw) -> list[Concept]:
    """CodeableConcepts that may help to name an order, one or a list; none where they can't be read."""
    try:
        found = _concepts.decode(raw) if is_given(raw) else []
    except (msgspec.DecodeError, RecursionError):
        return []
    return [concept(one) for one in (found if isinstance(found, list) else [found])]


def decode_notes(raw: msgspec.Raw) -> list[str]:
    """Texts that may help to name an order: Annotations or a plain text; none where they can't be read."""
    try:
        found = _annotations.decode(raw) if is_given(raw) else []
    except (msgspec.DecodeError, RecursionError):
        return []
    notes = found if isinstance(found, list) else [found]
    return [text for note in notes if (text := note if isinstance(note, str) else note.text)]


def decode_text(raw: msgspec.Raw) -> str | None:
    """A text that is no reason to give up the resource; None where there is none, or it is no text."""
    try:
        return _text_decoder.decode(raw) if is_given(raw) else None
    except (msgspec.DecodeError, RecursionError):
        return None


def decode_start(raw: msgspec.Raw) -> str | None:
    """The start of a Period, as `decode_text`."""
    try:
        return _period_decoder.decode(raw).start if is_given(raw) else None
    except (msgspec.DecodeError, RecursionError):
        return None


def decode_first_event(raw: msgspec.Raw) -> str | None:
    """The earliest event of a Timing, as `decode_text`; one that only repeats names no day."""
    try:
        return min(_timing_decoder.decode(raw).event or (), default=None) if is_given(raw) else None
    except (msgspec.DecodeError, RecursionError):
        return None


def display_of(raw: msgspec.Raw) -> str | None:
    """What a reference calls the resource that it points to; None where it does not say, or can't be read."""
    try:
        return _reference_decoder.decode(raw).display if is_given(raw) else None
    except (msgspec.DecodeError, RecursionError):
        return None
