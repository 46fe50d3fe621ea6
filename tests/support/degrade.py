"""Ways in which a record can be lost or corrupted on its way to the service; each changes a hook request in place.

None of them is valid information: a null prefetch, a resolved condition or a cancelled result has a meaning
and is not included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Request = dict[str, Any]
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
DATA = ("conditions", "allergies", "observations", "procedures")
_IDENTITY = ("resourceType", "id", "subject", "patient")
_WRONG: tuple[Any, ...] = (5, "garbled", [5], {"coding": 5})


def _bundles(request: Request) -> list[Any]:
    prefetch = request["prefetch"]
    return [b for key in DATA if (b := prefetch.get(key)) is not None and b["resourceType"] == "Bundle"]


def _entries(request: Request) -> list[Any]:
    return [entry for bundle in _bundles(request) for entry in bundle["entry"]]


def _resources(request: Request, *types: str) -> list[Any]:
    found = [entry.get("resource") for entry in _entries(request)]
    return [r for r in found if isinstance(r, dict) and (not types or r.get("resourceType") in types)]


def _of(choices: list[Any], pick: int) -> Any | None:
    return choices[pick % len(choices)] if choices else None


def drop_a_key(request: Request, pick: int) -> None:
    """A prefetch key is not sent."""
    request["prefetch"].pop(_of([*DATA, "patient"], pick), None)


def refuse_a_key(request: Request, pick: int) -> None:
    """An error replaces a prefetch value."""
    request["prefetch"][_of(list(DATA), pick)] = OUTCOME


def refuse_an_entry(request: Request, pick: int) -> None:
    """An error replaces a resource."""
    entry = _of(_entries(request), pick)
    if entry is not None:
        entry["resource"] = OUTCOME


def empty_an_entry(request: Request, pick: int) -> None:
    """An entry has no resource."""
    entry = _of(_entries(request), pick)
    if entry is not None:
        entry.pop("resource", None)


def garble_a_field(request: Request, pick: int) -> None:
    """A field does not have its FHIR type."""
    resources = _resources(request)
    choices = [(r, name, wrong) for r in resources for name in sorted(set(r) - set(_IDENTITY)) for wrong in _WRONG]
    found = _of(choices, pick)
    if found is not None:
        resource, name, wrong = found
        resource[name] = wrong


def garble_what_it_is(request: Request, pick: int) -> None:
    """The type, id or subject of a resource does not have its FHIR type, so the resource can't be used."""
    found = _of([(r, name) for r in _resources(request) for name in _IDENTITY if name in r], pick)
    if found is not None:
        resource, name = found
        resource[name] = 5


def swap_the_patient(request: Request, pick: int) -> None:
    """A resource of another patient replaces one of the patient."""
    resource = _of(_resources(request), pick)
    if resource is not None:
        field = "patient" if resource.get("resourceType") == "AllergyIntolerance" else "subject"
        resource[field] = {"reference": "Patient/another"}


def strip_the_unit(request: Request, pick: int) -> None:
    """A result loses its unit."""
    resource = _of(_resources(request, "Observation"), pick)
    if resource is not None and isinstance(resource.get("valueQuantity"), dict):
        resource["valueQuantity"].pop("unit", None)


def strip_the_value(request: Request, pick: int) -> None:
    """A result loses its value."""
    resource = _of(_resources(request, "Observation"), pick)
    if resource is not None:
        resource.pop("valueQuantity", None)


def strip_the_date(request: Request, pick: int) -> None:
    """A result or a procedure loses its date."""
    resource = _of(_resources(request, "Observation", "Procedure"), pick)
    if resource is not None:
        resource.pop("effectiveDateTime", None)
        resource.pop("performedDateTime", None)


def strip_the_code(request: Request, pick: int) -> None:
    """A resource loses its code."""
    resource = _of(_resources(request), pick)
    if resource is not None:
        resource.pop("code", None)


def add_a_page(request: Request, pick: int) -> None:
    """A list continues on another page, which is not sent."""
    bundle = _of(_bundles(request), pick)
    if bundle is not None:
        bundle["link"] = [{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}]
        del bundle["entry"][pick % (len(bundle["entry"]) + 1) :]


def raise_the_total(request: Request, pick: int) -> None:
    """The total of a list is larger than the number of entries sent."""
    bundle = _of(_bundles(request), pick)
    if bundle is not None:
        bundle["total"] = len(bundle["entry"]) + 1
        del bundle["entry"][pick % (len(bundle["entry"]) + 1) :]


Way = Callable[[Request, int], None]
SPOILED: tuple[Way, ...] = (garble_a_field, strip_the_unit, strip_the_value, strip_the_date, strip_the_code)
"""The resource is still there, visibly corrupted."""
LOST: tuple[Way, ...] = (
    *(drop_a_key, refuse_a_key, refuse_an_entry, empty_an_entry, swap_the_patient, garble_what_it_is),
    *(add_a_page, raise_the_total),
)
"""The resource is missing, and the request shows that something is missing."""
