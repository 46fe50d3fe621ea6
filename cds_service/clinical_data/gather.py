"""The clinical_data stage: `HookRequest` -> `ClinicalData`. What is here is raw; what is not here has a reason.

Data come from prefetch; what it left out is asked of the FHIR server that the call names, if it names one.
Source: CDS Hooks 2.0.1, Providing FHIR Resources to a CDS Service.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from cds_service.clinical_data.bundles import merged, missing, read_page, read_resources
from cds_service.clinical_data.data_request import DataQuery
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.clinical_data.retrieved import ClinicalData, RawResource, RetrievedData, Unavailable
from cds_service.clinical_data.searches import Query, query_of
from cds_service.fhir_references import local_reference
from cds_service.hooks.catalog import prefetch_templates
from cds_service.hooks.request import HookRequest
from cds_service.reasons import Reason

RESOURCE_TYPES = {
    "patient": ("Patient",),
    "conditions": ("Condition",),
    "allergies": ("AllergyIntolerance",),
    "observations": ("Observation",),
    "orders": ("ServiceRequest",),
}
"""Prefetch key -> resource types that count."""

_ORDER = re.compile(r"ServiceRequest/(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}")
_ORDER_TYPES = {"draftOrders": ("ServiceRequest",), "appointments": ("Appointment",)}


class _Reference(msgspec.Struct):
    reference: str | None = None


class _BasedOn(msgspec.Struct, rename="camel"):
    based_on: list[_Reference] | None = None


def gather(request: HookRequest, fhir: FhirServers | None = None, lab_codes: Sequence[str] = ()) -> ClinicalData:
    """Everything that the call may be judged on.

    Args:
        request: the call.
        fhir: the way to FHIR servers; without it, prefetch is all there is.
        lab_codes: codes of the Observations to ask a server for, as `Knowledge` lists them.
    """
    by_kind = {key: _prefetched(request, key) for key in request.service.prefetch_keys}
    focus = _in_focus(request)
    if fhir is not None and request.fhir_server:
        wanted = list(_wanted(request, by_kind, _named_orders(request, focus), lab_codes))
        found = fhir.fetch(request.fhir_server, request.access_token, request.patient_id, wanted)
        by_kind |= {key: _together(key, by_kind[key], had) for key, had in found.items()}
    if request.service.focus == "dispatchedOrders":
        focus = _named_only(by_kind.pop("orders"), request.dispatched_orders, "orders")
    return ClinicalData(focus, by_kind)


def _prefetched(request: HookRequest, key: str) -> RetrievedData:
    raw = request.prefetch.get(key)
    if raw is None:
        return missing(key, "not-sent")
    return read_resources(key, raw, RESOURCE_TYPES[key], request.patient_id)


def _in_focus(request: HookRequest) -> RetrievedData:
    """The orders or appointments that the context carries itself."""
    focus = request.service.focus
    if focus in ("none", "dispatchedOrders"):
        return RetrievedData()
    field = "appointments" if focus == "appointments" else "draftOrders"
    drafts = _without_other_types(
        read_resources(field, request.context[field], _ORDER_TYPES[field], request.patient_id)
    )
    return _named_only(drafts, request.selections, field) if focus == "selections" else drafts


def _wanted(
    request: HookRequest, by_kind: Mapping[str, RetrievedData], orders: Sequence[str], lab_codes: Sequence[str]
) -> Iterator[DataQuery]:
    """What prefetch left out: kinds that were not sent, kinds that go on, and orders that are named and not there."""
    templates = prefetch_templates(request.service, lab_codes)
    for key, retrieved in by_kind.items():
        after = None
        if key == "orders":
            had = {record.reference for record in retrieved.records}
            queries = tuple(Query(reference) for reference in orders if reference not in had)
        else:
            goes_on = any(gap.reason.key == "more-pages" for gap in retrieved.unavailable)
            page = read_page(key, request.prefetch[key]) if goes_on else None
            after = page if page and page.next_url is not None else None
            asked = goes_on or not retrieved.obtained
            queries = (query_of(templates[key], request.patient_id),) if asked and key in templates else ()
        if queries:
            yield DataQuery(key, RESOURCE_TYPES[key], queries, after)


def _named_orders(request: HookRequest, focus: RetrievedData) -> list[str]:
    """`ServiceRequest/id` of the orders that the call only names: the dispatched ones, or those of appointments."""
    named = list(request.dispatched_orders)
    for record in focus.records:
        if record.resource_type == "Appointment":
            named += _based_on(record)
    local = dict.fromkeys(local_reference(reference) for reference in named)
    return [reference for reference in local if _ORDER.fullmatch(reference)]


def _based_on(record: RawResource) -> list[str]:
    try:
        references = msgspec.json.decode(record.body, type=_BasedOn).based_on or ()
    except (msgspec.DecodeError, RecursionError):
        return []  # the facts stage says that the appointment can't be read
    return [one.reference for one in references if one.reference]


def _together(key: str, sent: RetrievedData, had: RetrievedData) -> RetrievedData:
    """What prefetch held and what the server gave, as one."""
    if not sent.obtained:
        return had
    both = merged([sent, had])
    if had.complete and key != "orders":
        return replace(both, unavailable=())
    gaps = [gap for gap in both.unavailable if gap.reason.key != "more-pages" or key == "orders"]
    return replace(both, unavailable=tuple(gap for place, gap in enumerate(gaps) if gap not in gaps[:place]))


def _without_other_types(drafts: RetrievedData) -> RetrievedData:
    """Drafts of other kinds (a MedicationRequest) are none of ours, and nothing is missing for them."""
    kept = tuple(gap for gap in drafts.unavailable if gap.reason.key != "wrong-type" or not gap.reference)
    return RetrievedData(drafts.records, drafts.obtained, kept)


def _named_only(retrieved: RetrievedData, references: tuple[str, ...], data: str) -> RetrievedData:
    """The orders that the context names, in its order; a named one that is not there is a gap."""
    wanted = [ref for ref in dict.fromkeys(map(local_reference, references)) if ref.startswith("ServiceRequest/")]
    by_reference = {record.reference: record for record in retrieved.records}
    gaps = [gap for gap in retrieved.unavailable if gap.reference in wanted]
    unfound = [ref for ref in wanted if ref not in by_reference and ref not in {gap.reference for gap in gaps}]
    # What else is wrong with the list matters only where an order is not in the part of it that was retrieved.
    gaps += [gap for gap in retrieved.unavailable if unfound and not _is_id(gap.reference)]
    gaps += [Unavailable(data, Reason("order-not-found"), ref) for ref in unfound]
    return RetrievedData(
        tuple(by_reference[ref] for ref in wanted if ref in by_reference), retrieved.obtained, tuple(gaps)
    )


def _is_id(reference: str | None) -> bool:
    return reference is not None and reference.startswith("ServiceRequest/")
