"""The clinical_data stage: `HookRequest` -> `ClinicalData`. What is here is raw; what is not here has a reason.

Data come from prefetch. A key that was not sent is unavailable until a FHIR server is asked for it.
"""

from __future__ import annotations

from cds_service.clinical_data.bundles import missing, read_resources
from cds_service.clinical_data.records import ClinicalData, Holding, Reason, Unavailable
from cds_service.clinical_data.references import local_reference
from cds_service.hooks.request import HookRequest

RESOURCE_TYPES = {
    "patient": ("Patient",),
    "conditions": ("Condition",),
    "allergies": ("AllergyIntolerance",),
    "observations": ("Observation",),
    "orders": ("ServiceRequest",),
}
"""Prefetch key -> resource types that count."""

_ORDER_TYPES = {"draftOrders": ("ServiceRequest",), "appointments": ("Appointment",)}


def gather(request: HookRequest) -> ClinicalData:
    """Everything that the call may be judged on."""
    holdings = {key: _prefetched(request, key) for key in request.service.prefetch_keys}
    return ClinicalData(_orders(request, holdings), holdings)


def _prefetched(request: HookRequest, key: str) -> Holding:
    raw = request.prefetch.get(key)
    if raw is None:
        return missing(key, "not-sent")
    return read_resources(key, raw, RESOURCE_TYPES[key], request.patient_id)


def _orders(request: HookRequest, holdings: dict[str, Holding]) -> Holding:
    focus = request.service.focus
    if focus == "none":
        return Holding()
    if focus == "dispatchedOrders":
        return _named_only(holdings.pop("orders"), request.dispatched_orders, "orders")
    field = "appointments" if focus == "appointments" else "draftOrders"
    drafts = _without_other_types(
        read_resources(field, request.context[field], _ORDER_TYPES[field], request.patient_id)
    )
    return _named_only(drafts, request.selections, field) if focus == "selections" else drafts


def _without_other_types(drafts: Holding) -> Holding:
    """Drafts of other kinds (a MedicationRequest) are none of ours, and nothing is missing for them."""
    kept = tuple(gap for gap in drafts.unavailable if gap.reason.key != "wrong-type" or not gap.reference)
    return Holding(drafts.records, drafts.obtained, kept)


def _named_only(holding: Holding, references: tuple[str, ...], data: str) -> Holding:
    """The orders that the context names, in its order; a named one that is not there is a gap."""
    wanted = [ref for ref in dict.fromkeys(map(local_reference, references)) if ref.startswith("ServiceRequest/")]
    by_reference = {record.reference: record for record in holding.records}
    broken = {gap.reference for gap in holding.unavailable}
    unfound = [ref for ref in wanted if ref not in by_reference and ref not in broken]
    gaps = [
        gap
        for gap in holding.unavailable
        if gap.reference is None or not _is_id(gap.reference) or gap.reference in wanted
    ]
    gaps += [Unavailable(data, Reason("order-not-found"), ref) for ref in unfound]
    return Holding(tuple(by_reference[ref] for ref in wanted if ref in by_reference), holding.obtained, tuple(gaps))


def _is_id(reference: str) -> bool:
    return reference.startswith("ServiceRequest/")
