"""The clinical_data stage: `HookRequest` -> `ClinicalData`. What is here is raw; what is not here has a reason.

Data come from prefetch; what it left out is asked of the FHIR server that the call names, if it names one.
Source: CDS Hooks 2.0.1, Providing FHIR Resources to a CDS Service.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from cds_service.clinical_data.bundles import Page, merged, read_prefetch
from cds_service.clinical_data.data_request import DataQuery
from cds_service.clinical_data.drafts import read_drafted_medications, read_drafts
from cds_service.clinical_data.fhir_access import FhirServers
from cds_service.clinical_data.retrieved import ClinicalData, RawResource, RetrievedData, Unavailable, missing
from cds_service.clinical_data.searches import Query, query_of
from cds_service.errors import TooManyOrders
from cds_service.fhir_references import local_reference
from cds_service.hooks.request import HookRequest
from cds_service.kinds import CLINICAL, KINDS, DataKind
from cds_service.reasons import Reason

_ORDER = re.compile(r"ServiceRequest/(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}")
_NAMED_ORDERS = "orders"
MOST_ORDERS = 500
"""Orders that one call is judged on: far more than anyone signs at once, and a bound for time and answer."""


class _Reference(msgspec.Struct):
    reference: str | None = None


class _BasedOn(msgspec.Struct, rename="camel"):
    based_on: list[_Reference] | None = None


class _Prefetched(msgspec.Struct, frozen=True):
    """What prefetch held of one kind; `last_page` is there where more pages follow it."""

    kind: DataKind
    data: RetrievedData
    last_page: Page | None = None


def gather(
    request: HookRequest,
    fhir: FhirServers | None = None,
    codes: Mapping[str, Sequence[str]] | None = None,
    not_connected: Collection[str] = (),
) -> ClinicalData:
    """Everything that the call may be judged on.

    Args:
        request: the call.
        fhir: the way to FHIR servers; without it, prefetch is all there is.
        codes: prefetch key -> codes to search a server for, as `Knowledge.search_codes`.
        not_connected: prefetch keys of what the EHR never sends, as `Knowledge.not_connected`: no server is asked.

    Returns:
        The data of every kind that the service asks for, and of every clinical kind: one that it does not ask for was
        not sent.

    Raises:
        TooManyOrders: the call is about more than `MOST_ORDERS`.
    """
    sent = [_prefetched(request, KINDS[key], not_connected) for key in request.service.prefetch_keys]
    by_kind = {one.kind.key: one.data for one in sent}
    by_kind |= {kind.key: missing(kind.key, "not-sent") for kind in CLINICAL if kind.key not in by_kind}
    drafts = _drafts(request)
    in_focus = _selected(request, drafts)
    if max(len(in_focus.records), len(request.dispatched_orders)) > MOST_ORDERS:
        raise TooManyOrders(f"/context has more orders than one call is judged on: send {MOST_ORDERS} at a time.")
    if fhir is not None and request.fhir_server:
        queries = list(_queries(request, sent, _named_orders(request, in_focus), codes or {}))
        found = fhir.fetch(request.fhir_server, request.access_token, request.patient_id, queries)
        by_kind |= {key: _together(key, by_kind[key], fetched) for key, fetched in found.items()}
    known = by_kind.get(_NAMED_ORDERS, RetrievedData())
    if request.service.focus == "dispatchedOrders":
        in_focus = _named_only(by_kind.pop(_NAMED_ORDERS), request.dispatched_orders, _NAMED_ORDERS)
    refused = Unavailable("fhirServer", Reason("fhir-server-not-allowed"))
    gaps = (refused,) if request.fhir_server_refused else ()
    beside = _beside(in_focus, drafts, known)
    return ClinicalData(in_focus, by_kind, gaps, beside, _drafted_medications(request))


def _drafted_medications(request: HookRequest) -> RetrievedData:
    drafts = request.context.get("draftOrders")
    return read_drafted_medications(drafts, request.patient_id) if drafts else RetrievedData()


def _beside(in_focus: RetrievedData, *others: RetrievedData) -> tuple[RawResource, ...]:
    """The ServiceRequests that are not in focus."""
    focus = {record.reference for record in in_focus.records}
    came = (record for data in others for record in data.records if record.reference not in focus)
    return tuple(record for record in came if record.resource_type == "ServiceRequest")


def _prefetched(request: HookRequest, kind: DataKind, not_connected: Collection[str]) -> _Prefetched:
    raw = request.prefetch.get(kind.key)
    if raw is None and kind.key in not_connected:
        return _Prefetched(kind, missing(kind.key, "not-connected"))
    if raw is None:
        return _Prefetched(kind, missing(kind.key, "not-sent"))
    return _Prefetched(kind, *read_prefetch(kind.key, raw, kind.resource_types, request.patient_id))


def _drafts(request: HookRequest) -> RetrievedData:
    """The orders or appointments that the context carries itself."""
    focus = request.service.focus
    if focus in ("none", "dispatchedOrders"):
        return RetrievedData()
    field = "appointments" if focus == "appointments" else "draftOrders"
    return read_drafts(field, request.context[field], request.patient_id)


def _selected(request: HookRequest, drafts: RetrievedData) -> RetrievedData:
    """Those of them that the call is about."""
    selects = request.service.focus == "selections"
    return _named_only(drafts, request.selections, "draftOrders") if selects else drafts


def _queries(
    request: HookRequest, sent: Sequence[_Prefetched], orders: Sequence[str], codes: Mapping[str, Sequence[str]]
) -> Iterator[DataQuery]:
    """What prefetch left out: kinds that were not sent, kinds that go on, and orders that are named and not there."""
    for one in sent:
        kind, types = one.kind, one.kind.resource_types
        if kind.role == "orders":
            known = {record.reference for record in one.data.records}
            if unknown := [reference for reference in orders if reference not in known]:
                yield DataQuery(kind.key, types, tuple(map(Query, unknown)))
            continue
        if any(gap.reason.key == "not-connected" for gap in one.data.unavailable):
            continue
        template = kind.prefetch_template(codes.get(kind.key, ()))
        goes_on = any(gap.reason.key == "more-pages" for gap in one.data.unavailable)
        if template is not None and (goes_on or not one.data.obtained):
            asked = query_of(template, request.patient_id)
            beside = tuple(replace(asked, path=other) for other in kind.also_asked)
            include = (("_include", kind.include),) if kind.include else ()
            main = replace(asked, parameters=(*asked.parameters, *include))
            yield DataQuery(kind.key, types, (main,), one.last_page, beside)


def _named_orders(request: HookRequest, in_focus: RetrievedData) -> list[str]:
    """`ServiceRequest/id` of the orders that the call only names: the dispatched ones, or those of appointments."""
    named = list(request.dispatched_orders)
    for record in in_focus.records:
        if record.resource_type == "Appointment":
            named += _based_on(record)
    local = dict.fromkeys(local_reference(reference) for reference in named)
    return [reference for reference in local if _ORDER.fullmatch(reference)]


def _based_on(record: RawResource) -> list[str]:
    try:
        references = msgspec.json.decode(record.body, type=_BasedOn).based_on or ()
    except (msgspec.DecodeError, RecursionError):
        return []  # the facts stage reports that the appointment can't be read
    return [one.reference for one in references if one.reference]


def _together(key: str, sent: RetrievedData, fetched: RetrievedData) -> RetrievedData:
    """What prefetch held and what the server gave, as one."""
    if not sent.obtained:
        return fetched
    both = merged([sent, fetched])
    if fetched.complete and key != _NAMED_ORDERS:
        return replace(both, unavailable=())
    gaps = [gap for gap in both.unavailable if gap.reason.key != "more-pages" or key == _NAMED_ORDERS]
    return replace(both, unavailable=tuple(gap for place, gap in enumerate(gaps) if gap not in gaps[:place]))


def _named_only(orders: RetrievedData, references: tuple[str, ...], data: str) -> RetrievedData:
    """The orders that the context names, in its order; a named one that is not there is a gap."""
    wanted = [ref for ref in dict.fromkeys(map(local_reference, references)) if ref.startswith("ServiceRequest/")]
    there = {record.reference for record in orders.records}
    gaps = [gap for gap in orders.unavailable if gap.reference in (*wanted, *references)]
    unfound = [ref for ref in wanted if ref not in there and ref not in {gap.reference for gap in gaps}]
    # What else is wrong with the list matters only where an order is not in the part of it that was retrieved.
    gaps += [gap for gap in orders.unavailable if unfound and not _is_id(gap.reference)]
    gaps += [Unavailable(data, Reason("order-not-found"), ref) for ref in unfound]
    named = tuple(record for ref in wanted for record in orders.records if record.reference == ref)
    return RetrievedData(named, orders.obtained, tuple(gaps))


def _is_id(reference: str | None) -> bool:
    return reference is not None and reference.startswith("ServiceRequest/")
