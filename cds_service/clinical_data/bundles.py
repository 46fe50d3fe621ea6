"""One prefetch value or context Bundle -> a `Holding`, each resource kept as bytes.

Absent, null, empty Bundle and OperationOutcome are four different things (S-33, S-34). One bad entry never sinks
the others; it makes the holding incomplete.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from cds_service.clinical_data.records import Holding, Reason, Record, Unavailable
from cds_service.clinical_data.references import names_patient


_NONE = msgspec.Raw()


class _Reference(msgspec.Struct):
    reference: str | None = None


class _Actor(msgspec.Struct):
    actor: _Reference | None = None


class _Head(msgspec.Struct, rename="camel"):
    """What is read of every resource before its stage reads the rest."""

    resource_type: str
    id: str | None = None
    subject: _Reference | None = None
    patient: _Reference | None = None
    participant: msgspec.Raw = _NONE


class _Link(msgspec.Struct):
    relation: str | None = None
    url: str | None = None


class _Bundle(msgspec.Struct, rename="camel"):
    resource_type: str
    entry: list[msgspec.Raw] | None = None
    link: list[_Link] | None = None
    total: int | None = None


class _Search(msgspec.Struct):
    mode: str | None = None


class _Entry(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = _NONE
    full_url: str | None = None
    search: _Search | None = None


_bundle = msgspec.json.Decoder(_Bundle)
_entry = msgspec.json.Decoder(_Entry)
_head = msgspec.json.Decoder(_Head)
_actors = msgspec.json.Decoder(list[_Actor])


def missing(data: str, key: str) -> Holding:
    """The holding of something that could not be had at all; `key` is a reason of the wording."""
    return Holding(obtained=False, unavailable=(Unavailable(data, Reason(key)),))


def read_resources(data: str, raw: bytes, types: Collection[str], patient_id: str) -> Holding:
    """Read one prefetch value or context Bundle.

    Args:
        data: the prefetch key or context field, for messages.
        raw: its JSON bytes; `null` means "looked, nothing there".
        types: resource types that count; a Bundle of a search may hold others only as `include`.
        patient_id: bare id; resources of another patient are never used and leave the holding incomplete.
    """
    if raw.strip() == b"null":
        return Holding()
    try:
        bundle = _bundle.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return missing(data, "unreadable-bundle")
    if bundle.resource_type == "OperationOutcome":
        return missing(data, "refused")
    if bundle.resource_type in types:
        return _collect(data, [(raw, None, None)], types, patient_id, ())
    if bundle.resource_type != "Bundle":
        return missing(data, "wrong-type")
    gaps = [Unavailable(data, Reason("more-pages"))] if _goes_on(bundle) else []
    entries = []
    for place, raw_entry in enumerate(bundle.entry or ()):
        try:
            entry = _entry.decode(raw_entry)
        except (msgspec.DecodeError, RecursionError):
            entry = _Entry()
        if not bytes(entry.resource):
            gaps.append(Unavailable(data, Reason("unreadable-resource"), f"{data}.entry[{place}]"))
            continue
        mode = entry.search.mode if entry.search else None
        entries.append((bytes(entry.resource), entry.full_url or f"{data}.entry[{place}]", mode))
    return _collect(data, entries, types, patient_id, gaps)


def _goes_on(bundle: _Bundle) -> bool:
    """Whether there is more than was sent: a next link, or a total above what is here."""
    linked = any(link.relation == "next" for link in bundle.link or ())
    return linked or (bundle.total is not None and bundle.total > len(bundle.entry or ()))


def _collect(
    data: str,
    entries: Collection[tuple[bytes, str | None, str | None]],
    types: Collection[str],
    patient_id: str,
    gaps: Collection[Unavailable],
) -> Holding:
    records: dict[tuple[str, bytes], Record] = {}
    unavailable = list(gaps)
    for body, place, mode in entries:
        found = _record(data, body, place, mode, types, patient_id)
        if isinstance(found, Unavailable):
            unavailable.append(found)
        elif found is not None:
            records.setdefault((found.reference, found.body), found)
    return Holding(tuple(records.values()), unavailable=tuple(unavailable))


def _record(
    data: str, body: bytes, place: str | None, mode: str | None, types: Collection[str], patient_id: str
) -> Record | Unavailable | None:
    """The record of one entry, why it can't be used, or None for an included resource of another kind."""
    try:
        head = _head.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return Unavailable(data, Reason("unreadable-resource"), place or data)
    if head.resource_type == "OperationOutcome" or mode == "outcome":
        return Unavailable(data, Reason("incomplete-error-entry"))
    reference = f"{head.resource_type}/{head.id}" if head.id else (place or data)
    if head.resource_type not in types:
        return None if mode == "include" else Unavailable(data, Reason("wrong-type"), reference)
    try:
        mine = _is_of(head, patient_id)
    except msgspec.DecodeError:
        return Unavailable(data, Reason("unreadable-resource"), reference)
    if mine is not True:
        return Unavailable(data, Reason("unclear-patient" if mine is None else "other-patient"), reference)
    return Record(reference, head.resource_type, body)


def _is_of(head: _Head, patient_id: str) -> bool | None:
    """Whether the resource is the patient's; one that names nobody was found by a search for the patient."""
    if head.resource_type == "Patient":
        return head.id in (None, patient_id)
    named = [r.reference for r in (head.subject, head.patient) if r is not None and r.reference is not None]
    if bytes(head.participant):
        actors = [a.actor.reference for a in _actors.decode(head.participant) if a.actor and a.actor.reference]
        named += [actor for actor in actors if "Patient/" in actor]
    answers = {names_patient(reference, patient_id) for reference in named}
    return True if answers <= {True} else (False if False in answers else None)
