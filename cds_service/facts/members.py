"""Members of a resource that repeat from one to the next (codes, statuses), read from their bytes and remembered.

A record holds thousands of resources, and a few hundred codes: what was read before costs a look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import msgspec

from cds_service.facts.patient_facts import Concept
from cds_service.facts.resources import RawConcept, Status, Unreadable, concept

T = TypeVar("T")
_MOST = 4096
_LONGEST = 1024
"""Bytes: longer ones are read anew each time."""
_concept_decoder = msgspec.json.Decoder(RawConcept | None)
_status_decoder = msgspec.json.Decoder(Status | None)


def remembered(read: Callable[[bytes], T]) -> Callable[[msgspec.Raw], T]:
    """A reader of one member that remembers its latest answers; it is given an empty text where nothing was sent."""
    known = lru_cache(_MOST)(read)

    def read_member(raw: msgspec.Raw) -> T:
        body = bytes(raw)
        return known(body) if len(body) <= _LONGEST else read(body)

    return read_member


def decode_member(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    """One member, None where it was not sent.

    Raises:
        Unreadable: it has the wrong type.
    """
    try:
        return decoder.decode(body) if body else None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable from error


@remembered
def read_concept(body: bytes) -> Concept:
    """The CodeableConcept of a member that was left raw.

    Raises:
        Unreadable: it is none.
    """
    return concept(decode_member(_concept_decoder, body))


@remembered
def read_status(body: bytes) -> str | None:
    """As `status_code`, of a member that was left raw.

    Raises:
        Unreadable: it is no status.
    """
    return status_code(decode_member(_status_decoder, body))


def status_code(raw: Status | None) -> str | None:
    """The lower-case code of a status, however it is sent; None where there is none.

    HL7's own coding counts before a local one beside it.
    """
    if raw is None:
        return None
    if isinstance(raw, str):
        return raw.strip().lower() or None
    codings = [c for c in raw.coding or () if c is not None and c.code]
    if len(codings) == 1:
        return (codings[0].code or "").strip().lower() or None
    standard = [c.code for c in codings if c.system and "hl7.org/" in c.system]
    named = next(iter([*standard, *(c.code for c in codings), raw.text]))
    return named.strip().lower() if named else None
