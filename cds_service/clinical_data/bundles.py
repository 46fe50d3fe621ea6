"""Prefetch values, context Bundles and pages of a server -> a `RetrievedData`, each resource kept as bytes.

Absent, null, empty Bundle and OperationOutcome are four different things. One bad entry never sinks
the others; it makes what was retrieved incomplete.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from cds_service.clinical_data.outcomes import says_nothing_found
from cds_service.clinical_data.retrieved import RawResource, RetrievedData, Unavailable, missing
from cds_service.fhir_references import names_patient
from cds_service.reasons import Reason

_NONE = msgspec.Raw()
_BESIDE = ("include", "outcome")
_ANSWERS = ("searchset", "collection", None)
"""Types of Bundles that answer a search; clients and servers of little care send `collection`, or no type."""
OF_NOBODY = frozenset({"Medication"})
"""Resource types that name no patient. Source: FHIR R4 Medication."""
_WITHHELD = tuple(f'"{code}"'.encode() for code in ("SUBSETTED", "REDACTED", "MASKED"))
"""Codes of meta.tag and meta.security that say that a part was left out. Source: HL7 v3 ObservationValue, FHIR R4
Resource.meta."""
_WITHHELD_END = b'ED"'
"""How all of them end: most data are done with after one look."""


class _Reference(msgspec.Struct, gc=False):
    reference: str | None = None


class _Actor(msgspec.Struct):
    actor: _Reference | None = None


class _Meta(msgspec.Struct, rename="camel"):
    last_updated: str | None = None


class _Head(msgspec.Struct, rename="camel", gc=False):
    """What is read of every resource before its stage reads the rest."""

    resource_type: str
    id: str | None = None
    meta: msgspec.Raw = _NONE
    subject: _Reference | None = None
    patient: _Reference | None = None
    participant: msgspec.Raw = _NONE


class _Link(msgspec.Struct):
    relation: str | None = None
    url: str | None = None


class _Search(msgspec.Struct, gc=False):
    mode: str | None = None


class _Entry(msgspec.Struct, rename="camel", gc=False):
    resource: msgspec.Raw = _NONE
    full_url: str | None = None
    search: _Search | None = None


class _Bundle(msgspec.Struct, rename="camel"):
    resource_type: str
    type: Any = None
    entry: list[_Entry] | None = None
    link: list[_Link] | None = None
    total: int | None = None
    meta: msgspec.Raw = _NONE


class _RoughBundle(msgspec.Struct, rename="camel"):
    """The same with entries left raw, for a Bundle of which one entry is broken."""

    resource_type: str
    type: Any = None
    entry: list[msgspec.Raw] | None = None
    link: list[_Link] | None = None
    total: int | None = None
    meta: msgspec.Raw = _NONE


_bundle = msgspec.json.Decoder(_Bundle)
_rough_bundle = msgspec.json.Decoder(_RoughBundle)
_entry = msgspec.json.Decoder(_Entry)
_head = msgspec.json.Decoder(_Head)
_actors = msgspec.json.Decoder(list[_Actor])


class PageEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a page, still raw; `body` is empty where it can't be read, `mode` is the search mode."""

    body: bytes
    place: str
    mode: str | None = None


class Page(msgspec.Struct, frozen=True):
    """One answer to a search, or one resource: its entries still raw, and where it goes on.

    `next_url` is as given. `withheld`: its own meta says that a part was left out.
    """

    resource_type: str
    entries: tuple[PageEntry, ...]
    next_url: str | None = None
    total: int | None = None
    bundle_type: str | None = None
    withheld: bool = False

    @property
    def answers_a_search(self) -> bool:
        """Whether it can be the answer to a search: a resource, or a Bundle of a type that is one."""
        return self.resource_type != "Bundle" or self.bundle_type in _ANSWERS


