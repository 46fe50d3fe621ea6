"""Orders that a call carries itself: every draft that may be an order for a procedure is read, or named as not read.

Drafts come in Bundles, in Bundles inside of them, and as contained resources of a group of requests. Drafts of another
kind (a MedicationRequest) are none of ours.
Source: CDS Hooks 2.0.1, order-select, order-sign and appointment-book; FHIR R4 RequestGroup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from cds_service.clinical_data.bundles import Page, PageEntry, collect, read_page
from cds_service.clinical_data.retrieved import RetrievedData, Unavailable, missing
from cds_service.reasons import Reason

ORDER_TYPES = {"draftOrders": ("ServiceRequest",), "appointments": ("Appointment",)}
"""Context field -> the resource types that are judged."""
_DRAFTS = "draftOrders"
_GROUPS = frozenset({"RequestGroup", "CarePlan", "RequestOrchestration"})
"""Resources that may hold the orders of which they consist."""
_NOT_READ = frozenset({"ProcedureRequest", "DiagnosticOrder", "ReferralRequest", "DiagnosticRequest", "Task"})
"""Resources by which other releases of FHIR, or other workflows, order a procedure."""
_DEEPEST = 4


class _Group(msgspec.Struct, rename="camel"):
    """What is read of a resource that may hold orders."""

    resource_type: str
    id: str | None = None
    contained: list[msgspec.Raw] | None = None


_group = msgspec.json.Decoder(_Group)


def read_drafts(field: str, raw: bytes, patient_id: str) -> RetrievedData:
    """The orders in one field of a context.

    Args:
        field: `draftOrders` or `appointments`.
        raw: its JSON bytes.
        patient_id: bare id; orders of another patient are not judged, and leave a gap.
    """
    if raw.strip() == b"null":
        return RetrievedData()
    page = read_page(field, raw)
    if page is None:
        return missing(field, "unreadable-bundle")
    types = ORDER_TYPES[field]
    found = list(_entries(field, page, depth=0))
    gaps = [one for one in found if isinstance(one, Unavailable)]
    entries = tuple(one for one in found if isinstance(one, PageEntry))
    drafts = collect(field, [replace(page, entries=entries, next_url=None, total=None)], types, patient_id)
    return replace(drafts, unavailable=(*gaps, *_of_ours(drafts.unavailable)))


def read_drafted_medications(raw: bytes, patient_id: str) -> RetrievedData:
    """The medication orders in `draftOrders`; what else is wrong there is told with the orders for procedures."""
    page = read_page(_DRAFTS, raw) if raw.strip() != b"null" else None
    if page is None:
        return RetrievedData()
    found = _entries(_DRAFTS, page, depth=0)
    entries = [one for one in found if isinstance(one, PageEntry) and b"MedicationRequest" in one.body]
    whole = replace(page, entries=tuple(entries), next_url=None, total=None)
    return RetrievedData(collect(_DRAFTS, [whole], ("MedicationRequest",), patient_id).records)


def _entries(field: str, page: Page, depth: int) -> Iterator[PageEntry | Unavailable]:
    for entry in page.entries:
        head = _head(entry.body)
        if head is None:
            yield entry  # says itself that it can't be read
        elif head.resource_type == "Bundle" and depth < _DEEPEST:
            inner = read_page(f"{entry.place}", entry.body)
            yield from _entries(field, inner, depth + 1) if inner else [entry]
        elif head.resource_type in _GROUPS:
            yield from _contained(field, head, entry, depth)
        elif head.resource_type in _NOT_READ or head.resource_type == "Bundle":
            reference = f"{head.resource_type}/{head.id}" if head.id else entry.place
            yield Unavailable(field, Reason("order-of-another-type", {"type": head.resource_type}), reference)
        else:
            yield entry


def _contained(field: str, group: _Group, entry: PageEntry, depth: int) -> Iterator[PageEntry | Unavailable]:
    """The resources that a group holds itself; those that it only refers to are drafts of their own."""
    place = f"{group.resource_type}/{group.id}" if group.id else entry.place
    inner = tuple(PageEntry(bytes(raw), f"{place}#{number}") for number, raw in enumerate(group.contained or (), 1))
    if inner and depth < _DEEPEST:
        yield from _entries(field, Page("Bundle", inner), depth + 1)


def _head(body: bytes) -> _Group | None:
    try:
        return _group.decode(body) if body else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _of_ours(gaps: Sequence[Unavailable]) -> list[Unavailable]:
    """Without drafts of other kinds: nothing is missing for them."""
    return [gap for gap in gaps if gap.reason.key != "wrong-type" or not gap.reference]