def read_page(data: str, raw: bytes) -> Page | None:
    """One prefetch value, context Bundle or answer of a server; None where it can't be read."""
    try:
        bundle = _decode_bundle(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    if bundle.resource_type != "Bundle":
        return Page(bundle.resource_type, (PageEntry(raw, data),))
    entries = []
    for number, entry in enumerate(bundle.entry or ()):
        body, mode = bytes(entry.resource), entry.search.mode if entry.search else None
        place = entry.full_url if body and entry.full_url else f"{data}.entry[{number}]"
        entries.append(PageEntry(body, place, mode))
    links = [link.url for link in bundle.link or () if _is_next(link.relation)]
    following = (links[0] or "") if links else None
    kind = bundle.type if isinstance(bundle.type, str) else None
    return Page("Bundle", tuple(entries), following, bundle.total, kind, _says_withheld(bundle.meta))


def _is_next(relation: str | None) -> bool:
    """Whether a link leads on. Source: RFC 8288, 2.1.1: names without case; some are written as IANA's URI."""
    return (relation or "").strip().rpartition("/")[2].lower() == "next"


def read_prefetch(data: str, raw: bytes, types: Collection[str], patient_id: str) -> tuple[RetrievedData, Page | None]:
    """Read one prefetch value or context Bundle, and the page that it stood on where more of it follows.

    Args:
        data: the prefetch key or context field, for messages.
        raw: its JSON bytes; `null` means "looked, nothing there".
        types: resource types that count; a Bundle of a search may hold others only as `include`.
        patient_id: bare id; resources of another patient are never used and leave the data incomplete.
    """
    if raw.strip() == b"null":
        return RetrievedData(), None
    page = read_page(data, raw)
    if page is None:
        return missing(data, "unreadable-bundle"), None
    if page.resource_type == "OperationOutcome":
        return missing(data, "refused"), None
    if page.resource_type != "Bundle" and page.resource_type not in types:
        return missing(data, "wrong-type"), None
    found = collect(data, [page], types, patient_id)
    if not page.answers_a_search:
        gap = Unavailable(data, Reason("bundle-type", {"type": page.bundle_type or ""}))
        found = replace(found, unavailable=(gap, *found.unavailable))
    return found, page if page.next_url is not None else None


def collect(
    data: str,
    pages: Sequence[Page],
    types: Collection[str],
    patient_id: str,
    gaps: Collection[Unavailable] = (),
    source: str = "prefetch",
) -> RetrievedData:
    """The records of pages that follow each other; what is wrong with one entry is a gap beside the others.

    Args:
        data: the prefetch key or context field, for messages.
        pages: of Bundles, or one resource; the last one says whether there is more.
        types: resource types that count.
        patient_id: bare id.
        gaps: what is already known to be missing.
        source: where they came from, `prefetch` or `fhir`.
    """
    unavailable = list(gaps)
    if pages and not gaps and _goes_on(pages):
        unavailable.append(Unavailable(data, Reason("more-pages")))
    if any(page.withheld for page in pages):
        unavailable.append(Unavailable(data, Reason("list-withheld")))
    entries = [entry for page in pages for entry in page.entries]
    unavailable += [
        Unavailable(data, Reason("unreadable-resource"), entry.place) for entry in entries if not entry.body
    ]
    records, more = _records(data, [entry for entry in entries if entry.body], types, patient_id, source != "fhir")
    return RetrievedData(records, unavailable=(*unavailable, *more), source=source)


def merged(parts: Sequence[RetrievedData]) -> RetrievedData:
    """Several parts of one kind of data as one: each resource once, and every gap."""
    records = dict.fromkeys((record.reference, record.body) for part in parts for record in part.records)
    types = {record.reference: record.resource_type for part in parts for record in part.records}
    return RetrievedData(
        tuple(RawResource(reference, types[reference], body) for reference, body in records),
        any(part.obtained for part in parts),
        tuple(gap for part in parts for gap in part.unavailable),
        parts[-1].source,
    )


def _decode_bundle(raw: bytes) -> _Bundle:
    """All entries in one go; where one of them is broken, one by one, so that it is the only one lost."""
    try:
        return _bundle.decode(raw)
    except msgspec.DecodeError:
        rough = _rough_bundle.decode(raw)
        entries = [_decode_entry(entry) for entry in rough.entry or ()]
        return _Bundle(rough.resource_type, rough.type, entries, rough.link, rough.total, rough.meta)


def _decode_entry(raw: msgspec.Raw) -> _Entry:
    try:
        return _entry.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return _Entry()


def _goes_on(pages: Sequence[Page]) -> bool:
    """Whether there is more than these: a next link, or a total above the matches that are here.

    Source: FHIR R4 Bundle.total counts matches only, not what a search includes beside them.
    """
    if pages[-1].next_url is not None:
        return True
    totals = [page.total for page in pages if page.total is not None]
    if not totals:
        return False
    matches = sum(entry.mode not in _BESIDE for page in pages for entry in page.entries)
    return totals[-1] > matches  # an earlier one may be an estimate


def _records(
    data: str, entries: Sequence[PageEntry], types: Collection[str], patient_id: str, trusted: bool
) -> tuple[tuple[RawResource, ...], list[Unavailable]]:
    records: list[tuple[_Head, RawResource]] = []
    unavailable = []
    heads = _heads_of(entries)
    any_withheld = _WITHHELD_END in b"".join([head.meta for head in heads if head is not None])
    patient = f"Patient/{patient_id}"
    for head, entry in zip(heads, entries, strict=True):
        usual = head is not None and head.id and head.resource_type in types and entry.mode != "outcome"
        if usual and head is not None and _is_plainly_of(head, patient):
            found: RawResource | Unavailable | None = RawResource(
                f"{head.resource_type}/{head.id}", head.resource_type, entry.body
            )
        else:
            found = _record(data, head, entry, types, patient_id, trusted=trusted)
        if isinstance(found, Unavailable):
            unavailable.append(found)
        elif found is not None and head is not None:
            records.append((head, found))
            if any_withheld and _says_withheld(head.meta):
                unavailable.append(Unavailable(data, Reason("withheld"), found.reference))
    return _current(records), unavailable


def _says_withheld(meta: msgspec.Raw) -> bool:
    """Whether a part of a resource or Bundle was left out: what it says counts, what it does not say is not known."""
    return any(code in bytes(meta) for code in _WITHHELD)


def _current(records: Sequence[tuple[_Head, RawResource]]) -> tuple[RawResource, ...]:
    if len({record.reference for _, record in records}) == len(records):
        return tuple([record for _, record in records])
    versions: dict[str, list[tuple[_Head, RawResource]]] = {}
    for head, record in records:
        versions.setdefault(record.reference, []).append((head, record))
    return tuple(record for same in versions.values() for record in _newest(same))


def _newest(versions: Sequence[tuple[_Head, RawResource]]) -> list[RawResource]:
    """One of several copies of a resource; of several versions the newest, or all where that can't be told.

    Source: FHIR R4 Resource.meta: a new version has a later lastUpdated.
    """
    if len(versions) == 1:
        return [versions[0][1]]
    different = {record.body: (head, record) for head, record in versions}
    if len(different) == 1:
        return [versions[0][1]]
    dated = {moment: record for head, record in different.values() if (moment := _last_updated(head)) is not None}
    if len(dated) < len(different):
        return [record for _, record in different.values()]
    return [dated[max(dated)]]


def _heads_of(entries: Sequence[PageEntry]) -> list[_Head | None]:
    """The head of each resource, None for a broken one."""
    decode = _head.decode
    try:
        return [decode(entry.body) for entry in entries]
    except (msgspec.DecodeError, RecursionError):
        return [_head_of(entry.body) for entry in entries]


def _head_of(body: bytes) -> _Head | None:
    try:
        return _head.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _record(
    data: str, head: _Head | None, entry: PageEntry, types: Collection[str], patient_id: str, *, trusted: bool
) -> RawResource | Unavailable | None:
    """The resource of one entry, why it can't be used, or None for one that says nothing of this kind of data."""
    if head is None:
        return Unavailable(data, Reason("unreadable-resource"), entry.place)
    if head.resource_type == "OperationOutcome" or entry.mode == "outcome":
        return None if says_nothing_found(entry.body) else Unavailable(data, Reason("incomplete-error-entry"))
    reference = f"{head.resource_type}/{head.id}" if head.id else entry.place
    if head.resource_type not in types:
        if entry.mode == "include" and not any(f'"{name}"'.encode() in entry.body for name in types):
            return None
        return Unavailable(data, Reason("wrong-type"), reference)
    try:
        mine = _is_of(head, patient_id, trusted=trusted)
    except msgspec.DecodeError:
        return Unavailable(data, Reason("unreadable-resource"), reference)
    if mine is not True:
        return Unavailable(data, Reason("unclear-patient" if mine is None else "other-patient"), reference)
    return RawResource(reference, head.resource_type, entry.body)


def _is_plainly_of(head: _Head, patient: str) -> bool:
    """Whether it names the patient as nearly every resource does, and nobody else."""
    if head.subject is not None:
        return head.patient is None and head.subject.reference == patient
    return head.patient is not None and head.patient.reference == patient and not len(head.participant)


def _is_of(head: _Head, patient_id: str, *, trusted: bool) -> bool | None:
    """Whether the resource is the patient's; None where it can't be told.

    One that names nobody counts where the EHR sent it: it was found by a search for the patient (`trusted`).
    """
    if _is_plainly_of(head, f"Patient/{patient_id}"):
        return True
    if head.resource_type == "Patient":
        return head.id in (None, patient_id)
    if head.resource_type in OF_NOBODY:
        return True
    named = [r.reference for r in (head.subject, head.patient) if r is not None and r.reference is not None]
    if len(head.participant):
        actors = [a.actor.reference for a in _actors.decode(head.participant) if a.actor and a.actor.reference]
        named += [actor for actor in actors if "Patient/" in actor]
    if not named and not trusted:
        return None
    answers = [names_patient(name, patient_id) for name in named]
    return False if False in answers else (None if None in answers else True)


def _last_updated(head: _Head) -> datetime | None:
    """When this version was written; None where it is not said."""
    try:
        text = msgspec.json.decode(head.meta, type=_Meta).last_updated if len(head.meta) else None
        moment = datetime.fromisoformat(text) if text else None
    except (msgspec.DecodeError, ValueError):
        return None
    return moment if moment is not None and moment.tzinfo else None
